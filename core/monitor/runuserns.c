/* runuserns.c - the user namespace of a container of root's: which ids of the host are its own. */
#include "monitor/runuserns.h"
#include "base/file.h"
#include "base/proc.h"
#include "box/idmap.h"
#include "box/subid.h"
#include "monitor/runjoin.h"
#include "monitor/runparts.h"
#include "monitor/userkeep.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define OWNER	   "containers" /* whose ids --userns auto gives, as podman has it */
#define NOTE	   "ids"	/* of a container: "FIRST_UID FIRST_GID SIZE" */
#define SIZE	   65536
#define RANGES	   64
#define FILE_MAX   ((size_t)1 << 20)
#define EXAMPLE_ID "CONTAINER:HOST:SIZE such as 0:100000:65536"

/* A kind of ids, and what was asked for it. */
struct kind {
	const char *option, *file, *name, *named; /* by this option */
	const struct strs *maps;
	struct spec_id_mappings own;	/* asked for one by one */
	struct spec_id_mappings ranges; /* that may be given */
	struct spec_id_mappings used;	/* ... of which others have these: host_id and size */
	struct spec_id_mappings *out;
};

static bool is_auto(const struct run_options *o)
{
	return o->userns && !strncmp(o->userns, "auto", 4) &&
	       (!o->userns[4] || o->userns[4] == ':');
}

static bool has_maps(const struct run_options *o)
{
	return o->uidmaps.n || o->gidmaps.n || o->subuid || o->subgid;
}

static bool is_joined(const struct run_options *o)
{
	return o->userns && (o->joined ? o->joined->users
				       : !strncmp(o->userns, "container:", 10) ||
						 !strncmp(o->userns, "ns:/", 4));
}

bool userns_wanted(const struct run_options *o)
{
	return is_auto(o) || is_joined(o) || userkeep_wanted(o) || has_maps(o);
}

int userns_check(const struct run_options *o, struct err *e)
{
	const char *mode = o->userns ? o->userns : "";
	bool host = !*mode || !strcmp(mode, "host"), own = !strcmp(mode, "private");
	if (!host && !own && !is_auto(o) && !is_joined(o) && !userkeep_wanted(o))
		return option_refuse(
			"userns", mode,
			"one of host, auto[:size=NUMBER,...], keep-id[:uid=ID,gid=ID,size=N], "
			"nomap, container:ID, ns:PATH or, with --uidmap or --subuidname, private",
			e);
	if (own && !has_maps(o))
		return refuse(e, EINVAL,
			      "option --userns: private needs --uidmap, --gidmap, --subuidname or "
			      "--subgidname, which say the ids; auto chooses some");
	if (*mode && !own && has_maps(o))
		return refuse(e, EINVAL, "option --userns: %s goes not with --uidmap and such",
			      mode);
	if (is_joined(o) && o->replace && o->name && !strncmp(mode, "container:", 10) &&
	    !strcmp(mode + 10, o->name))
		return refuse(e, EINVAL,
			      "option --userns: container %s is to be replaced: its ids go",
			      o->name);
	if (userkeep_wanted(o))
		return userkeep_check(o, e);
	if (userns_wanted(o) && !is_joined(o) && subid_inside())
		return refuse(e, EPERM,
			      "option --userns: only root's containers have ids to choose: a "
			      "user's has all that are his already; keep-id shows him as himself");
	return 0;
}

static int add_map(struct kind *k, const char *text, struct arena *a, struct err *e)
{
	struct spec_id_mapping *to = LIST_ADD(a, &k->own);
	if (!to)
		return option_room(k->option, e);
	return idmap_parse(text, to) ? 0 : option_refuse(k->option, text, EXAMPLE_ID, e);
}

/* The ranges that a user has in /etc/subuid or /etc/subgid. */
static int read_ranges(struct kind *k, const char *option, const char *owner, struct arena *a,
		       struct err *e)
{
	auto_buf text = { .max = FILE_MAX };
	struct err absent = { 0 };
	k->ranges = (struct spec_id_mappings){ arena_array(a, RANGES, sizeof(*k->ranges.v)), 0 };
	if (!k->ranges.v)
		return option_room(option, e);
	if (file_read(-1, k->file, &text, &absent) == 0 && text.p)
		subid_parse(text.p, NULL, owner, RANGES, &k->ranges);
	return k->ranges.n ? 0
			   : refuse(e, ENOENT,
				    "option --%s: %s has no ids of the user %s: add a line such as "
				    "%s:2147483648:1073741824",
				    option, k->file, owner, owner);
}

int64_t userns_free(const struct spec_id_mappings *ranges, const struct spec_id_mappings *used,
		    uint32_t size)
{
	for (size_t i = 0; i < ranges->n; i++) {
		uint64_t at = ranges->v[i].host_id, end = at + ranges->v[i].size;
		for (size_t k = 0; k < used->n && at + size <= end;) {
			const struct spec_id_mapping *u = &used->v[k++];
			uint64_t past = (uint64_t)u->host_id + u->size;
			if (u->host_id < at + size && at < past) {
				at = past;
				k = 0; /* it may now be in another's */
			}
		}
		if (at + size <= end)
			return (int64_t)at;
	}
	return -1;
}

/* Ids 0 to size of the container: what was asked for one by one, the others from first on. */
static int fill(struct kind *k, uint32_t first, uint32_t size, struct arena *a, struct err *e)
{
	struct spec_id_mappings *out = k->out;
	for (uint64_t at = 0, next; at < size; at = next) {
		const struct spec_id_mapping *in = NULL;
		next = size;
		for (size_t i = 0; i < k->own.n; i++) {
			const struct spec_id_mapping *m = &k->own.v[i];
			if (m->container_id <= at && at < (uint64_t)m->container_id + m->size)
				in = m;
			else if (m->container_id > at && m->container_id < next)
				next = m->container_id;
		}
		if (in) {
			next = (uint64_t)in->container_id + in->size;
			continue;
		}
		struct spec_id_mapping *to = LIST_ADD(a, out);
		if (!to)
			return option_room("userns", e);
		*to = (struct spec_id_mapping){ (uint32_t)at, first + (uint32_t)at,
						(uint32_t)(next - at) };
	}
	for (size_t i = 0; i < k->own.n; i++) {
		struct spec_id_mapping *to = LIST_ADD(a, out);
		if (!to)
			return option_room("userns", e);
		*to = k->own.v[i];
	}
	return 0;
}

/* Of "auto:size=N,uidmapping=C:H:S". */
static int read_auto(const char *mode, struct kind kinds[2], uint32_t *size, struct arena *a,
		     struct err *e)
{
	struct strs words;
	int rc = 0;
	*size = SIZE;
	if (words_split(mode + 4 + !!mode[4], ",", a, &words) < 0)
		return option_room("userns", e);
	for (size_t i = 0; rc == 0 && i < words.n; i++) {
		const char *word = words.v[i], *value = strchr(word, '=');
		char *end = NULL;
		unsigned long n = value ? strtoul(value + 1, &end, 10) : 0;
		if (value && !strncmp(word, "uidmapping=", 11))
			rc = add_map(&kinds[0], value + 1, a, e);
		else if (value && !strncmp(word, "gidmapping=", 11))
			rc = add_map(&kinds[1], value + 1, a, e);
		else if (!strncmp(word, "size=", 5) && end && !*end && n && n < UINT32_MAX)
			*size = (uint32_t)n;
		else
			return option_refuse("userns", word,
					     "one of size=NUMBER, uidmapping=CONTAINER:HOST:SIZE, "
					     "gidmapping=CONTAINER:HOST:SIZE",
					     e);
	}
	return rc;
}

struct finding {
	struct kind *kinds;
	struct arena *a;
};

/* What a container has noted: a range of both. */
static int add_used(void *arg, const char *id, char *text, struct err *e)
{
	const struct finding *f = arg;
	unsigned uid, gid, size;
	if (sscanf(text, "%u %u %u", &uid, &gid, &size) != 3)
		return refuse(e, EBADMSG, "containers/%s/" NOTE " of the store is damaged", id);
	for (size_t i = 0; i < 2; i++) {
		struct spec_id_mapping *to = LIST_ADD(f->a, &f->kinds[i].used);
		if (!to)
			return option_room("userns", e);
		*to = (struct spec_id_mapping){ 0, i ? gid : uid, size };
	}
	return 0;
}

static int note_ids(int dir, uint64_t uid, uint64_t gid, uint64_t size, struct err *e)
{
	char text[80];
	int n = snprintf(text, sizeof(text), "%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", uid, gid,
			 size);
	return file_swap(dir, NOTE, text, (size_t)n, 0600, e);
}

/* While nobody else chooses. */
static int choose(struct kind kinds[2], const struct store *s, const char *id, uint32_t size,
		  struct arena *a, struct err *e)
{
	struct finding f = { kinds, a };
	int64_t first[2];
	auto_close int all = openat(s->dir, "containers", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_close int dir = store_container_open(s, id, e);
	if (dir < 0)
		return dir;
	while (all < 0 || flock(all, LOCK_EX) < 0)
		if (all < 0 || errno != EINTR)
			return fail(e, errno, "lock the store's containers");
	int rc = store_notes_each(s, NOTE, add_used, &f, e);
	for (size_t i = 0; rc == 0 && i < 2; i++) {
		first[i] = userns_free(&kinds[i].ranges, &kinds[i].used, size);
		if (first[i] < 0)
			return refuse(e, ENOSPC,
				      "option --userns: no %u ids of the user " OWNER " in %s are "
				      "free: give it more, remove containers, or ask for fewer "
				      "with --userns auto:size=NUMBER",
				      size, kinds[i].file);
		rc = fill(&kinds[i], (uint32_t)first[i], size, a, e);
	}
	return rc < 0 ? rc : note_ids(dir, (uint64_t)first[0], (uint64_t)first[1], size, e);
}

static int use_auto(struct kind kinds[2], const char *mode, const struct store *s, const char *id,
		    struct arena *a, struct err *e)
{
	uint32_t size;
	int rc = read_auto(mode, kinds, &size, a, e);
	for (size_t i = 0; rc == 0 && i < 2; i++)
		rc = read_ranges(&kinds[i], "userns", OWNER, a, e);
	return rc < 0 ? rc : choose(kinds, s, id, size, a, e);
}

static int use_maps(struct kind *k, struct arena *a, struct err *e)
{
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < k->maps->n; i++)
		rc = add_map(k, k->maps->v[i], a, e);
	if (rc == 0 && k->name)
		rc = read_ranges(k, k->named, k->name, a, e);
	*k->out = k->name ? k->ranges : k->own;
	return rc == 0 && k->name && k->maps->n
		       ? refuse(e, EINVAL, "option --%s: it goes not with the name of a user",
				k->option)
		       : rc;
}

/* The ids from the first to the last; how many. */
static uint64_t span(const struct spec_id_mappings *l, uint64_t *first)
{
	uint64_t end = 0;
	*first = UINT32_MAX;
	for (size_t i = 0; i < l->n; i++) {
		uint64_t at = l->v[i].host_id, past = at + l->v[i].size;
		*first = at < *first ? at : *first;
		end = past > end ? past : end;
	}
	return end - *first;
}

/* Those of a namespace that was given by its path may be some that we give: to nobody as long as
 * the container is there. Unless it has the host's own. */
static int span_note(const struct store *s, const struct joined *j, const char *id, struct err *e)
{
	uint64_t uid, gid, uids = span(&j->uids, &uid), gids = span(&j->gids, &gid);
	if (!uid)
		return 0;
	auto_close int dir = store_container_open(s, id, e);
	return dir < 0 ? dir : note_ids(dir, uid, gid, uids > gids ? uids : gids, e);
}

/* Nobody else is given these ids as long as one of the two is there. */
static int share_note(const struct store *s, const char *owner, const char *id, struct err *e)
{
	auto_buf text = { .max = FILE_MAX };
	auto_close int from = store_container_open(s, owner, NULL);
	if (from < 0 || faccessat(from, NOTE, F_OK, 0) < 0)
		return 0;
	auto_close int to = store_container_open(s, id, e);
	int rc = to < 0 ? to : file_read(from, NOTE, &text, e);
	return rc < 0 ? rc : file_swap(to, NOTE, text.p ? text.p : "", text.len, 0600, e);
}

static int use_joined(struct spec *s, const struct run_options *o, const struct store *store,
		      const char *id, struct arena *a, struct err *e)
{
	struct spec_namespace *to = LIST_ADD(a, &s->linux_->namespaces);
	if (!to)
		return option_room("userns", e);
	*to = (struct spec_namespace){ "user", o->userns + strlen("ns:") };
	s->linux_->uid_mappings = o->joined->uids;
	s->linux_->gid_mappings = o->joined->gids;
	if (!o->joined->owner)
		return span_note(store, o->joined, id, e);
	int rc = share_note(store, o->joined->owner, id, e);
	/* As long as it lives its note is there: nobody had these ids before ours was. */
	if (rc == 0 && proc_ended(o->joined->owner_held))
		rc = refuse(e, ESRCH,
			    "option --userns: container %s has ended: its ids may be another's",
			    o->joined->owner);
	return rc;
}

int userns_check_alone(const struct spec *s, struct err *e)
{
	const struct spec_user *u = &s->process->user;
	if (!subid_alone() || (!u->uid && !u->gid))
		return 0;
	return refuse(e, EINVAL,
		      "no ids for user %" PRIu32 ":%" PRIu32
		      ": /etc/subuid and /etc/subgid have none "
		      "of ours, or newuidmap is missing (package uidmap); or say --userns "
		      "keep-id:uid=%" PRIu32 ",gid=%" PRIu32 ", or --user 0:0",
		      u->uid, u->gid, u->uid, u->gid);
}

int userns_apply(struct spec *s, const struct run_options *o, const struct store *store,
		 const char *id, struct arena *a, struct err *e)
{
	struct spec_linux *l = s->linux_;
	if (is_joined(o))
		return use_joined(s, o, store, id, a, e);
	if (userkeep_wanted(o))
		return userkeep_apply(s, o, a, e);
	struct kind kinds[2] = {
		{ .option = "uidmap",
		  .file = "/etc/subuid",
		  .name = o->subuid ? o->subuid : o->subgid,
		  .named = o->subuid ? "subuidname" : "subgidname",
		  .maps = o->uidmaps.n ? &o->uidmaps : &o->gidmaps,
		  .out = &l->uid_mappings },
		{ .option = "gidmap",
		  .file = "/etc/subgid",
		  .name = o->subgid ? o->subgid : o->subuid,
		  .named = o->subgid ? "subgidname" : "subuidname",
		  .maps = o->gidmaps.n ? &o->gidmaps : &o->uidmaps,
		  .out = &l->gid_mappings },
	};
	l->uid_mappings.n = l->gid_mappings.n = 0;
	int rc = is_auto(o) ? use_auto(kinds, o->userns, store, id, a, e)
			    : use_maps(&kinds[0], a, e);
	if (rc == 0 && !is_auto(o))
		rc = use_maps(&kinds[1], a, e);
	struct spec_namespace *to = rc < 0 ? NULL : LIST_ADD(a, &l->namespaces);
	if (rc == 0 && !to)
		rc = option_room("userns", e);
	if (to)
		*to = (struct spec_namespace){ .type = "user" };
	return rc;
}

/* The host's id of the container's root, or of any that it has. */
static uint32_t host_root(const struct spec_id_mappings *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].container_id == 0)
			return l->v[i].host_id;
	return l->v[0].host_id;
}

int userns_root_ids(const struct spec_linux *l, struct root_ids *out, struct err *e)
{
	int ns = idmap_namespace(&l->uid_mappings, &l->gid_mappings, e);
	if (ns < 0)
		return ns;
	*out = (struct root_ids){ .ns = ns,
				  .uid = host_root(&l->uid_mappings),
				  .gid = host_root(&l->gid_mappings) };
	return 0;
}

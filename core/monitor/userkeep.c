/* userkeep.c - the user namespace of a user's container: himself in it as himself, or not at all.
 */
#include "monitor/userkeep.h"
#include "base/file.h"
#include "box/subid.h"
#include "box/user.h"
#include "monitor/runparts.h"
#include "monitor/runpasswd.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#define KEEP  "keep-id"
#define NOMAP "nomap"

static bool is_nomap(const struct run_options *o)
{
	return o->userns && !strcmp(o->userns, NOMAP);
}

bool userkeep_wanted(const struct run_options *o)
{
	const size_t n = strlen(KEEP);
	return is_nomap(o) || (o->userns && !strncmp(o->userns, KEEP, n) &&
			       (!o->userns[n] || o->userns[n] == ':'));
}

/* What the user is in the container, and how many ids it has (0: all that he has). */
struct who {
	uint32_t uid, gid, size;
};

static uint32_t *value_of(struct who *w, const char *word)
{
	return !strncmp(word, "uid=", 4)    ? &w->uid
	       : !strncmp(word, "gid=", 4)  ? &w->gid
	       : !strncmp(word, "size=", 5) ? &w->size
					    : NULL;
}

/* Of "keep-id:uid=1000,gid=1000". */
static int read_who(const struct run_options *o, struct who *out, struct err *e)
{
	struct who w = { (uint32_t)getauxval(AT_EUID), (uint32_t)getauxval(AT_EGID), 0 };
	const char *p = o->userns + strlen(KEEP);
	while (*p) {
		char *end = NULL;
		unsigned long long n = UINT32_MAX;
		uint32_t *to = value_of(&w, ++p);
		p += strcspn(p, "=") + 1;
		if (to && *p >= '0' && *p <= '9')
			n = strtoull(p, &end, 10);
		if (n >= UINT32_MAX || (*end && *end != ',') || (to == &w.size && !n))
			return option_refuse("userns", o->userns, KEEP "[:uid=ID,gid=ID,size=N]",
					     e);
		*to = (uint32_t)n;
		p = end;
	}
	*out = w;
	return 0;
}

int userkeep_check(const struct run_options *o, struct err *e)
{
	struct who w;
	if (!subid_inside())
		return refuse(e, EINVAL,
			      "option --userns: %s is for users: root's ids are the container's "
			      "with host, and none of them with auto",
			      o->userns);
	if (is_nomap(o) && subid_alone())
		return refuse(e, EPERM,
			      "option --userns: " NOMAP " leaves no id: you have none but your own "
			      "in /etc/subuid and /etc/subgid");
	return is_nomap(o) ? 0 : read_who(o, &w, e);
}

/* His home on the host if that is shown there, too. */
static const char *home_of(const struct run_options *o, const char *home)
{
	for (size_t i = 0; i < o->volumes.n; i++) {
		const char *at = strchr(o->volumes.v[i], ':');
		size_t n = at ? strcspn(++at, ":") : 0;
		if (n > 1 && !strncmp(home, at, n) && (!home[n] || home[n] == '/'))
			return home;
	}
	return o->cwd && *o->cwd == '/' ? o->cwd : "/";
}

static int add_user(const struct run_options *o, const struct who *w, int rootfs, struct arena *a,
		    struct err *e)
{
	auto_close int host = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	const uint32_t own = (uint32_t)getauxval(AT_EUID);
	const char *name = host < 0 ? NULL : user_name(host, own, a);
	if (!name)
		name = arena_printf(a, "user%u", own);
	const struct person p = { .name = name,
				  .group = name,
				  .full = name,
				  .home = home_of(o, user_home(host, own, a)),
				  .uid = w->uid,
				  .gid = w->gid };
	return name ? passwd_add(o, rootfs, &p, a, e) : option_room("userns", e);
}

int userkeep_begin(struct run_options *o, int rootfs, struct arena *a, struct err *e)
{
	struct who w;
	if (!userkeep_wanted(o) || is_nomap(o))
		return 0;
	int rc = read_who(o, &w, e);
	if (rc == 0 && rootfs >= 0 && o->passwd)
		rc = add_user(o, &w, rootfs, a, e);
	if (rc < 0 || o->user)
		return rc;
	o->user = arena_printf(a, "%u:%u", w.uid, w.gid);
	return o->user ? 0 : option_room("userns", e);
}

/* Of the ids in our own user namespace the first is the user's; the others are the container's from
 * its 0 on, and leave out the one that is to be the user. */
static int make_map(const struct spec_id_mappings *all, const uint32_t *self, uint32_t size,
		    struct arena *a, struct spec_id_mappings *out, struct err *e)
{
	const struct spec_id_mapping *last = &all->v[all->n - 1];
	uint32_t n = last->container_id + last->size;
	if (size && size < n)
		n = size;
	uint32_t below = n - 1; /* others */
	struct spec_id_mapping *v = arena_array(a, 3, sizeof(*v));
	if (!v)
		return option_room("userns", e);
	*out = (struct spec_id_mappings){ v, 0 };
	if (self && *self < below)
		below = *self;
	if (below)
		v[out->n++] = (struct spec_id_mapping){ 0, 1, below };
	if (self)
		v[out->n++] = (struct spec_id_mapping){ *self, 0, 1 };
	if (below < n - 1)
		v[out->n++] = (struct spec_id_mapping){ below + 1, below + 1, n - 1 - below };
	return 0;
}

int userkeep_apply(struct spec *s, const struct run_options *o, struct arena *a, struct err *e)
{
	struct spec_linux ours = { 0 };
	struct who w = { 0 };
	bool keep = !is_nomap(o);
	int rc = keep ? read_who(o, &w, e) : 0;
	if (rc == 0)
		rc = subid_ids(a, &ours, e);
	if (rc == 0)
		rc = make_map(&ours.uid_mappings, keep ? &w.uid : NULL, w.size, a,
			      &s->linux_->uid_mappings, e);
	if (rc == 0)
		rc = make_map(&ours.gid_mappings, keep ? &w.gid : NULL, w.size, a,
			      &s->linux_->gid_mappings, e);
	struct spec_namespace *to = rc < 0 ? NULL : LIST_ADD(a, &s->linux_->namespaces);
	if (to)
		*to = (struct spec_namespace){ .type = "user" };
	return rc < 0 || to ? rc : option_room("userns", e);
}

/* sweep.c - finding and removing all that a crash left. */
#include "monitor/sweep.h"
#include "base/file.h"
#include "base/log.h"
#include "box/cgroup.h"
#include "box/subid.h"
#include "box/userns.h"
#include "container/container.h"
#include "image/store.h"
#include "image/volume.h"
#include "monitor/discard.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAMES_MAX 65536

/* A sweep on its way. */
struct sweeping {
	const struct sweep_request *r;
	struct arena *a;
	struct strs roots;
	int first; /* error */
	struct err *e;
	const char *id; /* of what is being cleaned up, for its lines */
};

/* Says the one before, if there was one, and goes on. */
static void note_error(struct sweeping *s, int rc, const struct err *one)
{
	s->first = log_next(s->first, rc, one, s->e);
}

static void say(struct sweeping *s, const char *kind, const char *what, const char *id)
{
	const struct found f = { kind, what, id };
	s->r->found(s->r->arg, &f);
}

/* The names of the directories in dir, sorted by nothing. A directory that is not there is empty.
 */
static int directories(int at, const char *path, struct arena *a, struct strs *out, struct err *e)
{
	*out = (struct strs){ 0 };
	int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d)
		return errno == ENOENT ? 0 : fail(e, errno, "open %s", path);
	struct strs l = { 0 };
	size_t cap = 0;
	int rc = 0;
	for (struct dirent *de; rc == 0 && (errno = 0, de = readdir(d));) {
		if (de->d_name[0] == '.' || (de->d_type != DT_DIR && de->d_type != DT_UNKNOWN))
			continue;
		if (l.n == cap) {
			cap = cap ? cap * 2 : 16;
			const char **v = cap > NAMES_MAX ? NULL : arena_array(a, cap, sizeof(*v));
			if (v && l.n)
				memcpy(v, l.v, l.n * sizeof(*v));
			l.v = v;
		}
		const char *name = l.v ? arena_str(a, de->d_name) : NULL;
		rc = name ? 0 : fail(e, ENOMEM, "list %s", path);
		if (name)
			l.v[l.n++] = name;
	}
	if (rc == 0 && errno)
		rc = fail(e, errno, "read %s", path);
	closedir(d);
	if (rc == 0)
		*out = l;
	return rc;
}

static int find_roots(struct sweeping *s, struct err *e)
{
	const char **v;
	struct strs names = { 0 };
	const char *all = s->r->root ? NULL : container_roots(s->a, e);
	int rc = s->r->root ? 0 : !all ? -e->code : directories(-1, all, s->a, &names, e);
	if (rc < 0)
		return rc;
	v = arena_array(s->a, names.n + 2, sizeof(*v));
	if (!v)
		return fail(e, ENOMEM, "cleanup");
	for (size_t i = 0; i < names.n; i++)
		if (!(v[i] = arena_printf(s->a, "%s/%s", all, names.v[i])))
			return fail(e, ENOMEM, "cleanup");
	s->roots = (struct strs){ v, names.n };
	if (s->r->root)
		v[s->roots.n++] = s->r->root;
	return 0;
}

/* "cgroup /sys/fs/cgroup/coracle-c1 of container c1" */
static void on_line(void *arg, const char *text)
{
	struct sweeping *s = arg;
	char *kind = arena_str(s->a, text), *what = kind ? strchr(kind, ' ') : NULL;
	if (!what)
		return;
	*what++ = 0;
	char *of = strstr(what, " of container ");
	if (of)
		*of = 0;
	say(s, kind, what, s->id);
}

/* The store's directory of a container: said, and removed. */
static int clean_data(struct sweeping *s, const struct data *d, struct err *e)
{
	const char *path = arena_printf(s->a, "%s/containers/%s", d->store, d->id);
	if (!path)
		return fail(e, ENOMEM, "cleanup");
	say(s, "data", path, d->id);
	return s->r->dry_run ? 0 : data_remove(d, e);
}

/* The store's directory of a container, as its record says. */
static const char *store_of(struct sweeping *s, const char *root, const char *id)
{
	struct container *c = NULL;
	if (container_open(root, id, &c, NULL) < 0)
		return NULL;
	const char *store = c->state.store ? arena_str(s->a, c->state.store) : NULL;
	container_close(c);
	return store;
}

/* What it wrote is opened while its state is there, and so the id its own. */
static void clean_container(struct sweeping *s, const char *root, const char *id, unsigned how)
{
	struct err one = { 0 };
	const struct cleanup_report lines = { on_line, s };
	const char *store = store_of(s, root, id);
	auto_close int dir = store ? data_open(store, id, &one) : -ENOENT;
	s->id = id;
	int rc = container_cleanup(root, id, how | (s->r->dry_run ? CLEANUP_DRY_RUN : 0), &lines,
				   &one);
	if (rc == 0 && dir >= 0)
		rc = clean_data(s, &(struct data){ store, id, false, dir }, &one);
	note_error(s, rc, &one);
}

static bool exists(const char *root, const char *id)
{
	char path[4096];
	struct stat st;
	int n = snprintf(path, sizeof(path), "%s/%s", root, id);
	return n < (int)sizeof(path) && lstat(path, &st) == 0;
}

static void sweep_containers(struct sweeping *s, const char *root)
{
	struct err one = { 0 };
	struct strs ids;
	int rc = directories(-1, root, s->a, &ids, &one);
	note_error(s, rc, &one);
	for (size_t i = 0; rc == 0 && i < ids.n; i++)
		if (container_id_check(ids.v[i], NULL) == 0)
			clean_container(s, root, ids.v[i], CLEANUP_ORPHAN);
}

static bool known(const struct sweeping *s, const char *id)
{
	for (size_t i = 0; i < s->roots.n; i++)
		if (exists(s->roots.v[i], id))
			return true;
	return false;
}

/* why: it is left alone; NULL: it is not. */
static void say_cgroup(struct sweeping *s, const struct cgroup *cg, const char *id, const char *why)
{
	for (size_t i = 0; i < cg->n; i++) {
		const char *path = cg->v[i].path;
		if (cg->v[i].fd < 0)
			continue;
		if (why)
			path = arena_printf(s->a, "%s (left alone, %s)", path, why);
		say(s, "cgroup", path ? path : cg->v[i].path, id);
	}
}

/* Whether a process has a directory of that name open that has a container's state in it. */
static bool holds(int proc, const char *pid, const char *id)
{
	char name[64 + NAME_MAX], target[PATH_MAX];
	snprintf(name, sizeof(name), "%.20s/fd", pid);
	int fd = openat(proc, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	bool found = false;
	for (struct dirent *entry; d && !found && (entry = readdir(d));) {
		ssize_t n = readlinkat(fd, entry->d_name, target, sizeof(target) - 1);
		target[n < 0 ? 0 : n] = 0;
		const char *slash = strrchr(target, '/');
		snprintf(name, sizeof(name), "%.20s/" STATE_FILE, entry->d_name);
		found = slash && !strcmp(slash + 1, id) && faccessat(fd, name, F_OK, 0) == 0;
	}
	if (d)
		closedir(d);
	return found;
}

/* Who makes a container has its state open before it makes the cgroup, wherever that is: its
 * process, in words; NULL: nobody. */
static int find_maker(struct sweeping *s, const char *id, const char **who, struct err *e)
{
	int rc = 0, fd = openat(-1, "/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d)
		return fail(e, errno, "read /proc");
	for (struct dirent *entry; rc == 0 && !*who && (entry = readdir(d));) {
		if (*entry->d_name < '1' || *entry->d_name > '9' || !holds(fd, entry->d_name, id))
			continue;
		*who = arena_printf(s->a, "process %s has a container of it", entry->d_name);
		rc = *who ? 0 : fail(e, ENOMEM, "cleanup");
	}
	closedir(d);
	return rc;
}

static const char *left(struct sweeping *s, size_t pids)
{
	return arena_printf(s->a, "with %zu processes: name it to end them", pids);
}

/* Where the cgroup of an id is by default; for others than root there may be none. */
static int locate(struct sweeping *s, const char *id, struct cgroup *out, struct err *e)
{
	return we_are_root() ? cgroup_locate(NULL, id, s->a, out, e)
			     : cgroup_delegated(id, s->a, out, e);
}

/* The cgroup of an id whose container is nowhere: removed when it is empty. Processes in it may
 * belong to a state root that we do not know of; they are left alone, unless the id was given. So
 * is one that is empty yet, whose container is being made there. */
static void clean_cgroup(struct sweeping *s, const char *id, bool given)
{
	struct err one = { 0 };
	struct cgroup cg = { 0 };
	struct u32s pids = { 0 };
	struct strs paths = { 0 };
	int rc = locate(s, id, &cg, &one);
	if (rc == 0)
		rc = cgroup_paths(&cg, s->a, &paths);
	if (rc == 0)
		rc = cgroup_open(&paths, s->a, &cg, &one);
	if (rc == 0)
		rc = cgroup_pids(&cg, s->a, &pids, &one);
	const char *leave = NULL;
	if (rc == 0 && !pids.n)
		rc = find_maker(s, id, &leave, &one);
	else if (rc == 0 && !given && !(leave = left(s, pids.n)))
		rc = fail(&one, ENOMEM, "cleanup");
	if (rc == 0)
		say_cgroup(s, &cg, id, leave);
	if (rc == 0 && !leave && !s->r->dry_run) {
		rc = pids.n ? cgroup_kill(&cg, &one) : 0;
		if (rc == 0)
			rc = cgroup_remove(&cg, &one);
	}
	cgroup_close(&cg);
	note_error(s, rc, &one);
}

/* The ids of the cgroups that there are beside where `like` (of id "x") would be, in one hierarchy.
 */
static int cgroup_ids(struct sweeping *s, const char *like, struct strs *out, struct err *e)
{
	struct strs names;
	char *parent = arena_str(s->a, like);
	char *slash = parent ? strrchr(parent, '/') : NULL;
	if (!slash)
		return fail(e, ENOMEM, "cleanup");
	*slash = 0;
	const char *prefix = slash + 1;
	size_t n = strlen(prefix) - 1; /* without the id */
	int rc = directories(-1, parent, s->a, &names, e);
	const char **v = rc == 0 ? list_grow(s->a, out->v, out->n, names.n, sizeof(*v)) : NULL;
	if (!v)
		return rc < 0 ? rc : fail(e, ENOMEM, "cleanup");
	out->v = v;
	for (size_t i = 0; i < names.n; i++) {
		const char *id = names.v[i] + n;
		if (!strncmp(names.v[i], prefix, n) && container_id_check(id, NULL) == 0 &&
		    !strs_has(out, id))
			v[out->n++] = id;
	}
	return 0;
}

static void sweep_cgroups(struct sweeping *s)
{
	struct cgroup cg = { 0 };
	struct strs ids = { 0 };
	struct err one = { 0 };
	int rc = locate(s, "x", &cg, &one);
	for (size_t i = 0; rc == 0 && i < cg.n; i++)
		rc = cgroup_ids(s, cg.v[i].path, &ids, &one);
	for (size_t i = 0; rc == 0 && i < ids.n; i++)
		if (!known(s, ids.v[i]))
			clean_cgroup(s, ids.v[i], false);
	cgroup_close(&cg);
	note_error(s, rc, &one);
}

/* Whether nothing is left of the container that a directory of the store was made for, as far as it
 * is our business: when we were given a state root, it must be of that one, or of none. */
static bool data_stale(const struct sweeping *s, const struct store *store, const char *id)
{
	auto_buf b = { .max = 8192 };
	struct stat st;
	auto_close int dir = store_container_open(store, id, NULL);
	if (dir < 0)
		return false;
	if (file_read(dir, DATA_STATE, &b, NULL) < 0 || !b.len)
		return true;
	b.p[strcspn(b.p, "\n")] = 0;
	size_t n = s->r->root ? strlen(s->r->root) : 0;
	if (n && (strncmp(b.p, s->r->root, n) || b.p[n] != '/'))
		return false;
	return lstat(b.p, &st) < 0 && errno == ENOENT;
}

struct removal {
	const struct store *store;
	const char *id;
};

static int remove_in(void *arg, struct err *e)
{
	const struct removal *r = arg;
	int rc = volumes_release(r->store, r->id, false, e);
	return rc < 0 ? rc : store_container_remove(r->store, r->id, e);
}

static int remove_data(const struct store *store, const char *id, struct err *e)
{
	struct removal r = { store, id };
	return subid_call(remove_in, &r, e);
}

/* Looks first, and only when there is something waits until no `run` is between its data and its
 * state. */
static void sweep_data(struct sweeping *s)
{
	struct store store;
	struct strs ids = { 0 };
	struct err one = { 0 };
	size_t stale = 0;
	int rc = store_open(NULL, &store, &one);
	if (rc < 0) {
		note_error(s, rc == -ENOENT || rc == -EROFS ? 0 : rc, &one);
		return;
	}
	rc = directories(store.dir, "containers", s->a, &ids, &one);
	for (size_t i = 0; rc == 0 && i < ids.n; i++)
		stale += data_stale(s, &store, ids.v[i]);
	if (rc == 0 && stale)
		rc = store_alone(&store, &one);
	for (size_t i = 0; rc == 0 && stale && i < ids.n; i++) {
		if (!data_stale(s, &store, ids.v[i]))
			continue;
		say(s, "data", "what it wrote", ids.v[i]);
		if (!s->r->dry_run)
			rc = remove_data(&store, ids.v[i], &one);
	}
	note_error(s, rc, &one);
	if (!s->r->dry_run)
		store_sweep(&store);
	store_close(&store);
}

static void sweep_ids(struct sweeping *s)
{
	struct err one = { 0 };
	for (size_t i = 0; i < s->r->ids.n; i++) {
		const char *id = s->r->ids.v[i];
		int rc = container_id_check(id, &one);
		note_error(s, rc, &one);
		for (size_t k = 0; rc == 0 && k < s->roots.n; k++)
			if (exists(s->roots.v[k], id))
				clean_container(s, s->roots.v[k], id, 0);
		if (rc == 0 && !known(s, id))
			clean_cgroup(s, id, true);
	}
}

int sweep(const struct sweep_request *r, struct arena *a, struct err *e)
{
	struct sweeping s = { .r = r, .a = a, .e = e };
	int rc = find_roots(&s, e);
	if (rc < 0)
		return rc;
	if (r->ids.n) {
		sweep_ids(&s);
	} else {
		for (size_t i = 0; i < s.roots.n; i++)
			sweep_containers(&s, s.roots.v[i]);
		if (!r->root)
			sweep_cgroups(&s);
	}
	sweep_data(&s);
	return s.first;
}

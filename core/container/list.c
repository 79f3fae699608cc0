/* list.c - the containers of a root, as they are now. */
#include "base/file.h"
#include "base/proc.h"
#include "box/user.h"
#include "container/inside.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/* While reading; most have the same owner. */
struct reading {
	const char *root;
	struct glance glance;
	uint32_t uid;
	const char *user;
};

static int by_id(const void *a, const void *b)
{
	return strcmp(((const struct state *)a)->id, ((const struct state *)b)->id);
}

static const char *user_of(struct reading *r, uint32_t uid)
{
	if (r->user && r->uid == uid)
		return r->user;
	auto_close int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	const char *name = root < 0 ? NULL : user_name(root, uid, r->glance.a);
	r->uid = uid;
	return r->user = name ? name : arena_printf(r->glance.a, "%u", (unsigned)uid);
}

/* Whether a created one still waits for its start has to be asked. */
static enum status asked(int root, const char *id)
{
	auto_close int dir = openat(root, id, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return dir < 0 ? STATUS_STOPPED : container_waits(dir) ? STATUS_CREATED : STATUS_RUNNING;
}

/* Somebody else, as runc, may have frozen it in v1's way, or thawed it. */
static enum status looked_into(const struct reading *r, const char *id)
{
	struct container *c;
	if (container_open(r->root, id, &c, NULL) < 0)
		return STATUS_STOPPED;
	enum status s = container_status(c);
	container_close(c);
	return s;
}

static enum status status_now(const struct reading *r, const struct state *s)
{
	char state;
	enum status recorded = (enum status)status_parse(s->status);
	if (recorded == STATUS_CREATING || recorded == STATUS_STOPPED)
		return recorded;
	if (!proc_alive(s->pid, s->start_time, &state))
		return STATUS_STOPPED;
	if (state == 'D' || recorded == STATUS_PAUSED)
		return looked_into(r, s->id);
	/* There the frozen look as those that sleep do. */
	if (r->glance.cgroups && s->cgroups.n && cgroup_freezes_at(s->cgroups.v[0]))
		return STATUS_PAUSED;
	return recorded == STATUS_CREATED ? asked(r->glance.root, s->id) : recorded;
}

static int list_one(struct reading *r, const char *id, struct state *out)
{
	*out = (struct state){ 0 };
	if (state_glance(&r->glance, id, out) < 0 || strcmp(out->id, id) != 0) {
		*out = (struct state){ .id = arena_str(r->glance.a, id), .status = "unknown" };
		return out->id ? 0 : -E2BIG;
	}
	enum status now = status_now(r, out);
	out->status = status_name(now);
	out->user = user_of(r, out->uid);
	if (now == STATUS_STOPPED)
		out->pid = 0;
	return 0;
}

/* A file is no container's, whatever its name. */
static bool is_id(const struct dirent *entry)
{
	return (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN) &&
	       container_id_check(entry->d_name, NULL) == 0;
}

static int count_ids(DIR *d)
{
	int n = 0;
	errno = 0;
	for (struct dirent *entry; (entry = readdir(d));)
		n += is_id(entry);
	if (errno)
		return -errno;
	rewinddir(d);
	return n;
}

static int read_all(DIR *d, struct reading *r, struct container_list *out)
{
	int rc = count_ids(d);
	if (rc < 0)
		return rc;
	size_t n = (size_t)rc, i = 0;
	struct state *v = arena_array(r->glance.a, n, sizeof(*v));
	rc = v ? 0 : -E2BIG;
	for (struct dirent *entry; rc == 0 && i < n && (errno = 0, entry = readdir(d));)
		if (is_id(entry))
			rc = list_one(r, entry->d_name, &v[i++]);
	if (rc == 0 && i < n)
		rc = -errno;
	if (rc < 0)
		return rc;
	qsort(v, i, sizeof(*v), by_id);
	*out = (struct container_list){ v, i };
	return 0;
}

int container_list(const char *root, struct arena *a, struct container_list *out, struct err *e)
{
	*out = (struct container_list){ 0 };
	DIR *d = opendir(root);
	if (!d)
		return errno == ENOENT ? 0 : fail(e, errno, "read %s", root);
	struct reading r = { root, { dirfd(d), cgroup_is_v2(), a, { 0 } }, 0, NULL };
	int rc = container_root_check(r.glance.root, root, e);
	if (rc == 0 && (rc = read_all(d, &r, out)) < 0)
		fail(e, rc, "read %s", root);
	buf_free(&r.glance.room);
	closedir(d);
	return rc;
}

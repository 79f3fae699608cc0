/* runjoin.c - what a container has together with another one that runs. */
#include "monitor/runjoin.h"
#include "base/file.h"
#include "base/proc.h"
#include "box/borrow.h"
#include "box/ns.h"
#include "box/subid.h"
#include "box/userns.h"
#include "container/container.h"
#include "monitor/runparts.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MQUEUE_TYPE 0x19800202 /* in no header */

/* A program of the other one's may have mounted anything else there. */
static const struct borrowed places[SHARED] = {
	[SHARED_SYS] = { "sys", SYSFS_MAGIC },
	[SHARED_PROC] = { "proc", PROC_SUPER_MAGIC },
	[SHARED_MQUEUE] = { "dev/mqueue", MQUEUE_TYPE },
	[SHARED_SHM] = { "dev/shm", 0 },
};

/* A namespace, and which of the mounts come with it. */
static const struct kind {
	const char *option, *file;
	size_t offset;
	enum shared first, end;
} kinds[] = {
	{ "network", "net", offsetof(struct run_options, network), SHARED_SYS, SHARED_SYS + 1 },
	{ "pid", "pid", offsetof(struct run_options, pid), SHARED_PROC, SHARED_PROC + 1 },
	{ "ipc", "ipc", offsetof(struct run_options, ipc), SHARED_MQUEUE, SHARED_SHM + 1 },
	{ "uts", "uts", offsetof(struct run_options, uts), 0, 0 },
	{ "cgroupns", "cgroup", offsetof(struct run_options, cgroupns), 0, 0 },
	{ "userns", "user", offsetof(struct run_options, userns), 0, 0 },
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* The one that is joined. */
struct other {
	const char *id;
	pid_t pid;
	int held;
};

static const char *keep(struct joined *j, int fd, struct arena *a)
{
	j->fds[j->n++] = fd;
	return arena_printf(a, "/proc/%d/fd/%d", getpid(), fd);
}

static int borrow(struct joined *j, const struct kind *k, const struct other *other,
		  struct arena *a, struct err *e)
{
	int fds[SHARED];
	int rc = mounts_borrow(other->held, places + k->first, k->end - k->first, fds, e);
	if (rc == -ENOSYS) { /* an old kernel: it has its own */
		*e = (struct err){ 0 };
		return 0;
	}
	if (rc < 0)
		return within(e, "option --%s: container %s", k->option, other->id);
	for (enum shared i = k->first; i < k->end; i++) {
		int fd = fds[i - k->first];
		j->shown[i] = fd < 0 ? "" : keep(j, fd, a);
		if (!j->shown[i])
			rc = option_room(k->option, e);
	}
	return rc;
}

static int read_map(const struct other *other, const char *name, struct arena *a,
		    struct spec_id_mappings *out, struct err *e)
{
	auto_buf text = { 0 };
	auto_close int dir = proc_dir(other->held);
	int rc = dir < 0 ? fail(e, dir, "container %s", other->id) : file_read(dir, name, &text, e);
	*out = (struct spec_id_mappings){ 0 };
	for (const char *p = rc < 0 ? NULL : text.p; p && *p;
	     p += strcspn(p, "\n"), p += *p == '\n') {
		struct spec_id_mapping m, *to;
		if (sscanf(p, "%" SCNu32 " %" SCNu32 " %" SCNu32, &m.container_id, &m.host_id,
			   &m.size) != 3)
			return refuse(e, EBADMSG, "/proc/%d/%s is no map of ids", other->pid, name);
		if (!(to = LIST_ADD(a, out)))
			return option_room("userns", e);
		*to = m;
	}
	return rc;
}

/* Of one that has none of its own it is the host's, as ours is. */
static int join_users(struct joined *j, int fd, const struct other *other, const char **value,
		      struct arena *a, struct err *e)
{
	struct stat theirs, ours;
	if (fstat(fd, &theirs) < 0 || ns_own(CLONE_NEWUSER, &ours) < 0)
		return fail(e, errno, "option --userns: container %s", other->id);
	if (theirs.st_ino == ours.st_ino) {
		*value = NULL;
		return 0;
	}
	j->owner = other->id;
	if ((j->owner_held = fcntl(other->held, F_DUPFD_CLOEXEC, 0)) < 0)
		return fail(e, errno, "option --userns: container %s", other->id);
	j->fds[j->n++] = j->owner_held;
	int rc = read_map(other, "uid_map", a, &j->uids, e);
	return rc < 0 ? rc : read_map(other, "gid_map", a, &j->gids, e);
}

static int join_one(struct joined *j, const struct kind *k, const struct other *other,
		    const char **value, struct arena *a, struct err *e)
{
	char path[32];
	snprintf(path, sizeof(path), "ns/%s", k->file);
	auto_close int dir = proc_dir(other->held);
	int fd = dir < 0 ? -1 : openat(dir, path, O_RDONLY | O_CLOEXEC);
	int error = dir < 0 ? -dir : errno;
	if (proc_ended(other->held)) {
		put_fd(&fd, -1);
		return refuse(e, ESRCH, "container %s does not run: there is no namespace to join",
			      other->id);
	}
	if (fd < 0)
		return fail(e, error, "option --%s: join container %s", k->option, other->id);
	const char *name = keep(j, fd, a);
	*value = name ? arena_printf(a, "ns:%s", name) : NULL;
	if (!*value)
		return option_room(k->option, e);
	if (!strcmp(k->file, "user"))
		return join_users(j, fd, other, value, a, e);
	return k->end > k->first ? borrow(j, k, other, a, e) : 0;
}

/* The container that an option names; NULL: it names none. */
static const char *named(const struct run_options *o, const struct kind *k)
{
	const char *value = *(const char *const *)((const char *)o + k->offset);
	return value && !strncmp(value, "container:", 10) ? value + 10 : NULL;
}

static int other_open(struct other *out, const char *root, const struct kind *k, const char *id,
		      struct err *e)
{
	struct container *c = NULL;
	int rc = container_open(root, id, &c, e);
	if (rc < 0)
		return within(e, "option --%s", k->option);
	*out = (struct other){ id, c->state.pid, -ESRCH };
	if (out->pid)
		out->held = proc_open(out->pid, c->state.start_time);
	container_close(c);
	return out->held < 0
		       ? refuse(e, ESRCH,
				"container %s does not run: there is no namespace to join", id)
		       : 0;
}

/* Into that of a container that is joined, or one of our own. */
static int enter(const struct run_options *o, const char *root, struct err *e)
{
	for (size_t i = 0; i < KINDS; i++) {
		struct other other;
		const char *id = named(o, &kinds[i]);
		int rc = id ? other_open(&other, root, &kinds[i], id, e) : 0;
		if (rc < 0)
			return rc;
		if (!id)
			continue;
		rc = subid_join(other.held, e);
		put_fd(&other.held, -1);
		return rc < 0 ? within(e, "option --%s: container %s", kinds[i].option, id) : 0;
	}
	return subid_enter_grouped(e);
}

int join_enter(const struct run_options *o, const char *root, struct err *e)
{
	int rc = we_are_root() ? 1 : enter(o, root, e);
	if (rc == 0 && !strs_has(&o->groups, KEEP_GROUPS))
		subid_drop_groups();
	return rc < 0 ? rc : 0;
}

int join_all(struct run_options *o, const char *root, struct arena *a, struct joined *out,
	     struct err *e)
{
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < KINDS; i++) {
		struct other other;
		const char *id = named(o, &kinds[i]);
		if (!id)
			continue;
		rc = other_open(&other, root, &kinds[i], id, e);
		if (rc < 0)
			return rc;
		rc = join_one(out, &kinds[i], &other, (const char **)((char *)o + kinds[i].offset),
			      a, e);
		put_fd(&other.held, -1);
	}
	o->joined = out;
	return rc;
}

void join_end(struct joined *j)
{
	while (j->n)
		put_fd(&j->fds[--j->n], -1);
}

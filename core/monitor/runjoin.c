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
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
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

static bool is_ours(int ns)
{
	struct stat theirs, ours;
	return fstat(ns, &theirs) == 0 && ns_own(CLONE_NEWUSER, &ours) == 0 &&
	       theirs.st_ino == ours.st_ino;
}

static void take_maps(struct joined *j, const struct spec_linux *l)
{
	j->users = true;
	j->uids = l->uid_mappings;
	j->gids = l->gid_mappings;
}

/* Of one that has none of its own it is the host's, as ours is. */
static int join_users(struct joined *j, int fd, const struct other *other, const char **value,
		      struct arena *a, struct err *e)
{
	struct spec_linux maps = { 0 };
	if (is_ours(fd)) {
		*value = NULL;
		return 0;
	}
	j->owner = other->id;
	if ((j->owner_held = fcntl(other->held, F_DUPFD_CLOEXEC, 0)) < 0)
		return fail(e, errno, "option --userns: container %s", other->id);
	j->fds[j->n++] = j->owner_held;
	int rc = userns_read(other->held, a, &maps, e);
	if (rc < 0)
		return within(e, "option --userns: container %s", other->id);
	take_maps(j, &maps);
	return 0;
}

/* What is no namespace is not opened to the end: a fifo would wait for its other end. */
static int open_path(const char *option, const char *path, struct err *e)
{
	auto_close int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return fail(e, errno, "option --%s: %s", option, path);
	return take_fd(&fd);
}

static int join_users_path(struct joined *j, const char **value, struct arena *a, struct err *e)
{
	struct spec_linux maps = { 0 };
	const char *path = *value + strlen("ns:");
	int fd = open_path("userns", path, e);
	if (fd < 0)
		return fd;
	const char *name = keep(j, fd, a);
	if (ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWUSER)
		return refuse(e, EINVAL,
			      "option --userns: %s is no user namespace such as /proc/PID/ns/user",
			      path);
	*value = NULL;
	if (is_ours(fd))
		return 0;
	if (userns_look(fd, a, &maps, e) < 0)
		return within(e, "option --userns: %s", path);
	*value = name ? arena_printf(a, "ns:%s", name) : NULL;
	take_maps(j, &maps);
	return *value ? 0 : option_room("userns", e);
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
		out->held = proc_open(out->pid, c->state.start_time, NULL);
	container_close(c);
	return out->held < 0
		       ? refuse(e, ESRCH,
				"container %s does not run: there is no namespace to join", id)
		       : 0;
}

static const char *given(const struct run_options *o, const struct kind *k)
{
	const char *value = *(const char *const *)((const char *)o + k->offset);
	return value && !strncmp(value, "ns:/", 4) ? value + 3 : NULL;
}

static int open_users_path(const struct kind *k, const char *path, struct err *e)
{
	auto_close int fd = open_path(k->option, path, e);
	int type = fd < 0 ? fd : ioctl(fd, NS_GET_NSTYPE);
	if (fd < 0 || type == CLONE_NEWUSER)
		return take_fd(&fd);
	int users = type < 0 ? -1 : ioctl(fd, NS_GET_USERNS);
	return users < 0 ? refuse(e, EINVAL, "option --%s: %s is no namespace that you may join",
				  k->option, path)
			 : users;
}

/* The user namespace that what an option names is of, or is itself. */
static int open_users(const struct run_options *o, const struct kind *k, const char *root,
		      struct err *e)
{
	struct other other;
	const char *id = named(o, k);
	if (!id)
		return open_users_path(k, given(o, k), e);
	int rc = other_open(&other, root, k, id, e);
	if (rc < 0)
		return rc;
	auto_close int dir = proc_dir(other.held);
	put_fd(&other.held, -1);
	int fd = dir < 0 ? -1 : openat(dir, "ns/user", O_RDONLY | O_CLOEXEC);
	return fd < 0 ? fail(e, dir < 0 ? dir : errno, "option --%s: container %s", k->option, id)
		      : fd;
}

/* Into that of what is joined, unless it is the host's, or one of our own. */
static int enter(const struct run_options *o, const char *root, struct err *e)
{
	for (size_t i = 0; i < KINDS; i++) {
		const struct kind *k = &kinds[i];
		if (!named(o, k) && !given(o, k))
			continue;
		auto_close int ns = open_users(o, k, root, e);
		if (ns < 0)
			return ns;
		if (is_ours(ns))
			continue;
		const char *what = named(o, k) ? named(o, k) : given(o, k);
		return subid_join(ns, e) < 0 ? within(e, "option --%s: %s", k->option, what) : 0;
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
		const char **value = (const char **)((char *)o + kinds[i].offset);
		const char *id = named(o, &kinds[i]);
		if (!id && given(o, &kinds[i]) && !strcmp(kinds[i].file, "user"))
			rc = join_users_path(out, value, a, e);
		if (!id)
			continue;
		rc = other_open(&other, root, &kinds[i], id, e);
		if (rc < 0)
			return rc;
		rc = join_one(out, &kinds[i], &other, value, a, e);
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

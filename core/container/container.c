/* container.c - a container as its directory and record: open, look, list, lock. */
#include "container/container.h"
#include "base/fdpass.h"
#include "base/file.h"
#include "base/sys.h"
#include "box/kin.h"
#include "box/systemd.h"
#include "box/user.h"
#include "box/userns.h"
#include "container/inside.h"
#include "oci/runc.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define RECORD_MEMORY ((size_t)8 << 20) /* address space, not memory */

int container_id_check(const char *id, struct err *e)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.";
	size_t n = strlen(id);
	if (!n || n > ID_MAX || strspn(id, allowed) != n || *id == '.' || *id == '-')
		return refuse(
			e, EINVAL,
			"invalid container id '%.80s': use 1 to %d of A-Z a-z 0-9 _ + - . and "
			"neither '.' nor '-' first",
			id, ID_MAX);
	return 0;
}

struct container *container_new(const char *root, const char *id, struct err *e)
{
	size_t size = strlen(root) + strlen(id) + 2;
	struct arena *own = arena_new(sizeof(struct container) + size + 64);
	struct arena *a = own ? arena_new(RECORD_MEMORY) : NULL;
	struct container *c = a ? arena_alloc(own, sizeof(*c)) : NULL;
	if (!c) {
		arena_free(a);
		arena_free(own);
		fail(e, ENOMEM, "container %s", id);
		return NULL;
	}
	*c = (struct container){ .own = own,
				 .arena = a,
				 .root = arena_str(own, root),
				 .id = arena_str(own, id),
				 .dir = -1,
				 .pidfd = -1 };
	return c;
}

void container_close(struct container *c)
{
	if (!c)
		return;
	put_fd(&c->dir, -1);
	put_fd(&c->pidfd, -1);
	arena_free(c->arena);
	arena_free(c->own);
}

int container_lock(struct container *c, int flags, struct err *e)
{
	auto_close int fd = openat(c->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc;
	if (fd < 0)
		return errno == ENOENT ? refuse(e, ENOENT, "container does not exist: %s", c->id)
				       : fail(e, errno, "lock container %s", c->id);
	do {
		rc = flock(fd, LOCK_EX | flags);
	} while (rc < 0 && errno == EINTR);
	if (rc < 0)
		return errno == EWOULDBLOCK ? refuse(e, EBUSY, "container %s is in use", c->id)
					    : fail(e, errno, "lock container %s", c->id);
	return take_fd(&fd);
}

static void hold_init(struct container *c)
{
	if (c->pidfd >= 0 || c->state.pid <= 0)
		return;
	char state = 0;
	int fd = proc_open(c->state.pid, c->state.start_time, &state);
	c->pidfd = fd < 0 ? -1 : fd;
	c->stuck = state == 'D';
}

int container_reload(struct container *c, struct err *e)
{
	struct state s;
	if (c->state.inode && !state_outdated(c->dir, &c->state)) {
		hold_init(c);
		return 0;
	}
	/* In the place of the one before: who keeps a container open for long reads it often. */
	struct arena *a = arena_new(RECORD_MEMORY);
	int rc = a ? state_read(c->dir, a, &s, e) : fail(e, ENOMEM, "read the record");
	if (rc < 0) {
		arena_free(a);
		return rc == -ENOENT ? refuse(e, ENOENT, "container does not exist: %s", c->id)
				     : within(e, "container %s", c->id);
	}
	if (strcmp(s.id, c->id) != 0) {
		rc = refuse(e, EINVAL, "container %s: its record is that of %.80s", c->id, s.id);
		arena_free(a);
		return rc;
	}
	arena_free(c->arena);
	c->arena = a;
	c->state = s;
	hold_init(c);
	return 0;
}

/* Whoever could write there could have us kill and remove what he likes. */
int container_root_check(int fd, const char *root, struct err *e)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return fail(e, errno, "state directory %s", root);
	if (st.st_uid && st.st_uid != geteuid())
		return refuse(e, EPERM,
			      "state directory %s belongs to user %u; choose another with --root",
			      root, (unsigned)st.st_uid);
	if (st.st_mode & S_IWOTH || (st.st_mode & S_IWGRP && st.st_gid && st.st_gid != getegid()))
		return refuse(e, EPERM,
			      "state directory %s may be written by others; chmod 700 it, or "
			      "choose another with --root",
			      root);
	return 0;
}

int container_root_hold(const char *root, struct err *e)
{
	/* Sticky: what is in XDG_RUNTIME_DIR may be removed otherwise when it is old. */
	auto_close int fd = dir_make(AT_FDCWD, root, we_are_root() ? 0700 : 01700, e);
	if (fd < 0)
		return within(e, "state directory %s (choose another with --root)", root);
	int rc = container_root_check(fd, root, e);
	if (rc == 0 && flock(fd, LOCK_SH) < 0)
		rc = fail(e, errno, "lock %s", root);
	return rc < 0 ? rc : take_fd(&fd);
}

/* -ENOENT: "container does not exist: ID". */
static int find_dir(const char *root, const char *id, struct err *e)
{
	auto_close int at = openat(-1, root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = at < 0 ? 0 : container_root_check(at, root, e);
	if (rc < 0)
		return rc;
	int fd = at < 0 ? -1 : openat(at, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	if (errno == ENOENT || errno == ENOTDIR)
		return refuse(e, ENOENT, "container does not exist: %s", id);
	return fail(e, errno, "open the state of container %s in %s", id, root);
}

int container_find(const char *root, const char *id, struct container **out, struct err *e)
{
	int rc = container_id_check(id, e);
	int dir = rc < 0 ? rc : find_dir(root, id, e);
	if (dir < 0)
		return dir;
	struct container *c = container_new(root, id, e);
	if (!c) {
		close(dir);
		return -ENOMEM;
	}
	c->dir = dir;
	*out = c;
	return 0;
}

int container_open(const char *root, const char *id, struct container **out, struct err *e)
{
	struct container *c;
	int rc = container_find(root, id, &c, e);
	if (rc < 0)
		return rc;
	rc = container_reload(c, e);
	if (rc < 0) {
		container_close(c);
		return rc;
	}
	*out = c;
	return 0;
}

bool container_gone(const struct container *c)
{
	struct stat st;
	return fstat(c->dir, &st) == 0 && st.st_nlink == 0;
}

bool container_waits(int dir)
{
	/* Frozen, it accepts nobody: as many as may wait is full then, and we do not wait as well.
	 */
	struct stat st;
	int fd = unix_connect(dir, START_SOCKET, SOCK_STREAM | SOCK_NONBLOCK, NULL);
	if (fd >= 0)
		close(fd);
	if (fd == -ECONNREFUSED) /* runc's init is at a FIFO */
		return fstatat(dir, START_SOCKET, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		       S_ISFIFO(st.st_mode);
	return fd >= 0 || fd == -EAGAIN;
}

static bool frozen(struct container *c)
{
	struct cgroup cg;
	if (cgroup_open_of(&c->state.cgroups, "freezer", c->arena, &cg, NULL) < 0)
		return false;
	bool is = cgroup_freezes(&cg);
	cgroup_close(&cg);
	return is;
}

enum status container_status(struct container *c)
{
	int recorded = status_parse(c->state.status);
	if (recorded == STATUS_CREATING || recorded == STATUS_STOPPED)
		return (enum status)recorded;
	if (c->pidfd < 0 || proc_ended(c->pidfd))
		return STATUS_STOPPED;
	/* Recorded or not: who was paused may be thawed, to be killed or by somebody else, as runc.
	 */
	if ((c->stuck || recorded == STATUS_PAUSED) && frozen(c))
		return STATUS_PAUSED;
	return recorded == STATUS_RUNNING || !container_waits(c->dir) ? STATUS_RUNNING
								      : STATUS_CREATED;
}

enum status container_status_now(struct container *c)
{
	enum status s = container_status(c);
	bool ask = (s == STATUS_CREATED || s == STATUS_RUNNING) && cgroup_is_v2();
	return ask && frozen(c) ? STATUS_PAUSED : s;
}

int container_spec(struct container *c, struct arena *a, const struct spec **out, struct err *e)
{
	auto_buf text = { 0 };
	int rc = state_read_spec(c->dir, &text, e);
	if (rc == -ENODATA) {
		auto_close int bundle = openat(-1, c->state.bundle,
					       O_PATH | O_DIRECTORY | O_CLOEXEC);
		buf_free(&text);
		rc = bundle < 0 ? fail(e, errno, "open bundle %s", c->state.bundle)
				: file_read(bundle, "config.json", &text, e);
	}
	if (rc == 0)
		rc = spec_parse(text.p ? text.p : "", text.len, a, out, e);
	return rc < 0 ? within(e, "container %s", c->id) : 0;
}

int container_save(struct container *c, struct err *e)
{
	int rc = state_save(c->dir, &c->state, e);
	return rc < 0 ? within(e, "container %s", c->id) : 0;
}

/* runc takes a container without cgroups for one in its own on v2, and ends whatever is there; and
 * of one with a mount in its directory it removes what is mounted, too. It is not to know these. */
static bool runc_may_know(const struct container *c, const struct cgroup *cg)
{
	return !c->state.mounts.n && (cg->n || !cgroup_is_v2());
}

int container_save_made(struct container *c, const struct spec *s, const struct cgroup *cg,
			struct arena *a, struct err *e)
{
	char room[4096];
	auto_buf text = { BUF_IN(room) };
	struct pairs names;
	if (!runc_may_know(c, cg))
		return container_save(c, e);
	if (cgroup_names(cg, a, &names) < 0 || runc_write(&c->state, s, &names, a, &text) < 0)
		return fail(e, E2BIG, "record container %s", c->id);
	int rc = state_save_made(c->dir, &c->state, &text, e);
	return rc < 0 ? within(e, "container %s", c->id) : 0;
}

int container_cgroup(struct container *c, struct cgroup *out, struct err *e)
{
	struct systemd_unit *u = NULL;
	if (c->state.unit) {
		u = arena_alloc(c->arena, sizeof(*u));
		if (!u)
			return fail(e, E2BIG, "container %s", c->id);
		*u = (struct systemd_unit){ .name = c->state.unit, .user = c->state.unit_user };
	}
	int rc = cgroup_open(&c->state.cgroups, c->arena, out, e);
	if (rc == 0)
		out->unit = u;
	return rc;
}

int container_pids(struct container *c, struct arena *a, struct u32s *out, struct err *e)
{
	struct cgroup cg;
	const struct kin_of of = { c->pidfd < 0 || proc_ended(c->pidfd) ? 0 : c->state.pid,
				   c->pidfd, &c->state.namespaces };
	if (!c->state.cgroups.n)
		return kin_pids(&of, a, out, e);
	int rc = cgroup_open(&c->state.cgroups, a, &cg, e);
	if (rc < 0)
		return rc;
	rc = cgroup_pids(&cg, a, out, e);
	cgroup_close(&cg);
	return rc;
}

bool container_oom(struct container *c)
{
	struct cgroup cg;
	if (container_cgroup(c, &cg, NULL) < 0)
		return false;
	bool oom = cgroup_oom_kills(&cg) > 0;
	cgroup_close(&cg);
	return oom;
}

static int record_exit(struct container *c, struct exit_status st, bool oom, int flags,
		       struct err *e)
{
	auto_close int lock = container_lock(c, flags, e);
	if (lock < 0)
		return lock;
	int rc = container_reload(c, e);
	if (rc < 0 || c->state.has_exit)
		return rc;
	c->state.status = status_name(STATUS_STOPPED);
	c->state.finished = clock_now();
	c->state.has_exit = true;
	c->state.exit_code = st.code;
	c->state.exit_signal = st.signal;
	c->state.oom = oom;
	return container_save(c, e);
}

int container_record_exit(struct container *c, struct exit_status st, bool oom, struct err *e)
{
	return record_exit(c, st, oom, 0, e);
}

int container_record_exit_now(struct container *c, struct exit_status st, bool oom, struct err *e)
{
	return record_exit(c, st, oom, LOCK_NB, e);
}

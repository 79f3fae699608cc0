/* delete.c - the end of a container, whether it was asked for, crashed or never came to be: one
 * path. */
#include "base/file.h"
#include "base/log.h"
#include "base/sys.h"
#include "box/kin.h"
#include "container/inside.h"
#include "container/lifecycle.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define END_MS	 10000
#define QUIET_MS 100

static void tell(const struct cleanup_report *r, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void tell(const struct cleanup_report *r, const char *fmt, ...)
{
	char line[4400];
	if (!r)
		return;
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	r->line(r->arg, line);
}

/* v1: the frozen do not die. */
static int kill_init(struct container *c, struct cgroup *cg, struct err *e)
{
	proc_signal(c->pidfd, SIGKILL);
	cgroup_freeze(cg, false, NULL);
	int rc = proc_wait_end(c->pidfd, QUIET_MS);
	if (rc == -ETIMEDOUT) {
		cgroup_thaw_all(cg, c->state.pid);
		rc = proc_wait_end(c->pidfd, END_MS);
	}
	if (rc == -ETIMEDOUT)
		return refuse(
			e, ETIMEDOUT,
			"process %d was killed but does not end within %d seconds; it may wait "
			"for a device",
			c->state.pid, END_MS / 1000);
	return rc < 0 ? fail(e, rc, "wait for the end of process %d", c->state.pid) : 0;
}

static int undo_processes(struct container *c, struct cgroup *cg, const struct cleanup_report *r,
			  bool dry_run, struct err *e)
{
	struct u32s pids = { 0 };
	bool lives = c->pidfd >= 0 && !proc_ended(c->pidfd);
	if (r && (cg->n ? cgroup_pids(cg, c->arena, &pids, NULL)
			: container_pids(c, c->arena, &pids, NULL)) == 0)
		for (size_t i = 0; i < pids.n; i++)
			tell(r, "process %u of container %s", pids.v[i], c->id);
	if (dry_run)
		return 0;
	if (lives && !cg->n)
		return kin_signal(&(struct kin_of){ c->state.pid, c->pidfd, &c->state.namespaces },
				  SIGKILL, e);
	int rc = lives ? kill_init(c, cg, e) : 0;
	return rc < 0 ? rc : cgroup_kill(cg, e);
}

static int undo_mounts(struct container *c, const struct cleanup_report *r, bool dry_run,
		       struct err *e)
{
	for (size_t i = c->state.mounts.n; i-- > 0;) {
		const char *path = c->state.mounts.v[i];
		tell(r, "mount %s of container %s", path, c->id);
		if (!dry_run && umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 &&
		    errno != EINVAL && errno != ENOENT)
			return fail(e, errno, "unmount %s", path);
	}
	return 0;
}

/* The monitoring group is in the group, and goes first. */
static int undo_resctrl(struct container *c, const struct cleanup_report *r, bool dry_run,
			struct err *e)
{
	for (size_t i = c->state.resctrl.n; i-- > 0;) {
		const char *path = c->state.resctrl.v[i];
		tell(r, "group %s of container %s", path, c->id);
		if (!dry_run && rmdir(path) < 0 && errno != ENOENT)
			return fail(e, errno, "remove %s", path);
	}
	return 0;
}

/* The common end: nothing lives, and the cgroups are where they are by default, with no parents of
 * ours above. They go by name; whoever still is in one makes it busy. */
static bool undo_quietly(struct container *c)
{
	char room[ID_MAX + 16];
	auto_buf name = { BUF_IN(room) };
	if (c->state.mounts.n || c->state.resctrl.n)
		return false;
	buf_printf(&name, "/coracle-%s", c->id);
	for (size_t i = 0; name.p && i < c->state.cgroups.n; i++) {
		const char *slash = strrchr(c->state.cgroups.v[i], '/');
		if (!slash || strcmp(slash, name.p) != 0 ||
		    (rmdir(c->state.cgroups.v[i]) < 0 && errno != ENOENT))
			return false;
	}
	return name.p;
}

static void tell_cgroups(struct container *c, const struct cgroup *cg,
			 const struct cleanup_report *r)
{
	for (size_t i = 0; i < cg->n; i++)
		if (cg->v[i].fd >= 0)
			tell(r, "cgroup %s of container %s", cg->v[i].path, c->id);
}

static int undo_all(struct container *c, const struct cleanup_report *r, bool dry_run,
		    struct err *e)
{
	struct cgroup cg = { 0 };
	int rc = container_cgroup(c, &cg, e);
	if (rc == 0 && status_parse(c->state.status) == STATUS_CREATING)
		cgroup_leave_strangers(&cg);
	if (rc == 0)
		rc = undo_processes(c, &cg, r, dry_run, e);
	if (rc == 0)
		rc = undo_mounts(c, r, dry_run, e);
	if (rc == 0)
		rc = undo_resctrl(c, r, dry_run, e);
	if (rc == 0 && r)
		tell_cgroups(c, &cg, r);
	if (rc == 0 && !dry_run)
		rc = cgroup_remove(&cg, e);
	cgroup_close(&cg);
	return rc;
}

/* With the init of a pid namespace all in there end. Frozen ones do not, and take the long way.
 * Whether it has ended. */
static bool end_quietly(struct container *c)
{
	if (c->pidfd < 0 || c->reaped || proc_ended(c->pidfd))
		return c->pidfd >= 0;
	return strs_has(&c->state.namespaces, "pid") &&
	       status_parse(c->state.status) != STATUS_PAUSED &&
	       proc_signal(c->pidfd, SIGKILL) == 0 && proc_wait_end(c->pidfd, QUIET_MS) == 0;
}

/* Most often there is nothing else in it. */
static int remove_state(struct container *c, struct err *e)
{
	char path[PATH_MAX];
	unlinkat(c->dir, STATE_FILE, 0);
	int n = snprintf(path, sizeof(path), "%s/%s", c->root, c->id);
	if (n < (int)sizeof(path) && rmdir(path) == 0)
		return 0;
	auto_close int root = openat(-1, c->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return root < 0 ? fail(e, errno, "open %s", c->root) : tree_remove(root, c->id, e);
}

int container_undo(struct container *c, const struct cleanup_report *r, bool dry_run, struct err *e)
{
	bool quiet = !r && !dry_run;
	int rc = quiet && end_quietly(c) && undo_quietly(c) ? 0 : undo_all(c, r, dry_run, e);
	if (rc < 0)
		return rc;
	tell(r, "state %s/%s", c->root, c->id);
	if (dry_run)
		return 0;
	log_debug("container %s: its processes have ended, its cgroups are removed", c->id);
	return remove_state(c, e);
}

int container_end(struct container *c, struct err *e)
{
	struct cgroup cg = { 0 };
	struct exit_status st = { .code = 128 + SIGKILL, .signal = SIGKILL };
	if (c->state.has_exit || c->state.pid <= 0)
		return 0;
	int rc = container_cgroup(c, &cg, e);
	if (rc == 0 && c->pidfd >= 0 && !proc_ended(c->pidfd))
		rc = kill_init(c, &cg, e);
	cgroup_close(&cg);
	if (rc < 0)
		return rc;
	if (proc_how_ended(c->state.pid, c->state.start_time, c->pidfd, &st) < 0 && c->pidfd < 0)
		log_warn("container %s ended when nobody was there to see how: it is told as "
			 "killed",
			 c->id);
	rc = container_record_exit(c, st, container_oom(c), e);
	return rc == -ENOENT ? 0 : rc; /* somebody else was quicker to remove it */
}

/* Whoever holds the lock may hang, as in a hook that does not end. What it waits for is killed. */
static int lock_by_force(struct container *c, struct err *e)
{
	struct cgroup cg;
	int lock = container_lock(c, LOCK_NB, e);
	if (lock != -EBUSY)
		return lock;
	auto_close int stop = container_stop_hooks(c);
	if (container_reload(c, NULL) == 0 && container_cgroup(c, &cg, NULL) == 0) {
		if (status_parse(c->state.status) == STATUS_CREATING)
			cgroup_leave_strangers(&cg);
		if (c->pidfd >= 0 && !cg.n)
			kin_signal(&(struct kin_of){ c->state.pid, c->pidfd, &c->state.namespaces },
				   SIGKILL, NULL);
		cgroup_kill(&cg, NULL);
		cgroup_close(&cg);
	}
	return container_lock(c, 0, e);
}

/* What a record would tell of that was never completed was never made. Of one that cannot be read
 * now, or by us, that is not known. */
static bool was_never_made(int read)
{
	return read == -ENOENT || read == -EINVAL;
}

int container_delete(struct container *c, bool force, struct err *e)
{
	auto_close int lock = force ? lock_by_force(c, e) : container_lock(c, 0, e);
	if (lock < 0)
		return lock == -ENOENT ? 0 : lock;
	int rc = container_reload(c, e);
	if (rc < 0 && container_gone(c))
		return 0; /* while we waited; who has the id now is somebody else */
	if (rc == -ENOENT || (force && was_never_made(rc)))
		return container_undo(c, NULL, false, e);
	if (rc == 0 && !force)
		rc = lifecycle_check(container_status(c), EV_DELETE, c->id, e);
	if (rc < 0)
		return rc;
	/* The hooks come when all is gone, the spec's copy included. */
	const struct spec *spec = NULL;
	auto_arena *a = c->state.hooks ? arena_new(SPEC_MAX * 16) : NULL;
	if (a && container_spec(c, a, &spec, NULL) < 0)
		spec = NULL;
	rc = container_undo(c, NULL, false, e);
	put_fd(&lock, -1); /* nobody has to wait for hooks that nothing depends on */
	if (rc == 0 && spec)
		container_poststop(c, spec);
	return rc;
}

static bool owner_gone(const struct state *s)
{
	if (s->owner <= 0)
		return false;
	int fd = proc_open(s->owner, s->owner_start_time, NULL);
	if (fd >= 0)
		close(fd);
	return fd == -ESRCH;
}

static bool is_orphan(const struct state *s, int read)
{
	return was_never_made(read) || status_parse(s->status) == STATUS_CREATING ||
	       (owner_gone(s) && (!s->has_exit || s->auto_remove));
}

/* For orphans under the lock of the root, which who makes a container holds until its own lock is
 * held. */
static int lock_to_clean(struct container *c, bool orphans, struct err *e)
{
	auto_close int all = orphans ? openat(-1, c->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (orphans && (all < 0 || flock(all, LOCK_EX) < 0))
		return fail(e, errno, "lock %s", c->root);
	return container_lock(c, LOCK_NB, e);
}

static int clean(struct container *c, unsigned how, const struct cleanup_report *r, struct err *e)
{
	bool orphans = how & CLEANUP_ORPHAN;
	auto_close int lock = lock_to_clean(c, orphans, e);
	if (lock == -ENOENT || (orphans && lock == -EBUSY))
		return orphans;
	if (lock < 0)
		return lock;
	int rc = container_reload(c, e);
	if (container_gone(c))
		return orphans;
	if (rc < 0 && !was_never_made(rc))
		return rc;
	if (orphans && !is_orphan(&c->state, rc))
		return orphans;
	return container_undo(c, r, how & CLEANUP_DRY_RUN, e);
}

int container_cleanup(const char *root, const char *id, unsigned how,
		      const struct cleanup_report *r, struct err *e)
{
	struct container *c;
	int rc = container_find(root, id, &c, e);
	if (rc == -ENOENT)
		return how & CLEANUP_ORPHAN;
	if (rc < 0)
		return rc;
	rc = clean(c, how, r, e);
	container_close(c);
	return rc;
}

int container_remove(const char *root, const char *id, struct err *e)
{
	struct container *c;
	int rc = container_find(root, id, &c, e);
	if (rc < 0)
		return rc == -ENOENT ? 0 : rc;
	rc = container_delete(c, true, e);
	container_close(c);
	return rc;
}

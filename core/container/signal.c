/* signal.c - kill, pause and resume: what is done to all of a container's processes from
 * outside. */
#include "base/file.h"
#include "base/log.h"
#include "base/sys.h"
#include "box/kin.h"
#include "container/inside.h"
#include "container/lifecycle.h"
#include "engine/engine.h"

#include <signal.h>

#define LIST_MEMORY ((size_t)1 << 20)
#define ROUNDS	    8 /* for those that are born meanwhile */

static bool has_own(const struct container *c, const char *ns)
{
	return strs_has(&c->state.namespaces, ns);
}

static int signal_all(struct container *c, int sig, struct err *e)
{
	struct cgroup cg;
	const struct kin_of of = { c->state.pid, c->pidfd, &c->state.namespaces };
	if (!c->state.cgroups.n)
		return c->pidfd < 0 ? 0 : kin_signal(&of, sig, e);
	int rc = container_cgroup(c, &cg, e);
	if (rc < 0)
		return rc;
	rc = sig == SIGKILL ? cgroup_kill(&cg, e) : cgroup_signal(&cg, sig, e);
	cgroup_close(&cg);
	return rc;
}

static bool kill_of_session(pid_t pid, pid_t leader)
{
	auto_close int fd = proc_session(pid) == leader ? proc_hold(pid) : -1;
	/* Looked at again: it is who is held now. */
	return fd >= 0 && proc_session(pid) == leader && !proc_ended(fd) &&
	       proc_signal(fd, SIGKILL) == 0;
}

void container_kill_session(struct container *c, pid_t leader)
{
	bool more = true;
	for (int round = 0; more && round < ROUNDS; round++) {
		struct u32s pids = { 0 };
		auto_arena *a = arena_new(LIST_MEMORY);
		more = false;
		if (!a || container_pids(c, a, &pids, NULL) < 0)
			return;
		for (size_t i = 0; i < pids.n; i++)
			if (kill_of_session((pid_t)pids.v[i], leader))
				more = true;
	}
}

/* A frozen process does not die of SIGKILL on cgroup v1 before it is thawed. */
static int thaw_for_kill(struct container *c, struct err *e)
{
	struct cgroup cg;
	int rc = container_cgroup(c, &cg, e);
	if (rc < 0)
		return rc;
	rc = cgroup_freeze(&cg, false, e);
	cgroup_close(&cg);
	return rc;
}

/* Somebody else, as runc, may have frozen them that way, which is recorded nowhere. */
static void thaw_v1(struct container *c)
{
	struct cgroup cg;
	if (cgroup_open_of(&c->state.cgroups, "freezer", c->arena, &cg, NULL) < 0)
		return;
	cgroup_thaw_all(&cg, 0);
	cgroup_close(&cg);
}

/* Processes that outlived an init without a pid namespace of its own. */
static bool has_orphans(struct container *c)
{
	struct u32s pids = { 0 };
	return c->state.cgroups.n && !has_own(c, "pid") &&
	       container_pids(c, c->arena, &pids, NULL) == 0 && pids.n;
}

int container_kill(struct container *c, int sig, bool all, struct err *e)
{
	/* Without the lock, since nothing is written: a start that hangs holds it. */
	int rc = container_reload(c, e);
	enum status s = rc == 0 ? container_status(c) : STATUS_STOPPED;
	if (rc == 0 && s == STATUS_STOPPED && sig == SIGKILL && !all)
		all = has_orphans(c);
	if (rc == 0 && !(all && s == STATUS_STOPPED))
		rc = lifecycle_check(s, EV_KILL, c->id, e);
	if (rc < 0)
		return rc;
	/* Without a pid namespace of its own, init's death takes nobody with it. */
	all = all || (sig == SIGKILL && !has_own(c, "pid"));
	log_debug("container %s: signal %d to %s %d", c->id, sig,
		  all ? "all that came of process" : "process", (int)c->state.pid);
	if (all)
		return signal_all(c, sig, e);
	rc = proc_signal(c->pidfd, sig);
	if (rc < 0)
		return rc == -ESRCH
			       ? refuse(e, ESRCH, "container not running: %s", c->id)
			       : fail(e, rc, "send %s to container %s", signal_name(sig), c->id);
	if (sig == SIGKILL && s != STATUS_PAUSED)
		thaw_v1(c);
	return s == STATUS_PAUSED && sig == SIGKILL ? thaw_for_kill(c, e) : 0;
}

static int save_status(struct container *c, enum status s, struct err *e)
{
	c->state.status = status_name(s);
	return container_save(c, e);
}

/* Paused also by somebody else, as runc. */
static enum status status_with_freezer(struct container *c)
{
	struct cgroup cg;
	enum status s = container_status(c);
	if (s == STATUS_STOPPED || container_cgroup(c, &cg, NULL) < 0)
		return s;
	s = cgroup_freezes(&cg) ? STATUS_PAUSED : s;
	cgroup_close(&cg);
	return s;
}

static int freeze(struct container *c, bool frozen, struct err *e)
{
	struct cgroup cg;
	auto_close int lock = container_lock(c, 0, e);
	if (lock < 0)
		return lock;
	int rc = container_reload(c, e);
	enum status before = rc == 0 ? status_with_freezer(c) : STATUS_STOPPED;
	if (rc == 0)
		rc = engine_allows(c->state.engine, ENGINE_PAUSE, frozen ? "pause" : "resume", e);
	if (rc == 0)
		rc = lifecycle_check(before, frozen ? EV_PAUSE : EV_RESUME, c->id, e);
	if (rc == 0 && !c->state.cgroups.n) /* in runc's words */
		rc = refuse(e, ENOTSUP,
			    "cannot toggle freezer: cgroups not configured for container %s",
			    c->id);
	if (rc == 0)
		rc = container_cgroup(c, &cg, e);
	if (rc < 0)
		return rc;
	/* What is frozen is recorded as paused before and after: whatever dies here, resume helps.
	 */
	rc = frozen ? save_status(c, STATUS_PAUSED, e) : 0;
	if (rc == 0)
		rc = cgroup_freeze(&cg, frozen, e);
	cgroup_close(&cg);
	if (rc < 0 && frozen)
		save_status(c, before, NULL);
	bool waits = faccessat(c->dir, START_SOCKET, F_OK, 0) == 0; /* for its start, still */
	return rc < 0 || frozen ? rc : save_status(c, waits ? STATUS_CREATED : STATUS_RUNNING, e);
}

int container_pause(struct container *c, struct err *e)
{
	return freeze(c, true, e);
}

int container_resume(struct container *c, struct err *e)
{
	return freeze(c, false, e);
}

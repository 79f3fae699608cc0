/* cgroup_kill.c - all processes of a cgroup: freeze, thaw, signal, kill, and what the kernel
 * killed. */
#include "base/clock.h"
#include "base/file.h"
#include "base/proc.h"
#include "base/sys.h"
#include "box/cgroup.h"
#include "box/cgroup_inner.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FREEZE_MS 10000
#define KILL_MS	  10000 /* one that waits for a device does not even die */
#define SOON_MS	  100	/* one that is neither frozen nor waits has died by then */
#define AT_A_TIME 64	/* pidfds held in one go */

int64_t cgroup_key_in(const char *text, const char *key)
{
	size_t n = strlen(key);
	for (const char *p = text; *p; p += strcspn(p, "\n"), p += *p == '\n')
		if (!strncmp(p, key, n) && p[n] == ' ')
			return strtoll(p + n + 1, NULL, 10);
	return -1;
}

int64_t cgroup_get_key(int dir, const char *file, const char *key)
{
	char text[8192];
	int n = cgroup_get(dir, file, text, sizeof(text));
	int64_t v = n < 0 ? n : cgroup_key_in(text, key);
	return n >= 0 && v < 0 ? -ENOENT : v;
}

int cgroup_wait_event(int dir, const char *key, int value, int timeout_ms)
{
	char text[128];
	auto_close int fd = openat(dir, "cgroup.events", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	for (;;) {
		ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
		if (n < 0)
			return errno == ENODEV && !value ? 0 : -errno; /* removed: empty */
		text[n] = 0;
		if (cgroup_key_in(text, key) == value)
			return 0;
		struct pollfd p = { .fd = fd, .events = POLLPRI };
		int got = poll(&p, 1, timeout_ms);
		if (got < 0 && errno != EINTR)
			return -errno;
		if (got == 0)
			return -ETIMEDOUT;
	}
}

/* v1 works its state out when it is read, and nothing tells of its change. A process stops as soon
 * as it runs, which takes as long as it takes to be scheduled: so we let others run, and then, for
 * those that wait for a device, look again ever more rarely. Who joined meanwhile was not told to
 * stop: so all are, each time. */
static int freeze_v1(const struct cgroup_dir *d, bool frozen)
{
	char state[16];
	uint64_t end = clock_monotonic_ns() + FREEZE_MS * UINT64_C(1000000);
	struct timespec pause = { 0, 50000 };
	for (int i = 0;; i++) {
		int rc = file_put(d->fd, "freezer.state", frozen ? "FROZEN" : "THAWED");
		if (rc < 0 || !frozen)
			return rc;
		rc = cgroup_get(d->fd, "freezer.state", state, sizeof(state));
		if (rc < 0 || !strcmp(state, "FROZEN"))
			return rc < 0 ? rc : 0;
		if (clock_monotonic_ns() > end)
			return -ETIMEDOUT;
		if (i < 16) {
			sched_yield();
			continue;
		}
		nanosleep(&pause, NULL);
		pause.tv_nsec = pause.tv_nsec < 5000000 ? pause.tv_nsec * 2 : 10000000;
	}
}

static int freeze_unified(const struct cgroup_dir *d, bool frozen)
{
	int rc = file_put(d->fd, "cgroup.freeze", frozen ? "1" : "0");
	return rc < 0 ? rc : cgroup_wait_event(d->fd, "frozen", frozen, FREEZE_MS);
}

/* The unified freezer tells when it is done, and lets the frozen be killed; v1's does neither. */
static int freeze(const struct cgroup *cg, bool frozen)
{
	const struct cgroup_dir *u = cgroup_unified(cg), *d = cgroup_v1_dir(cg, "freezer");
	int rc = u && u->fd >= 0 ? freeze_unified(u, frozen) : -ENOENT;
	bool v1 = d && d->fd >= 0;
	if (rc == -ENOENT)
		return v1 ? freeze_v1(d, frozen) : -ENOTSUP;
	if (rc == 0 && !frozen && v1) /* whoever froze it that way */
		rc = freeze_v1(d, false);
	return rc;
}

int cgroup_freeze(struct cgroup *cg, bool frozen, struct err *e)
{
	int rc = freeze(cg, frozen);
	if (rc < 0 && frozen)
		freeze(cg, false);
	if (rc == -ETIMEDOUT && frozen)
		return refuse(e, ETIMEDOUT, "a process did not freeze within %d seconds",
			      FREEZE_MS / 1000);
	return rc < 0 ? fail(e, rc, "%s the cgroup", frozen ? "freeze" : "thaw") : 0;
}

bool cgroup_frozen(const struct cgroup *cg)
{
	char state[16];
	const struct cgroup_dir *u = cgroup_unified(cg), *d = cgroup_v1_dir(cg, "freezer");
	if (u && u->fd >= 0 && cgroup_get_key(u->fd, "cgroup.events", "frozen") == 1)
		return true;
	return d && d->fd >= 0 && cgroup_get(d->fd, "freezer.state", state, sizeof(state)) > 0 &&
	       strcmp(state, "THAWED") != 0;
}

bool cgroup_freezes(const struct cgroup *cg)
{
	char state[16];
	const struct cgroup_dir *u = cgroup_unified(cg), *d = cgroup_v1_dir(cg, "freezer");
	if (u && u->fd >= 0 && cgroup_get(u->fd, "cgroup.freeze", state, sizeof(state)) > 0 &&
	    !strcmp(state, "1"))
		return true;
	return d && d->fd >= 0 &&
	       cgroup_get(d->fd, "freezer.self_freezing", state, sizeof(state)) > 0 &&
	       !strcmp(state, "1");
}

bool cgroup_freezes_at(const char *path)
{
	char file[PATH_MAX], state[16];
	int n = snprintf(file, sizeof(file), "%s/cgroup.freeze", path);
	return n < (int)sizeof(file) && cgroup_get(-1, file, state, sizeof(state)) > 0 &&
	       !strcmp(state, "1");
}

const char *cgroup_freezer(const struct cgroup *cg)
{
	const struct cgroup_dir *u = cgroup_unified(cg), *d = cgroup_v1_dir(cg, "freezer");
	if (u && u->fd >= 0 && faccessat(u->fd, "cgroup.freeze", W_OK, 0) == 0)
		return u->path;
	return d && d->fd >= 0 ? d->path : NULL;
}

/* Those that are in any of the directories: one may have left some of them. */
static int all_pids(const struct cgroup *cg, struct buf *pids)
{
	int rc = 0;
	for (size_t i = 0; rc >= 0 && i < cg->n; i++)
		if (cg->v[i].fd >= 0)
			rc = cgroup_read_pids(cg->v[i].fd, pids);
	return rc < 0 ? rc : pids->failed ? -ENOMEM : 0;
}

/* The next number of a list of lines; 0 at its end. A 0 in it is a process that cannot be seen from
 * here. */
static pid_t next_pid(const char **at)
{
	pid_t pid = 0;
	while (!pid && **at) {
		pid = (pid_t)strtol(*at, NULL, 10);
		*at += strcspn(*at, "\n");
		*at += **at == '\n';
	}
	return pid;
}

static bool lists(const char *text, pid_t pid)
{
	for (pid_t one; text && (one = next_pid(&text));)
		if (one == pid)
			return true;
	return false;
}

/* Born meanwhile it is in the second list, ended meanwhile it is not in the third. */
static bool has_strangers(const struct cgroup_dir *d, const struct cgroup_dir *looked_at)
{
	auto_buf before = { 0 }, ours = { 0 }, after = { 0 };
	if (d->fd < 0 || cgroup_read_pids(d->fd, &before) < 0 || !before.len)
		return false;
	if ((looked_at->fd >= 0 && cgroup_read_pids(looked_at->fd, &ours) < 0) ||
	    cgroup_read_pids(d->fd, &after) < 0)
		return true;
	const char *list = before.p;
	for (pid_t pid; (pid = next_pid(&list));)
		if (!lists(ours.p, pid) && lists(after.p, pid))
			return true;
	return false;
}

void cgroup_leave_strangers(struct cgroup *cg)
{
	const struct cgroup_dir *found = cgroup_unified(cg);
	if (!cg->n)
		return;
	const struct cgroup_dir looked_at = found ? *found : cg->v[cg->n - 1];
	size_t n = 0;
	for (size_t i = 0; i < cg->n; i++) {
		struct cgroup_dir *d = &cg->v[i];
		if (*d->controllers && has_strangers(d, &looked_at))
			put_fd(&d->fd, -1);
		else
			cg->v[n++] = *d;
	}
	cg->n = n;
}

/* Some processes of the cgroup, held by pidfd. */
struct held {
	pid_t pid[AT_A_TIME];
	int fd[AT_A_TIME];
	size_t n;
};

static void release(struct held *h)
{
	while (h->n)
		close(h->fd[--h->n]);
}

/* Takes the next pids of a list. One that is still listed after its pidfd was opened is that very
 * process: a number that was given to somebody else meanwhile is not in the cgroup any more. */
static int hold(const struct cgroup *cg, const char **list, struct held *h)
{
	auto_buf again = { 0 };
	h->n = 0;
	for (pid_t pid; h->n < AT_A_TIME && (pid = next_pid(list));) {
		h->pid[h->n] = pid;
		h->fd[h->n] = proc_hold(pid);
		if (h->fd[h->n] >= 0)
			h->n++;
		else if (h->fd[h->n] != -ESRCH && h->fd[h->n] != -EINVAL && !h->n)
			return h->fd[h->n];
	}
	int rc = h->n ? all_pids(cg, &again) : 0;
	for (size_t i = 0; i < h->n;) {
		if (rc == 0 && lists(again.p, h->pid[i])) {
			i++;
			continue;
		}
		close(h->fd[i]);
		h->n--;
		h->fd[i] = h->fd[h->n];
		h->pid[i] = h->pid[h->n];
	}
	return rc;
}

static int wait_killed(const struct cgroup *cg, pid_t pid, int pidfd)
{
	int rc = proc_wait_end(pidfd, SOON_MS);
	if (rc != -ETIMEDOUT)
		return rc;
	cgroup_thaw_all(cg, pid);
	return proc_wait_end(pidfd, KILL_MS);
}

/* Signals all that a list names; for SIGKILL waits for their end as well. */
static int signal_list(const struct cgroup *cg, const char *list, int sig)
{
	struct held h;
	const struct cgroup_dir *freezer = cgroup_v1_dir(cg, "freezer");
	while (list && *list) {
		int rc = hold(cg, &list, &h);
		for (size_t i = 0; rc == 0 && i < h.n; i++) {
			rc = proc_signal(h.fd[i], sig);
			rc = rc == -ESRCH ? 0 : rc;
		}
		if (sig == SIGKILL && freezer && freezer->fd >= 0)
			file_put(freezer->fd, "freezer.state",
				 "THAWED"); /* v1's frozen do not die */
		for (size_t i = 0; sig == SIGKILL && rc == 0 && i < h.n; i++)
			rc = wait_killed(cg, h.pid[i], h.fd[i]);
		release(&h);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int cgroup_signal(struct cgroup *cg, int sig, struct err *e)
{
	if (sig == SIGKILL)
		return cgroup_kill(cg, e);
	auto_buf pids = { 0 };
	bool was = cgroup_frozen(cg);
	int rc = was ? 0 : freeze(cg, true);
	/* No freezer, or one that does not get hold of a process: all that are seen get it none the
	 * less. */
	if (rc == 0 || rc == -ENOTSUP || rc == -ETIMEDOUT)
		rc = all_pids(cg, &pids);
	if (rc == 0)
		rc = signal_list(cg, pids.p, sig);
	int thawed = was ? 0 : freeze(cg, false);
	if (rc == 0 && thawed < 0 && thawed != -ENOTSUP)
		rc = thawed;
	return rc < 0 ? fail(e, rc, "signal the processes of the cgroup") : 0;
}

/* v1, and v2 before 5.14: round after round until none is left. No process can be born meanwhile
 * where there is a controller of pids, and few elsewhere. */
static int kill_rounds(const struct cgroup *cg)
{
	const struct cgroup_dir *limit = cgroup_v1_dir(cg, "pids");
	limit = limit ? limit : cgroup_unified(cg);
	for (bool first = true;; first = false) {
		auto_buf pids = { 0 };
		int rc = all_pids(cg, &pids);
		const char *any = pids.p;
		if (rc < 0 || !pids.len)
			return rc;
		if (!next_pid(&any))
			return -EPERM; /* they are of a pid namespace that is not below ours */
		if (first && limit && limit->fd >= 0)
			file_put(limit->fd, "pids.max", "0");
		rc = signal_list(cg, pids.p, SIGKILL);
		if (rc < 0)
			return rc;
	}
}

/* The kernel kills all at once, those included that are being born. -ENOENT where it cannot. */
static int kill_unified(const struct cgroup *cg)
{
	const struct cgroup_dir *u = cgroup_unified(cg), *f = cgroup_v1_dir(cg, "freezer");
	if (!u || u->fd < 0)
		return -ENOENT;
	if (cgroup_get_key(u->fd, "cgroup.events", "populated") == 0)
		return 0;
	int rc = file_put(u->fd, "cgroup.kill", "1");
	if (rc == 0 && f && f->fd >= 0)
		file_put(f->fd, "freezer.state", "THAWED");
	if (rc == 0)
		rc = cgroup_wait_event(u->fd, "populated", 0, SOON_MS);
	if (rc != -ETIMEDOUT)
		return rc;
	cgroup_thaw_all(cg, 0);
	return cgroup_wait_event(u->fd, "populated", 0, KILL_MS);
}

int cgroup_kill(struct cgroup *cg, struct err *e)
{
	int rc = kill_unified(cg);
	/* On a hybrid machine one may have left the unified hierarchy and be in others still. */
	if ((rc == 0 && !cg->v2) || rc == -ENOENT || rc == -EOPNOTSUPP)
		rc = kill_rounds(cg);
	if (rc == -ETIMEDOUT)
		return refuse(e, ETIMEDOUT, "a process of the cgroup did not die within %d seconds",
			      KILL_MS / 1000);
	return rc < 0 ? fail(e, rc, "kill the processes of the cgroup") : 0;
}

uint64_t cgroup_oom_kills(const struct cgroup *cg)
{
	const struct cgroup_dir *d = cgroup_v1_dir(cg, "memory");
	const char *file = d ? "memory.oom_control" : "memory.events";
	if (!d)
		d = cgroup_unified(cg);
	int64_t n = d && d->fd >= 0 ? cgroup_get_key(d->fd, file, "oom_kill") : 0;
	return n > 0 ? (uint64_t)n : 0;
}

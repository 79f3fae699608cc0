/* birth.c - where a new process is born: in namespaces that exist already, if need be of a helper
 * that went there before. */
#include "base/file.h"
#include "base/proc.h"
#include "base/sys.h"
#include "box/apply.h"
#include "box/ns.h"
#include "box/userns.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

extern char **environ;

/* A pid namespace that is joined and a time namespace that is new hold for children only: the
 * parent enters them for the clone, and returns. */
struct birthplace {
	int pid, time; /* our own namespaces, to go back to; -1: not left */
};

/* -EXDEV: we could leave, but not come back, being root of a user namespace alone. */
static int leave(const char *path, int ns, int flag, int *back, struct err *e)
{
	if (back)
		*back = openat(-1, path, O_RDONLY | O_CLOEXEC);
	if (back && *back < 0)
		return fail(e, errno, "open %s", path);
	if (back && setns(*back, flag) < 0)
		return -EXDEV;
	int rc = ns < 0 ? (unshare(flag) < 0 ? -errno : 0) : ns_join(ns, (uint64_t)flag);
	return rc < 0 ? fail(e, rc, "enter a namespace instead of %s", path) : 0;
}

static int set_clocks(const struct spec_linux *l, struct err *e)
{
	for (size_t i = 0; i < l->time_offsets.n; i++) {
		const struct spec_time_offset *o = &l->time_offsets.v[i];
		char line[96];
		snprintf(line, sizeof(line), "%s %lld %u\n", o->key, (long long)o->secs,
			 o->nanosecs);
		int rc = file_put(-1, "/proc/self/timens_offsets", line);
		if (rc < 0)
			return fail(e, rc, "linux.timeOffsets: set %s to %lld s", o->key,
				    (long long)o->secs);
	}
	return 0;
}

static int leave_clocks(struct birthplace *back, struct err *e)
{
	struct err own = { 0 };
	int rc = leave("/proc/self/ns/time", -1, CLONE_NEWTIME, back ? &back->time : NULL, &own);
	if (rc == -ENOENT || rc == -EINVAL)
		return refuse(
			e, ENOTSUP,
			"linux.namespaces: time: this kernel has no time namespaces (they came "
			"with Linux 5.6)");
	return rc < 0 ? refuse(e, rc, "%s", own.msg) : 0;
}

/* back NULL: for good. */
static int born_elsewhere(const struct plan *p, struct birthplace *back, struct err *e)
{
	int rc = 0;
	if (p->pid_ns >= 0 && p->user_ns < 0)
		rc = leave("/proc/self/ns/pid", p->pid_ns, CLONE_NEWPID, back ? &back->pid : NULL,
			   e);
	if (rc == 0 && p->clocks)
		rc = leave_clocks(back, e);
	return rc == 0 && p->clocks ? set_clocks(p->clocks, e) : rc;
}

static int return_home(struct birthplace *back, struct err *e)
{
	int rc = 0;
	if (back->pid >= 0 && setns(back->pid, CLONE_NEWPID) < 0)
		rc = fail(e, errno, "return to our own pid namespace");
	if (back->time >= 0 && setns(back->time, CLONE_NEWTIME) < 0)
		rc = fail(e, errno, "return to our own time namespace");
	put_fd(&back->pid, -1);
	put_fd(&back->time, -1);
	return rc;
}

/* What a helper tells us, in memory that we share. */
struct birth {
	pid_t pid;
	struct err why;
};

/* Enters the given namespaces as far as we may; those that we did are not left to the child. Where
 * nothing is left to try, what we may not is an error. The pid namespace comes first, while /proc
 * is ours. Those of kinds in `later` are the child's. */
static int enter_given(struct plan *p, uint64_t later, struct err *e)
{
	int rc = p->pid_ns < 0 ? 0 : ns_join(p->pid_ns, CLONE_NEWPID);
	if (rc == 0)
		p->pid_ns = -1;
	else if (rc != -EPERM || p->user_ns < 0)
		return fail(e, rc, "join the pid namespace");
	for (size_t i = 0; i < p->n; i++) {
		struct op *o = &p->v[i];
		if (o->kind != OP_JOIN || !(o->path || p->joining) || !(o->flags & ~later))
			continue;
		rc = ns_join(o->fd, o->flags);
		if (rc == 0)
			o->flags = 0;
		else if (rc != -EPERM)
			return fail(e, rc, "%s", o->what);
	}
	return 0;
}

/* Some of the given namespaces may belong to the given user namespace, others to ours. */
static int enter_all(struct plan *p, uint64_t later, struct err *e)
{
	bool clocks_first = we_are_root() || p->user_ns < 0;
	int rc = enter_given(p, later, e);
	if (rc == 0 && clocks_first)
		rc = born_elsewhere(p, NULL, e);
	if (rc < 0 || p->user_ns < 0)
		return rc;
	rc = ns_join(p->user_ns, CLONE_NEWUSER);
	if (rc == -EINVAL)
		return refuse(e, EINVAL,
			      "join the user namespace %s: it is our own, or none at all",
			      p->user_ns_path);
	if (rc < 0)
		return fail(e, rc, "join the user namespace %s", p->user_ns_path);
	p->user_ns = -1;
	rc = enter_given(p, later, e);
	return rc < 0 || clocks_first ? rc : born_elsewhere(p, NULL, e);
}

static bool is_ours(int ns)
{
	struct stat own, owner;
	auto_close int users = ioctl(ns, NS_GET_USERNS);
	return users >= 0 && fstat(users, &owner) == 0 && ns_own(CLONE_NEWUSER, &own) == 0 &&
	       owner.st_ino == own.st_ino;
}

/* Who is in a cgroup namespace may have nobody born into a cgroup outside of it, where v2 is
 * mounted with nsdelegate. So it is left to the child: CLONE_NEWCGROUP. But one that only we may
 * enter we enter from that cgroup: 0. Or -errno. */
static int to_cgroup(const struct plan *p, struct clone_args *args, struct err *e)
{
	int later = 0, rc = 0;
	for (size_t i = 0; args->flags & CLONE_INTO_CGROUP && i < p->n; i++) {
		if (p->v[i].kind != OP_JOIN || p->v[i].flags != CLONE_NEWCGROUP)
			continue;
		later = CLONE_NEWCGROUP;
		if (!is_ours(p->v[i].fd))
			continue;
		rc = file_put((int)args->cgroup, "cgroup.procs", "0");
		args->flags &= ~(uint64_t)CLONE_INTO_CGROUP;
		later = 0;
	}
	return rc < 0 ? fail(e, rc, "join the cgroup") : later;
}

/* Whoever may trace everybody in the container sees the child from its birth on: it must not have
 * our root then, nor anything that leads to it, nor what our caller's environment says. So all of
 * that is left behind before. */
static int leave_host(struct child_setup *s, int sync, struct err *e)
{
	close_rest(s, sync);
	for (char **v = environ; *v; v++)
		memset(*v, 0, strlen(*v));
	int rc = await_go(sync); /* before Linux 5.7, we are put into the unified cgroup only now */
	if (rc == 0 && s->cgroup)
		rc = cgroup_join(s->cgroup);
	s->cgroup = NULL;
	return rc < 0 ? fail(e, rc, "join the cgroup") : 0;
}

/* Nobody comes back from a user namespace, so a helper enters it, and gives birth to a child of
 * ours. */
static _Noreturn void helper_main(struct child_setup s, struct clone_args *args, const int pair[2],
				  struct birth *b)
{
	if (s.plan->joining && leave_host(&s, pair[1], &b->why) < 0)
		_exit(1);
	int later = to_cgroup(s.plan, args, &b->why);
	if (later < 0 || enter_all(s.plan, (uint64_t)later, &b->why) < 0)
		_exit(1);
	for (size_t i = 0; s.plan->joining && i < s.plan->n; i++)
		if (s.plan->v[i].kind == OP_JOIN && !s.plan->v[i].flags)
			put_fd(&s.plan->v[i].fd, -1);
	pid_t pid = proc_clone(args, NULL);
	if (pid == 0) {
		if (!s.plan->joining)
			close(pair[0]);
		child_main(&s, pair[1]);
	}
	if (pid < 0)
		fail(&b->why, pid, "clone a process in the namespaces that were given");
	b->pid = pid;
	_exit(0);
}

/* Who may set no clocks outside of a new user namespace sets them in it, and so before the birth.
 */
static bool clocks_of_others(const struct plan *p)
{
	return p->clocks && p->clone_flags & CLONE_NEWUSER && !we_are_root();
}

static int clone_by_helper(const struct child_setup *s, struct clone_args *args, const int pair[2],
			   struct child *out, struct err *e)
{
	struct birth *b = mmap(NULL, sizeof(*b), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			       -1, 0);
	if (b == MAP_FAILED)
		return fail(e, errno, "clone a process");
	args->flags |= CLONE_PARENT;
	args->exit_signal = 0; /* it has the helper's */
	struct clone_args helper = { .exit_signal = SIGCHLD };
	if (clocks_of_others(s->plan)) {
		helper.flags = CLONE_NEWUSER;
		args->flags &= ~(uint64_t)CLONE_NEWUSER;
	}
	if (s->plan->joining) {
		helper.flags |= args->flags & CLONE_INTO_CGROUP;
		helper.cgroup = args->cgroup;
		args->flags &= ~(uint64_t)CLONE_INTO_CGROUP;
		args->cgroup = 0;
	}
	pid_t pid = proc_clone(&helper, NULL);
	if (pid == 0)
		helper_main(*s, args, pair, b);
	int rc = pid < 0 ? fail(e, pid, "clone a process") : 0;
	if (rc == 0 && s->plan->joining)
		say_go(pair[0]);
	if (rc == 0 && s->free) /* its child hears it whenever it is born, and we need not run */
		out->goes = say_go(pair[0]) == 0;
	while (rc == 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (rc == 0 && b->pid <= 0)
		rc = b->why.code ? refuse(e, b->why.code, "%s", b->why.msg)
				 : refuse(e, ECHILD,
					  "clone a process: who was to do so in the namespaces "
					  "that were given was killed");
	if (rc == 0) {
		out->pid = b->pid;
		out->pidfd = proc_hold(b->pid); /* nobody but us reaps it: it is that one */
		rc = out->pidfd < 0 ? fail(e, out->pidfd, "open process %d", (int)b->pid) : 0;
	}
	munmap(b, sizeof(*b));
	return rc;
}

/* The kernel does not say which it was that there is not. */
static int not_born(int rc, uint64_t flags, struct err *e)
{
	char names[128] = "";
	for (; flags; flags &= flags - 1) {
		size_t n = strlen(names);
		snprintf(names + n, sizeof(names) - n, "%s%s", n ? ", " : "",
			 ns_type(flags & -flags));
	}
	return fail(e, rc, "clone a process with new namespaces (%s)%s", names,
		    rc == -ENOSPC ? "; /proc/sys/user has how many there may be" : "");
}

static int clone_here(const struct child_setup *s, struct clone_args *args, const int pair[2],
		      struct child *out, struct err *e)
{
	struct birthplace back = { -1, -1 };
	int rc = born_elsewhere(s->plan, &back, e);
	if (rc < 0) {
		return_home(&back, NULL);
		return rc;
	}
	pid_t pid = proc_clone(args, &out->pidfd);
	if (pid == 0) {
		close(pair[0]); /* or it would not see that we have gone, if close_rest() cannot */
		child_main(s, pair[1]);
	}
	rc = return_home(&back, e);
	if (pid < 0)
		return not_born(pid, s->plan->clone_flags, e);
	out->pid = pid;
	return rc;
}

/* Whoever is in a new user namespace may not enter what belongs to ours; so it is born in there.
 * And who joins a container is not to be seen in it while he is not; with a user namespace of its
 * own, nobody in it may look at him at all. */
static bool needs_helper(const struct plan *p)
{
	bool seen = p->joining && p->pid_ns >= 0 && !p->waits;
	if (p->user_ns >= 0 || clocks_of_others(p) || seen)
		return true;
	for (size_t i = 0; p->clone_flags & CLONE_NEWUSER && i < p->n; i++)
		if (p->v[i].kind == OP_JOIN)
			return true;
	return false;
}

int birth(const struct child_setup *s, struct clone_args *args, const int pair[2],
	  struct child *out, struct err *e)
{
	int rc = needs_helper(s->plan) ? -EXDEV : clone_here(s, args, pair, out, e);
	return rc == -EXDEV ? clone_by_helper(s, args, pair, out, e) : rc;
}

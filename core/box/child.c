/* child.c - the new process: born by clone, applies its plan, becomes the workload; and its
 * parent's side of it. */
#include "box/child.h"
#include "base/fdpass.h"
#include "base/file.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/sys.h"
#include "box/apply.h"
#include "box/hook.h"
#include "box/idmap.h"
#include "box/keep.h"
#include "box/subid.h"
#include "box/userns.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

int self_tell(struct self *s, int kind, int fd)
{
	struct child_message m = { .kind = kind };
	memcpy(m.words, s->words, sizeof(m.words));
	if (fd >= 0)
		return fd_send(s->sync, &m, sizeof(m), &fd, 1);
	/* The call that a filter of the workload's will hardly lack. */
	return write(s->sync, &m, sizeof(m)) < 0 ? -errno : 0;
}

static int await(int sync, int kind)
{
	struct child_message m;
	ssize_t n;
	do {
		n = read(sync, &m, sizeof(m));
	} while (n < 0 && errno == EINTR);
	if (n <= 0) /* the parent is gone: nobody wants us */
		_exit(1);
	return m.kind == kind ? 0 : -EPROTO;
}

int await_go(int sync)
{
	return await(sync, CHILD_GO);
}

static _Noreturn void give_up(struct self *s, const struct op *o, int rc)
{
	struct child_message m = {
		.kind = CHILD_FAILED, .error = -rc, .op = (int)o->kind, .nth = o->nth
	};
	snprintf(m.what, sizeof(m.what), "%s", o->what);
	memcpy(m.words, s->words, sizeof(m.words));
	send(s->starter >= 0 ? s->starter : s->sync, &m, sizeof(m), MSG_NOSIGNAL);
	_exit(127);
}

/* Who is not root, or was not when this program began, must be seen while his ids are mapped; all
 * others hide before they are born. */
static bool hidden(const struct plan *p)
{
	return (we_are_root() && !subid_inside()) || !p->maps;
}

/* Our ids are mapped: from now on nobody in a container may look into us, whoever we are. */
static int apply_go(struct self *s, const struct op *o)
{
	(void)o;
	int rc = await_go(s->sync);
	if (!hidden(s->setup->plan))
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	return rc;
}

static int apply_sources(struct self *s, const struct op *o)
{
	(void)o;
	struct plan *p = s->setup->plan;
	int rc = p->old ? self_join(s) : 0; /* then all are opened here, the cgroups' too */
	if (rc < 0)
		return rc;
	size_t failed = plan_open_rest(p, &rc);
	if (failed == p->n)
		return 0;
	const struct op *bind = &p->v[failed];
	if (rc == -EINVAL && bind->kind == OP_MOUNT && !bind->mount.recursive)
		snprintf(s->words, sizeof(s->words),
			 "a user namespace may not uncover what is mounted below; use rbind");
	give_up(s, bind, rc);
}

int self_join(struct self *s)
{
	if (!s->setup->plan->joins_late || s->joined)
		return 0;
	struct child_message m;
	int doors[FDPASS_MAX], rc = 0;
	s->joined = true;
	do {
		if (fd_receive(s->sync, &m, sizeof(m), doors) <= 0) /* as in await_go() */
			_exit(1);
	} while (m.kind == CHILD_MADE);
	for (size_t i = 0; rc == 0 && i < FDPASS_MAX && doors[i] >= 0; i++) {
		rc = write(doors[i], "0", 1) < 0 ? -errno : 0;
		later_fdp(&doors[i]);
	}
	return rc;
}

static int apply_made(struct self *s, const struct op *o)
{
	(void)o;
	if (s->made || s->joined)
		return 0;
	s->made = true;
	return await(s->sync, CHILD_MADE);
}

static int apply_cgroup(struct self *s, const struct op *o)
{
	(void)o;
	return self_join(s);
}

/* Our parent's message may be another one, so it answers elsewhere; if it is gone, so are we. */
int self_idmap(struct self *s, const struct op *o, int mount)
{
	const struct child_message m = { .kind = CHILD_IDMAP, .nth = o->nth };
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	auto_close int ours = pair[0];
	const int fds[] = { mount, pair[1] };
	int rc = fd_send(s->sync, &m, sizeof(m), fds, 2);
	close(pair[1]);
	return rc < 0 ? rc : await_go(ours);
}

int say_go(int sync)
{
	struct child_message m = { .kind = CHILD_GO };
	return fd_send(sync, &m, sizeof(m), NULL, 0);
}

static int apply_parent_hooks(struct self *s, const struct op *o)
{
	(void)o;
	int rc = self_tell(s, CHILD_HOOKS, -1);
	return rc < 0 ? rc : await_go(s->sync);
}

static int apply_ready(struct self *s, const struct op *o)
{
	(void)o;
	/* Who is not root could not look at our namespaces else, to exec in what is not started. */
	if (!we_are_root() && s->setup->listener >= 0)
		prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	int rc = self_tell(s, CHILD_READY, -1);
	if (s->setup->listener >= 0) /* whoever starts us will not be who made us */
		put_fd(&s->sync, -1);
	return rc;
}

static _Noreturn void end(int signo)
{
	_exit(128 + signo);
}

/* Init of a pid namespace is not ended by what it has no handler for, and the host may give up on
 * what it never started. Gone with execve, as handlers are. */
static void heed_signals(void)
{
	static const int ending[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };
	const struct sigaction ends = { .sa_handler = end };
	for (size_t i = 0; i < sizeof(ending) / sizeof(ending[0]); i++)
		sigaction(ending[i], &ends, NULL);
}

/* All but stdio, what is to be passed on, and our way to the parent and to the starter. */
static int apply_close(struct self *s, const struct op *o)
{
	(void)o;
	const struct plan *p = s->setup->plan;
	struct keep keep = { .n = 0 };
	keep_add(&keep, s->sync);
	keep_add(&keep, s->setup->listener);
	keep_add(&keep, p->v[p->n - 1].fd); /* of OP_EXEC */
	keep_add(&keep, p->hook_out[0]);
	keep_add(&keep, p->hook_out[1]);
	s->root = s->empty = s->null = s->proc = s->parent = -1;
	if (s->setup->listener >= 0) /* we shall wait, with a filter by then that may forbid this */
		heed_signals();
	return keep_only(&keep, s->setup->preserve_fds);
}

/* A starter says one byte; whoever comes and goes without it only looked whether we still wait. */
static int apply_start(struct self *s, const struct op *o)
{
	(void)o;
	for (;;) {
		char byte;
		auto_close int fd = accept4(s->setup->listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0 && errno != EINTR && errno != ECONNABORTED)
			return -errno;
		if (fd >= 0 && read(fd, &byte, 1) == 1) {
			s->starter = take_fd(&fd);
			return 0;
		}
	}
}

static apply_function *const apply[OP_KINDS] = {
	[OP_GO] = apply_go,
	[OP_JOIN] = apply_join,
	[OP_UNSHARE] = apply_unshare,
	[OP_MADE] = apply_made,
	[OP_CGROUP] = apply_cgroup,
	[OP_SOURCES] = apply_sources,
	[OP_PLACE] = apply_place,
	[OP_BECOME_ROOT] = apply_become_root,
	[OP_SESSION] = apply_session,
	[OP_STDIO] = apply_stdio,
	[OP_LOOPBACK] = apply_loopback,
	[OP_HOSTNAME] = apply_hostname,
	[OP_DOMAINNAME] = apply_domainname,
	[OP_PROPAGATION] = apply_propagation,
	[OP_ROOT] = apply_root,
	[OP_MOUNT] = apply_mount,
	[OP_MKNOD] = apply_mknod,
	[OP_SYMLINK] = apply_symlink,
	[OP_CONSOLE] = apply_console,
	[OP_MASK] = apply_mask,
	[OP_READONLY] = apply_readonly,
	[OP_REMOUNT] = apply_remount,
	[OP_RECONFIGURE] = apply_reconfigure,
	[OP_SYSCTL] = apply_sysctl,
	[OP_PARENT_HOOKS] = apply_parent_hooks,
	[OP_HOOK] = apply_hook,
	[OP_PIVOT] = apply_pivot,
	[OP_CHROOT] = apply_chroot,
	[OP_ROOT_PROPAGATION] = apply_propagation,
	[OP_ROOT_READONLY] = apply_root_readonly,
	[OP_MAKE_DIR] = apply_make_dir,
	[OP_CLOSE] = apply_close,
	[OP_LIMIT] = apply_limit,
	[OP_AFFINITY] = apply_affinity,
	[OP_SCHEDULE] = apply_schedule,
	[OP_IO_PRIORITY] = apply_io_priority,
	[OP_MEMORY_POLICY] = apply_memory_policy,
	[OP_OWN_STDIO] = apply_own_stdio,
	[OP_UMASK] = apply_umask,
	[OP_SECCOMP] = apply_seccomp,
	[OP_BOUND] = apply_bound,
	[OP_USER] = apply_user,
	[OP_CAPS] = apply_caps,
	[OP_NO_NEW_PRIVS] = apply_no_new_privs,
	[OP_PERSONALITY] = apply_personality,
	[OP_LABEL] = apply_label,
	[OP_CHDIR] = apply_chdir,
	[OP_FIND] = apply_find,
	[OP_READY] = apply_ready,
	[OP_START] = apply_start,
	[OP_TRY] = apply_try,
	[OP_EXEC] = apply_exec,
};

/* Whatever else we or whoever called us left open goes now, not at execve: until then a path may
 * lead through it, a cwd or a program such as /proc/self/fd/7/bin/sh. */
void close_rest(const struct child_setup *setup, int sync)
{
	struct keep keep = { .n = 0 };
	keep_add(&keep, sync);
	keep_add(&keep, setup->listener);
	for (size_t i = 0; setup->cgroup && i < setup->cgroup->n; i++)
		keep_add(&keep, setup->cgroup->v[i].door);
	for (int i = 0; i < 3; i++)
		keep_add(&keep, setup->stdio[i]);
	for (int i = 0; i < 2; i++)
		keep_add(&keep, setup->plan->hook_out[i]);
	for (size_t i = 0; i < setup->plan->n; i++)
		keep_add(&keep, setup->plan->v[i].fd);
	keep_only(&keep, setup->preserve_fds);
}

_Noreturn void child_main(const struct child_setup *setup, int sync)
{
	struct self s = { .setup = setup,
			  .sync = sync,
			  .starter = -1,
			  .root = -1,
			  .terminal = -1,
			  .empty = -1,
			  .null = -1,
			  .proc = -1,
			  .place = -1,
			  .parent = -1,
			  .stage = STAGE_NONE };
	const struct plan *p = setup->plan;
	s.stage.forbidden = p->host_mounts;
	close_rest(setup, sync);
	signals_reset(setup->self);
	int rc = setup->cgroup ? cgroup_join(setup->cgroup) : 0;
	if (rc < 0)
		give_up(&s, &(struct op){ .kind = OP_GO, .what = "join the cgroup" }, rc);
	umask(0);
	for (size_t i = 0; i < p->n; i++) {
		rc = apply[p->v[i].kind](&s, &p->v[i]);
		if (rc < 0)
			give_up(&s, &p->v[i], rc);
	}
	_exit(127); /* a plan ends in execve */
}

int child_clone(const struct child_setup *s, struct child *out, struct err *e)
{
	int pair[2];
	int into = s->cgroup ? cgroup_clone_fd(s->cgroup) : -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return fail(e, errno, "make a socket pair");
	auto_close int ours = pair[0];
	/* Nobody in the container may look into us, not even for the moment that we are still
	 * ourselves in it. */
	if (hidden(s->plan))
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	struct clone_args args = {
		.flags = s->plan->clone_flags | (into >= 0 ? CLONE_INTO_CGROUP : 0),
		.exit_signal = SIGCHLD,
		.cgroup = into >= 0 ? (uint64_t)into : 0,
	};
	struct child c = { .pidfd = -1, .sync = -1, .plan = s->plan };
	struct bits before;
	const struct bits *cpus = s->plan->birth_cpus;
	int error = cpus ? affinity_get(&before) : 0;
	if (error == 0 && cpus)
		error = affinity_set(cpus);
	if (error < 0) {
		close(pair[1]);
		return fail(e, error, "process.execCPUAffinity.initial");
	}
	int rc = birth(s, &args, pair, &c, e);
	if (cpus)
		affinity_set(&before);
	close(pair[1]);	 /* the child has its own */
	if (c.pid > 0) { /* also for whoever has to end it after a failure */
		c.sync = take_fd(&ours);
		*out = c;
	}
	return rc;
}

int child_go(const struct child *c, struct err *e)
{
	int rc = c->goes ? 0 : say_go(c->sync);
	return rc < 0 ? fail(e, rc, "release the new process") : 0;
}

static int tell_late(const struct child *c, int kind, const int *doors, size_t n, struct err *e)
{
	struct child_message m = { .kind = kind };
	int rc = fd_send(c->sync, &m, sizeof(m), doors, n);
	bool gone = rc == -EPIPE || rc == -ECONNRESET || rc == -ENOTCONN;
	return rc < 0 && !gone ? fail(e, rc, "release the new process") : 0;
}

int child_made(const struct child *c, struct err *e)
{
	return tell_late(c, CHILD_MADE, NULL, 0, e);
}

int child_go_in(const struct child *c, const struct cgroup *cg, struct err *e)
{
	int doors[FDPASS_MAX];
	size_t n = 0;
	for (size_t i = 0; i < cg->n && n < FDPASS_MAX; i++)
		if (cg->v[i].door >= 0)
			doors[n++] = cg->v[i].door;
	return tell_late(c, CHILD_GO, doors, n, e);
}

int child_limit(pid_t pid, int sync, const struct child_message *m)
{
	struct rlimit now, want;
	memcpy(&want, m->what, sizeof(want));
	if (prlimit(pid, m->error, NULL, &now) < 0)
		return -errno;
	if (want.rlim_max > now.rlim_max)
		return -EPERM;
	return prlimit(pid, m->error, &want, NULL) < 0 ? -errno : say_go(sync);
}

static int map_ids(const struct child *c, unsigned nth, const int fds[2], struct err *e)
{
	int rc = fds[1] < 0 ? refuse(e, EPROTO, "the new process sent no mount")
			    : idmap_late(c->plan, nth, fds[0], e);
	if (rc == 0 && (rc = say_go(fds[1])) < 0)
		fail(e, rc, "release the new process");
	return rc;
}

int child_wait(const struct child *c, int *fd, struct err *e)
{
	struct child_message m;
	int fds[FDPASS_MAX];
	int n = fd_receive(c->sync, &m, sizeof(m), fds);
	if (n == -ECONNRESET) /* it died before it heard us; what it said is still to come */
		n = fd_receive(c->sync, &m, sizeof(m), fds);
	if (n < 0)
		return fail(e, n, "hear from the new process");
	if (n == 0)
		return 0;
	if (n != (int)sizeof(m))
		return refuse(e, EPROTO, "the new process said something strange");
	m.what[sizeof(m.what) - 1] = m.words[sizeof(m.words) - 1] = 0;
	if (m.kind == CHILD_FAILED)
		return child_failure(&m, e);
	if (m.kind == CHILD_WARNED)
		log_warn("process.capabilities: we have not, and so cannot give,%s", m.words);
	int mapped = m.kind == CHILD_IDMAP ? map_ids(c, m.nth, fds, e) : 0;
	if (m.kind == CHILD_CONSOLE && fd)
		*fd = take_fd(&fds[0]);
	for (size_t i = 0; i < FDPASS_MAX; i++)
		put_fd(&fds[i], -1);
	if (m.kind == CHILD_IDMAP)
		return mapped < 0 ? mapped : m.kind;
	if (m.kind == CHILD_LISTENER && fd) {
		int listener = listener_take(c, m.error, e);
		if (listener <= 0)
			return listener < 0 ? listener : child_wait(c, fd, e);
		*fd = listener;
	}
	return m.kind;
}

/* exec.c - one process more in a running container. */
#include "base/file.h"
#include "base/log.h"
#include "base/sys.h"
#include "box/child.h"
#include "box/ns.h"
#include "box/userns.h"
#include "container/filter.h"
#include "container/inside.h"
#include "container/lifecycle.h"
#include "engine/engine.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define WORK_MEMORY ((size_t)64 << 20)

struct joining {
	struct container *c;
	const struct exec_request *r;
	struct arena *a;
	const struct spec *spec;
	const struct spec_process *process; /* complete */
	struct plan plan;
	struct cgroup cgroup;
	struct child child;
	int console, cgroup_ns, root; /* of init */
};

/* Those that were made for it, and are surely not ours. (The user namespace may be, of somebody who
 * went there before.) */
static uint64_t made_for(const struct state *s)
{
	uint64_t flags = 0;
	for (size_t i = 0; i < s->namespaces.n; i++)
		flags |= ns_flag(s->namespaces.v[i]);
	return flags & ~(uint64_t)CLONE_NEWUSER;
}

/* What is in /proc under init's number is init's only if init lives still afterwards. */
static int look_at_init(struct joining *j, uint64_t known, uint64_t *namespaces, struct err *e)
{
	char path[32];
	snprintf(path, sizeof(path), "/proc/%d/root", j->c->state.pid);
	j->root = openat(-1, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int rc = j->root < 0 ? -errno : ns_different(j->c->state.pid, known, namespaces);
	if (rc == 0 && *namespaces & CLONE_NEWCGROUP) {
		snprintf(path, sizeof(path), "/proc/%d/ns/cgroup", j->c->state.pid);
		j->cgroup_ns = openat(-1, path, O_RDONLY | O_CLOEXEC);
		rc = j->cgroup_ns < 0 ? -errno : 0;
	}
	/* ENOENT: it is on its way to its end, and has these no more. */
	if (rc == -ENOENT || proc_ended(j->c->pidfd))
		return lifecycle_check(STATUS_STOPPED, EV_EXEC, j->c->id, e);
	return rc < 0 ? fail(e, rc, "look at the init of container %s", j->c->id) : 0;
}

/* What a process does not say for itself is as it is for init, as with runc. */
static int complete(const struct spec_process *p, const struct spec_process *init, struct arena *a,
		    const struct spec_process **out, struct err *e)
{
	struct spec_process *q = arena_alloc(a, sizeof(*q));
	if (!q)
		return fail(e, E2BIG, "process");
	*q = *p;
	if (!q->capabilities)
		q->capabilities = init->capabilities;
	if (!q->rlimits.n)
		q->rlimits = init->rlimits;
	if (!q->apparmor_profile || !*q->apparmor_profile)
		q->apparmor_profile = init->apparmor_profile;
	if (!q->selinux_label || !*q->selinux_label)
		q->selinux_label = init->selinux_label;
	if (!q->scheduler)
		q->scheduler = init->scheduler;
	if (!q->io_priority)
		q->io_priority = init->io_priority;
	if (!q->exec_affinity)
		q->exec_affinity = init->exec_affinity;
	if (!q->user.umask.set)
		q->user.umask = init->user.umask;
	if (!q->oom_score_adj.set)
		q->oom_score_adj = init->oom_score_adj;
	*out = q;
	return 0;
}

static int make_plan(struct joining *j, struct err *e)
{
	uint64_t namespaces = 0;
	const struct engine *engine;
	int rc = engine_find(j->c->state.engine, &engine, e);
	if (rc == 0)
		rc = look_at_init(j, engine->own_root ? made_for(&j->c->state) : 0, &namespaces, e);
	if (rc == 0)
		rc = j->spec ? 0 : container_spec(j->c, j->a, &j->spec, e);
	if (rc == 0)
		rc = complete(j->r->process, j->spec->process, j->a, &j->process, e);
	if (rc == 0)
		rc = process_with_home(j->process, j->root, j->a, &j->process, e);
	if (rc == 0 && j->r->console_fd)
		rc = process_on_screen(j->process, j->r->console_plain, j->a, &j->process, e);
	if (rc < 0)
		return rc;
	const struct plan_joining joining = {
		.process = j->process,
		.spec = j->spec,
		.id = j->c->state.no_new_keyring ? NULL : j->c->id,
		.init_pidfd = j->c->pidfd,
		.root = engine->own_root ? j->root : -1,
		.namespaces = namespaces,
		.cgroup_ns = j->cgroup_ns,
		.filter = j->spec->linux_->seccomp ? filter_kept(j->c, j->a) : NULL,
		.born_in = CLONE_NEWPID | (we_are_root() ? 0 : CLONE_NEWUSER)
	};
	return plan_exec(&joining, j->a, &j->plan, e);
}

/* Whoever may write in the hierarchy can be anywhere in it: where init is, we go. */
static int follow_init(struct joining *j, struct err *e)
{
	int rc = cgroup_follow(&j->cgroup, j->c->state.pid);
	if (proc_ended(j->c->pidfd))
		return lifecycle_check(STATUS_STOPPED, EV_EXEC, j->c->id, e);
	return rc < 0 ? fail(e, rc, "find the cgroup of the init of container %s", j->c->id) : 0;
}

static int find_cgroup(struct joining *j, struct err *e)
{
	int rc = container_cgroup(j->c, &j->cgroup, e);
	/* Paused by somebody else, as runc: whoever is born there would not come to life. */
	if (rc == 0 && j->cgroup.v2 && !j->r->ignore_paused && cgroup_freezes(&j->cgroup))
		return lifecycle_check(STATUS_PAUSED, EV_EXEC, j->c->id, e);
	if (rc == 0 && j->r->cgroups.n)
		rc = cgroup_descend(&j->cgroup, &j->r->cgroups, e);
	else if (rc == 0 && j->cgroup.v2 &&
		 j->cgroup.v[0].fd < 0) /* init has left it, and it went */
		rc = follow_init(j, e);
	return rc == 0 ? cgroup_doors(&j->cgroup, e) : rc;
}

/* Where init has made groups of its own nobody may be born beside them. */
static int clone_child(struct joining *j, const struct child_setup *setup, struct err *e)
{
	struct err why = { 0 };
	int rc = container_clone(setup, &j->child, &why);
	if (rc == -EBUSY && j->r->cgroups.n)
		return refuse(e, EBUSY,
			      "--cgroup: adding pid of the new process to cgroups of container %s: "
			      "Device or resource busy; it has groups below, name one of them",
			      j->c->id);
	if (rc == -EBUSY && follow_init(j, e) == 0)
		return container_clone(setup, &j->child, e);
	return rc < 0 ? refuse(e, -rc, "%s", why.msg) : 0;
}

static int launch(struct joining *j, struct err *e)
{
	int rc = find_cgroup(j, e);
	const struct opt_i64 *score = &j->process->oom_score_adj;
	bool grouped = j->spec->linux_->intel_rdt, inherits = j->r->disposable || !score->set;
	if (rc == 0 && j->r->disposable)
		rc = oom_score_set(getpid(), score, e);
	if (rc < 0)
		return rc;
	struct child_setup setup = {
		.plan = &j->plan,
		/* Who hands a listener over waits for a second word to go. */
		.free = inherits && !grouped && !j->plan.waits && !j->cgroup.unit &&
			!j->plan.listened,
		.stdio = { j->r->stdio[0], j->r->stdio[1], j->r->stdio[2] },
		.preserve_fds = j->r->preserve_fds,
		.listener = -1,
		.cgroup = &j->cgroup,
	};
	rc = clone_child(j, &setup, e);
	if (rc == 0)
		log_debug("exec in container %s: process %d, in the namespaces of process %d",
			  j->c->id, (int)j->child.pid, (int)j->c->state.pid);
	struct resctrl group;
	if (rc == 0 && grouped)
		rc = container_resctrl(j->spec, j->c, &group, e);
	if (rc == 0 && grouped)
		rc = resctrl_join(&group, j->child.pid, e);
	if (rc == 0 && !inherits)
		rc = oom_score_set(j->child.pid, score, e);
	if (rc == 0 && j->plan.waits)
		limits_raise(j->child.pid, &j->plan);
	return rc == 0 ? child_go(&j->child, e) : rc;
}

/* The end of the socket is a successful execve. */
static int attend(struct joining *j, struct err *e)
{
	for (;;) {
		auto_close int fd = -1;
		int kind = child_wait(&j->child, &fd, e);
		if (kind == CHILD_CONSOLE)
			j->console = take_fd(&fd);
		if (kind == CHILD_LISTENER)
			kind = listener_send(j->c, j->spec->linux_->seccomp, &j->child, fd, e) < 0
				       ? -EPROTO
				       : kind;
		if (kind <= 0)
			return kind;
	}
}

static int hand_over(struct joining *j, struct err *e)
{
	int rc = 0;
	if (j->console >= 0 && j->r->console_socket)
		rc = console_send(j->r->console_socket, j->console, e);
	else if (j->console >= 0 && j->r->console_fd)
		*j->r->console_fd = take_fd(&j->console);
	if (rc == 0 && j->r->pid_file)
		rc = pid_file_write(j->r->pid_file, j->child.pid, e);
	if (rc == 0 && j->r->pidfd_socket)
		rc = pidfd_send(j->r->pidfd_socket, "setns", j->child.pidfd, e);
	return rc;
}

static void undo(struct joining *j)
{
	struct exit_status st;
	if (j->child.pid <= 0)
		return;
	put_fd(&j->child.sync, -1);
	proc_signal(j->child.pidfd, SIGKILL);
	proc_reap(j->child.pidfd, &st);
	put_fd(&j->child.pidfd, -1);
}

static int join(struct joining *j, struct process *out, struct err *e)
{
	enum status s = container_status(j->c);
	bool frozen_allowed = s == STATUS_PAUSED && j->r->ignore_paused;
	int rc = engine_allows(j->c->state.engine, ENGINE_EXEC, "exec", e);
	if (rc == 0 && !frozen_allowed)
		rc = lifecycle_check(s, EV_EXEC, j->c->id, e);
	if (rc == 0)
		rc = make_plan(j, e);
	if (rc == 0)
		rc = launch(j, e);
	if (rc == 0)
		rc = attend(j, e);
	if (rc == -ESRCH) /* of its namespaces: it ended meanwhile */
		rc = lifecycle_check(STATUS_STOPPED, EV_EXEC, j->c->id, e);
	if (rc == 0)
		rc = hand_over(j, e);
	if (rc == 0)
		*out = (struct process){ j->child.pid, j->child.pidfd,
					 proc_start_time(j->child.pid, NULL) };
	return rc;
}

int container_exec(struct container *c, const struct exec_request *r, struct process *out,
		   struct err *e)
{
	struct joining j = { .c = c,
			     .r = r,
			     .spec = r->spec,
			     .a = arena_new(WORK_MEMORY),
			     .console = -1,
			     .root = -1,
			     .cgroup_ns = -1,
			     .plan = { .pid_ns = -1, .user_ns = -1 },
			     .child = { .sync = -1, .pidfd = -1 } };
	if (!j.a)
		return fail(e, ENOMEM, "exec in container %s", c->id);
	int rc = preserved_count(r->preserve_fds, e);
	if (rc == 0)
		rc = container_reload(c, e);
	if (rc == 0)
		rc = join(&j, out, e);
	if (rc < 0)
		undo(&j);
	put_fd(&j.child.sync, -1);
	put_fd(&j.console, -1);
	put_fd(&j.root, -1);
	put_fd(&j.cgroup_ns, -1);
	cgroup_close(&j.cgroup);
	arena_free(j.a);
	return rc;
}

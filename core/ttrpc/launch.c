/* launch.c - the Task services' Exec and Start, and how a fork hands over what it has launched. */
#include "ttrpc/launch.h"
#include "base/file.h"
#include "base/sys.h"
#include "pb/task_events.pb-c.h"
#include "pb/task_v2.pb-c.h"
#include "ttrpc/checkpoint.h"
#include "ttrpc/member.h"
#include "ttrpc/oom.h"
#include "ttrpc/podconfig.h"
#include "ttrpc/refusal.h"
#include "ttrpc/sandbox.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define V2(name_)    Containerd__Task__V2__##name_
#define CHECKED_MOST ((size_t)64 << 10)

static char *text(const char *s)
{
	return (char *)(uintptr_t)s;
}

static void hand_over(struct work *w, const struct streams *s)
{
	memcpy(&w->fds[WORK_STREAMS], s->end, sizeof(s->end));
}

/* A kubelet's: containerd tells the end of its input by CloseIO, and after a restart opens it once
 * more. Others' ends with its last writer, as some forget CloseIO when they are early (ctr); an
 * exec's always, to which nobody can attach later. */
static bool outlives_writers(const struct container *c)
{
	return pairs_get(&c->state.annotations, POD_TYPE) != NULL;
}

static int check_annotations(const struct container *c, struct err *e)
{
	static const struct {
		const char *name, *usual, *other;
	} known[] = {
		{ STDIO_ANNOTATION, "block", "drop" },
		{ ORPHANS_ANNOTATION, "keep", "kill" },
	};
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		const char *v = pairs_get(&c->state.annotations, known[i].name);
		if (v && strcmp(v, known[i].usual) != 0 && strcmp(v, known[i].other) != 0)
			return refuse(e, EINVAL, "annotation %s: %s: use %s or %s", known[i].name,
				      v, known[i].usual, known[i].other);
	}
	return 0;
}

int launch_container(struct work *w, struct create_request *r, struct err *e)
{
	const struct member *m = w->member;
	struct streams s;
	struct container *c;
	int rc = member_open_streams(w, &s, e);
	if (rc < 0)
		return rc;
	bool there = r->restore && streams_feed(s.end);
	memcpy(r->stdio, s.child, sizeof(r->stdio));
	r->console_fd = m->terminal ? &w->fds[WORK_CONSOLE] : NULL;
	r->owner = getppid();
	rc = container_create(r, &c, e);
	if (rc == 0 && (rc = check_annotations(c, e)) < 0)
		container_delete(c, true, NULL);
	if (rc < 0)
		return rc;
	if (there != outlives_writers(c))
		put_fd(&s.end[STREAM_FEED], -1);
	w->pid = c->state.pid;
	w->fds[WORK_PROCESS] = c->pidfd;
	oom_prepare(c, &w->fds[WORK_OOM], &w->fds[WORK_OOM_COUNTER]);
	hand_over(w, &s);
	return 0;
}

int launch_adopt(struct task *t, struct work *w, struct err *e)
{
	int rc = container_open(t->root, t->id, &t->container, e);
	if (rc < 0)
		return rc;
	if (t->container->pidfd < 0) /* it has ended already */
		t->container->pidfd = fcntl(w->fds[WORK_PROCESS], F_DUPFD_CLOEXEC, 3);
	rc = member_take_streams(&t->init, w, e);
	if (rc == 0)
		rc = member_watch(&t->init, w->pid, w->fds[WORK_PROCESS], e);
	if (rc == 0)
		oom_watch(t, &w->fds[WORK_OOM], &w->fds[WORK_OOM_COUNTER]);
	return rc;
}

static struct member *new_exec(struct task *t, const V2(ExecProcessRequest) * in)
{
	struct member *m = calloc(1, sizeof(*m));
	if (!m)
		return NULL;
	*m = (struct member){ .task = t, .terminal = in->terminal, .end.fd = -1 };
	m->exec_id = strdup(in->exec_id);
	m->spec_len = in->spec->value.len;
	m->spec = malloc(m->spec_len + 1);
	if (!m->exec_id || !m->spec ||
	    member_name_streams(m, in->stdin, in->stdout, in->stderr) < 0) {
		member_free(m);
		return NULL;
	}
	memcpy(m->spec, in->spec->value.data, m->spec_len);
	m->next = t->execs;
	t->execs = m;
	return m;
}

/* In one that has not been started, too: it is there. Not so that of a checkpoint. */
static int may_exec(const struct task *t, struct err *e)
{
	return t->container
		       ? member_may(&t->init, VERB_EXEC, e)
		       : rpc_fail(e, RPC_FAILED_PRECONDITION, "cannot exec in a created state");
}

/* Only noted, and checked; Start runs it. A long one is checked in Start's fork: here the parser of
 * JSON would keep a megabyte of what it needed. */
int on_exec(void *arg, const struct rpc *r, struct err *e)
{
	struct shim *s = arg;
	const V2(ExecProcessRequest) *in = r->in;
	const struct spec_process *process;
	struct err ignored = { 0 };
	struct task *t = task_find(s, in->id, e);
	if (!t)
		return -e->code;
	if (!*in->exec_id || !in->spec)
		return rpc_fail(e, RPC_INVALID_ARGUMENT, "an exec needs an id and a process");
	if (member_find(s, in->id, in->exec_id, &ignored))
		return rpc_fail(e, RPC_ALREADY_EXISTS, "id %s", in->exec_id);
	int rc = may_exec(t, e);
	if (rc < 0)
		return rc;
	if (in->spec->value.len <= CHECKED_MOST)
		rc = spec_process_parse((const char *)in->spec->value.data, in->spec->value.len,
					r->arena, &process, e);
	if (rc < 0)
		return rc;
	if (!new_exec(t, in))
		return fail(e, ENOMEM, "exec %s", in->exec_id);
	Containerd__Events__TaskExecAdded event = CONTAINERD__EVENTS__TASK_EXEC_ADDED__INIT;
	event.container_id = in->id;
	event.exec_id = in->exec_id;
	events_publish(s->events, EVENT_EXEC_ADDED, &event);
	return 0;
}

/* In a fork. */
static int start_run(struct work *w, struct err *e)
{
	struct task *t = w->member->task;
	return t->restore ? restore_now(w, e) : container_start(t->container, e);
}

/* An answer before whatever comes next is told. */
static int answer_start(struct work *w, struct member *m)
{
	V2(StartResponse) *out = w->rpc.out;
	m->state = MEMBER_RUNNING;
	if (m->stdio && (*m->exec_id || !outlives_writers(m->task->container)))
		stdio_await_writer(m->stdio);
	out->pid = (uint32_t)m->pid;
	request_reply(w->rpc.request, out);
	w->rpc.request = NULL;
	member_go_on(m);
	return RPC_LATER;
}

int launch_failed(struct member *m, int rc)
{
	if (!m->pid)
		member_drop_streams(m);
	m->state = MEMBER_CREATED;
	member_go_on(m);
	sandbox_look(m->task->shim->sandbox);
	return rc;
}

static int start_done(struct work *w, int rc, struct err *e)
{
	struct member *m = w->member;
	struct task *t = m->task;
	Containerd__Events__TaskStart event = CONTAINERD__EVENTS__TASK_START__INIT;
	if (t->restore && (rc = restore_done(w, rc, e)) != 0)
		return rc;
	if (rc < 0)
		return launch_failed(m, rc);
	event.container_id = text(t->id);
	event.pid = (uint32_t)m->pid;
	events_publish(t->shim->events, EVENT_START, &event);
	rc = answer_start(w, m);
	container_reload(t->container, &(struct err){ 0 }); /* so that not every exec has to */
	return rc;
}

static const struct spec_process *on_terminal(const struct spec_process *p, struct arena *a)
{
	struct spec_process *with = arena_alloc(a, sizeof(*with));
	if (with) {
		*with = *p;
		with->terminal = true;
	}
	return with;
}

/* In a fork. */
static int exec_run(struct work *w, struct err *e)
{
	struct member *m = w->member;
	const struct spec_process *process;
	struct process p = { .pidfd = -1 };
	struct streams s;
	int rc = spec_process_parse(m->spec, m->spec_len, w->rpc.arena, &process, e);
	if (rc >= 0)
		rc = member_open_streams(w, &s, e);
	if (rc < 0)
		return rc;
	if (streams_feed(s.end))
		put_fd(&s.end[STREAM_FEED], -1);
	if (m->terminal && !process->terminal)
		process = on_terminal(process, w->rpc.arena);
	if (!process)
		return fail(e, ENOMEM, "exec %s", m->exec_id);
	const struct exec_request r = { .process = process,
					.stdio = { s.child[0], s.child[1], s.child[2] },
					.console_fd = m->terminal ? &w->fds[WORK_CONSOLE] : NULL,
					.disposable = true };
	rc = container_exec(m->task->container, &r, &p, e);
	if (rc < 0)
		return rc;
	w->pid = p.pid;
	w->fds[WORK_PROCESS] = p.pidfd;
	hand_over(w, &s);
	return 0;
}

static int exec_done(struct work *w, int rc, struct err *e)
{
	struct member *m = w->member;
	Containerd__Events__TaskExecStarted event = CONTAINERD__EVENTS__TASK_EXEC_STARTED__INIT;
	if (rc == 0)
		rc = member_take_streams(m, w, e);
	if (rc == 0)
		rc = member_watch(m, w->pid, w->fds[WORK_PROCESS], e);
	if (rc < 0) {
		if (w->fds[WORK_PROCESS] >= 0) /* it runs, but nobody will ever know of it */
			proc_signal(w->fds[WORK_PROCESS], SIGKILL);
		return launch_failed(m, rc);
	}
	free(m->spec);
	m->spec = NULL;
	event.container_id = text(m->task->id);
	event.exec_id = text(m->exec_id);
	event.pid = (uint32_t)m->pid;
	events_publish(m->task->shim->events, EVENT_EXEC_STARTED, &event);
	return answer_start(w, m);
}

int on_start(void *arg, const struct rpc *r, struct err *e)
{
	struct shim *s = arg;
	const V2(StartRequest) *in = r->in;
	struct member *m = member_find(arg, in->id, in->exec_id, e);
	if (!m)
		return -e->code;
	struct task *t = m->task;
	int rc = member_may(m, VERB_START, e);
	if (rc == 0 && *m->exec_id)
		rc = may_exec(t, e);
	if (rc < 0)
		return rc;
	if (t->restore && s->sandbox && !sandbox_open(s->sandbox))
		return sandbox_refuse(s->sandbox, e);
	struct work w = { .member = m, .run = start_run, .done = start_done };
	if (*m->exec_id) {
		w.run = exec_run;
		w.done = exec_done;
	} else if (m->stdio) {
		stdio_run(m->stdio, t->container && outlives_writers(t->container));
	}
	if (t->container)
		work_keep(&w, t->container);
	if (t->restore)
		w.keep[0] = restore_root(t->restore);
	rc = work_start(s, &w, r, e);
	if (rc == RPC_LATER)
		m->state = MEMBER_STARTING;
	return rc;
}

void start_abort(struct task *t)
{
	struct work *w = work_find(t->shim, &t->init, start_run);
	if (w)
		work_abort(w);
}

/* task.c - the Task services: what containerd asks of a container that exists. */
#include "base/log.h"
#include "base/sys.h"
#include "box/kin.h"
#include "pb/empty.pb-c.h"
#include "pb/runc_options.pb-c.h"
#include "pb/task_events.pb-c.h"
#include "pb/task_v2.pb-c.h"
#include "ttrpc/checkpoint.h"
#include "ttrpc/ending.h"
#include "ttrpc/launch.h"
#include "ttrpc/member.h"
#include "ttrpc/metrics.h"
#include "ttrpc/refusal.h"
#include "ttrpc/sandbox.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define V2(name_) Containerd__Task__V2__##name_

static char *text(const char *s)
{
	return (char *)(uintptr_t)s;
}

static Containerd__V1__Types__Status status_of(const struct member *m)
{
	switch (m->state) {
	case MEMBER_CREATED:
	case MEMBER_STARTING:
		return CONTAINERD__V1__TYPES__STATUS__CREATED;
	case MEMBER_STOPPED:
		return CONTAINERD__V1__TYPES__STATUS__STOPPED;
	default:
		return m->task->paused ? CONTAINERD__V1__TYPES__STATUS__PAUSED
				       : CONTAINERD__V1__TYPES__STATUS__RUNNING;
	}
}

static int on_state(void *arg, const struct rpc *r, struct err *e)
{
	const V2(StateRequest) *in = r->in;
	V2(StateResponse) *out = r->out;
	const struct member *m = member_find(arg, in->id, in->exec_id, e);
	if (!m)
		return -e->code;
	out->id = text(*m->exec_id ? m->exec_id : m->task->id);
	out->bundle = text(m->task->bundle);
	out->pid = (uint32_t)m->pid;
	out->status = status_of(m);
	out->stdin = text(m->in);
	out->stdout = text(m->out);
	out->stderr = text(m->err);
	out->terminal = m->terminal;
	out->exec_id = text(m->exec_id);
	if (m->state == MEMBER_STOPPED)
		out->exit_status = (uint32_t)m->status.code;
	out->exited_at = member_exited_at(m, r->arena);
	return 0;
}

/* One whose container is there: before Start, that of a checkpoint is not. */
static struct task *task_made(struct shim *s, const char *id, struct err *e)
{
	struct task *t = task_find(s, id, e);
	if (!t || t->container)
		return t;
	rpc_fail(e, RPC_FAILED_PRECONDITION, "container %s has not been restored yet", id);
	return NULL;
}

/* In a fork, and what comes of it in the shim. Should the shim die before it has told of it, the
 * note is what `delete` has to tell. */
static int delete_run(struct work *w, struct err *e)
{
	struct task *t = w->member->task;
	bool created = t->init.state == MEMBER_CREATED;
	struct ending how = { t->init.pid, t->init.status.code, t->init.exited };
	int rc = created ? container_end(t->container, e) : 0;
	if (rc < 0)
		return rc;
	if (created) {
		how.status = t->container->state.exit_code;
		how.when = t->container->state.finished;
	}
	if (ending_write(t->bundle, &how, e) < 0)
		log_warn("container %s: %s", t->id, e->msg);
	*e = (struct err){ 0 };
	return container_delete(t->container, created, e);
}

/* One that was never started has ended by this. */
static void take_ending(struct task *t)
{
	struct ending how;
	member_ended(&t->init);
	if (ending_read(t->bundle, &how)) {
		t->init.status.code = how.status;
		t->init.exited = how.when;
	}
}

static void publish_delete(const struct task *t)
{
	Google__Protobuf__Timestamp when = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
	Containerd__Events__TaskDelete event = CONTAINERD__EVENTS__TASK_DELETE__INIT;
	when.seconds = t->init.exited.tv_sec;
	when.nanos = (int32_t)t->init.exited.tv_nsec;
	event.container_id = text(t->id);
	event.pid = (uint32_t)t->init.pid;
	event.exit_status = (uint32_t)t->init.status.code;
	event.exited_at = &when;
	events_publish(t->shim->events, EVENT_DELETE, &event);
}

static void fill_deleted(const struct member *m, V2(DeleteResponse) * out, struct arena *a)
{
	out->pid = (uint32_t)m->pid;
	out->exit_status = (uint32_t)m->status.code;
	out->exited_at = member_exited_at(m, a);
}

static void finish(struct task *t)
{
	for (struct member *m = t->execs, *next; m; m = next) {
		next = m->next; /* one that waited to be deleted goes */
		member_finish(m);
	}
	member_finish(&t->init);
}

void task_removed(struct task *t)
{
	finish(t);
	publish_delete(t);
	task_free(t);
}

/* Nothing of it lives now: who was never started has ended by this, and an exec may still have
 * waited for a reader. */
static int delete_done(struct work *w, int rc, struct err *e)
{
	struct task *t = w->member->task;
	(void)e;
	if (rc == 0 && t->init.state == MEMBER_CREATED)
		take_ending(t);
	t->deleting = false;
	if (rc < 0) {
		task_go_on(t);
		return rc;
	}
	finish(t);
	fill_deleted(&t->init, w->rpc.out, w->rpc.arena);
	task_removed(t);
	sandbox_look(w->shim->sandbox);
	return 0;
}

static int kill_container(struct container *c, const V2(KillRequest) * in, struct err *e)
{
	int rc = container_kill(c, (int)in->signal, in->all, e);
	return rc == -ESRCH ? rpc_fail(e, RPC_NOT_FOUND, "process already finished") : rc;
}

static int kill_run(struct work *w, struct err *e)
{
	return kill_container(w->member->task->container, w->arg, e);
}

/* Who hears of the deletion may hang up: a kill that brought it is answered before. */
static int delete_task(struct task *t, const struct rpc *r, struct err *e)
{
	struct work w = {
		.member = &t->init, .run = delete_run, .done = delete_done, .after = kill_run
	};
	if (!t->container) {
		publish_delete(t);
		task_free(t);
		return 0;
	}
	work_keep(&w, t->container);
	int rc = work_start(t->shim, &w, r, e);
	t->deleting = rc == RPC_LATER;
	return rc;
}

static int on_delete(void *arg, const struct rpc *r, struct err *e)
{
	const V2(DeleteRequest) *in = r->in;
	struct member *m = member_find(arg, in->id, in->exec_id, e);
	if (!m) {
		create_abort(arg, in->id);
		return -e->code;
	}
	int rc = member_may(m, VERB_DELETE, e);
	if (rc < 0)
		return rc;
	return *m->exec_id ? member_delete(m, r->request, e) : delete_task(m->task, r, e);
}

/* Which exec a process belongs to. */
static Google__Protobuf__Any *exec_details(const struct member *m, struct arena *a)
{
	Containerd__Runc__V1__ProcessDetails details = CONTAINERD__RUNC__V1__PROCESS_DETAILS__INIT;
	Google__Protobuf__Any *any = arena_alloc(a, sizeof(*any));
	if (!any)
		return NULL;
	google__protobuf__any__init(any);
	details.exec_id = text(m->exec_id);
	any->type_url = text("containerd.runc.v1.ProcessDetails");
	any->value.data = pb_encode(&details, a, &any->value.len);
	return any->value.data ? any : NULL;
}

static int on_pids(void *arg, const struct rpc *r, struct err *e)
{
	const V2(PidsRequest) *in = r->in;
	V2(PidsResponse) *out = r->out;
	struct task *t = task_made(arg, in->id, e);
	struct u32s pids = { 0 };
	if (!t)
		return -e->code;
	uint32_t init = (uint32_t)t->init.pid;
	int rc = container_pids(t->container, r->arena, &pids, e);
	if (rc < 0 && t->init.end.fd >= 0)
		return rc;
	/* Who has ended is there until it is deleted: a containerd that comes back takes a shim
	 * without processes for a leaked one, and throws its exit away. */
	if (rc < 0 || !pids.n)
		pids = (struct u32s){ .v = &init, .n = 1 };
	out->processes = arena_array(r->arena, pids.n, sizeof(*out->processes));
	Containerd__V1__Types__ProcessInfo *v = arena_array(r->arena, pids.n, sizeof(*v));
	if (!out->processes || !v)
		return fail(e, ENOMEM, "processes of container %s", t->id);
	for (size_t i = 0; i < pids.n; i++) {
		containerd__v1__types__process_info__init(&v[i]);
		v[i].pid = pids.v[i];
		out->processes[i] = &v[i];
		for (const struct member *m = t->execs; m; m = m->next)
			if (m->end.fd >= 0 && (uint32_t)m->pid == v[i].pid)
				v[i].info = exec_details(m, r->arena);
	}
	out->n_processes = pids.n;
	return 0;
}

/* In a fork, which sees what those before it have left. */
static int pause_run(struct work *w, struct err *e)
{
	int rc = member_may(w->member, VERB_PAUSE, e);
	return rc < 0 ? rc : container_pause(w->member->task->container, e);
}

static int resume_run(struct work *w, struct err *e)
{
	int rc = member_may(w->member, VERB_RESUME, e);
	return rc < 0 ? rc : container_resume(w->member->task->container, e);
}

static int pause_done(struct work *w, int rc, struct err *e)
{
	struct task *t = w->member->task;
	Containerd__Events__TaskPaused yes = CONTAINERD__EVENTS__TASK_PAUSED__INIT;
	Containerd__Events__TaskResumed no = CONTAINERD__EVENTS__TASK_RESUMED__INIT;
	(void)e;
	if (rc < 0)
		return rc;
	t->paused = w->run == pause_run;
	yes.container_id = no.container_id = text(t->id);
	events_publish(w->shim->events, t->paused ? EVENT_PAUSED : EVENT_RESUMED,
		       t->paused ? (const void *)&yes : &no);
	return 0;
}

static int simply_done(struct work *w, int rc, struct err *e)
{
	(void)w;
	(void)e;
	return rc;
}

/* On its container, which is there. */
static int start_on(struct task *t, struct work *w, const struct rpc *r, struct err *e)
{
	w->member = &t->init;
	work_keep(w, t->container);
	return work_start(t->shim, w, r, e);
}

/* One after the other. What is refused anyway needs no fork. */
static int freeze(struct task *t, enum verb verb, const struct rpc *r, struct err *e)
{
	struct work w = { .run = verb == VERB_PAUSE ? pause_run : resume_run,
			  .done = pause_done,
			  .in_turn = true };
	bool busy = t && (work_find(t->shim, &t->init, pause_run) ||
			  work_find(t->shim, &t->init, resume_run));
	int rc = !t ? -e->code : busy ? 0 : member_may(&t->init, verb, e);
	return rc < 0 ? rc : start_on(t, &w, r, e);
}

static int on_pause(void *arg, const struct rpc *r, struct err *e)
{
	const V2(PauseRequest) *in = r->in;
	return freeze(task_find(arg, in->id, e), VERB_PAUSE, r, e);
}

static int on_resume(void *arg, const struct rpc *r, struct err *e)
{
	const V2(ResumeRequest) *in = r->in;
	return freeze(task_find(arg, in->id, e), VERB_RESUME, r, e);
}

/* Who gave up on it wants nothing of it left: what it started would hold its output open. */
static int kill_exec_run(struct work *w, struct err *e)
{
	if (w->member->end.fd < 0) /* it ended before this began */
		return rpc_fail(e, RPC_NOT_FOUND, "process already finished");
	return kin_kill(w->member->pid, w->member->end.fd, e);
}

static int kill_exec(struct member *m, int sig, const struct rpc *r, struct err *e)
{
	const struct work w = {
		.member = m, .run = kill_exec_run, .done = simply_done, .keep = { m->end.fd }
	};
	if (sig == SIGKILL)
		return work_start(m->task->shim, &w, r, e);
	int rc = proc_signal(m->end.fd, sig);
	return rc == -ESRCH ? rpc_fail(e, RPC_NOT_FOUND, "process already finished")
	       : rc < 0	    ? fail(e, rc, "signal process %s", m->exec_id)
			    : 0;
}

/* Whether the kill is one of those that wait for ends, or for the freezer. */
static bool kill_waits(const struct task *t, const V2(KillRequest) * in)
{
	return in->all || (in->signal == SIGKILL &&
			   (t->paused || !strs_has(&t->container->state.namespaces, "pid")));
}

static int on_kill(void *arg, const struct rpc *r, struct err *e)
{
	const V2(KillRequest) *in = r->in;
	struct member *m = member_find(arg, in->id, in->exec_id, e);
	struct work w = { .run = kill_run, .done = simply_done, .arg = text(r->in) };
	if (!m)
		return -e->code;
	if (!m->pid)
		return rpc_fail(e, RPC_FAILED_PRECONDITION, "process not created");
	if (m->end.fd < 0 && (!in->all || *m->exec_id))
		return rpc_fail(e, RPC_NOT_FOUND, "process already finished");
	if (!*m->exec_id)
		return kill_waits(m->task, in) ? start_on(m->task, &w, r, e)
					       : kill_container(m->task->container, in, e);
	return kill_exec(m, (int)in->signal, r, e);
}

static int on_resize(void *arg, const struct rpc *r, struct err *e)
{
	const V2(ResizePtyRequest) *in = r->in;
	const struct member *m = member_find(arg, in->id, in->exec_id, e);
	if (!m)
		return -e->code;
	int rc = m->stdio ? stdio_resize(m->stdio, in->width, in->height) : -ENOTTY;
	/* Who has no terminal has none to resize: containerd's own shim says nothing either. */
	return rc < 0 && rc != -ENOTTY ? fail(e, rc, "resize the terminal of %s", in->id) : 0;
}

static int on_close_io(void *arg, const struct rpc *r, struct err *e)
{
	const V2(CloseIORequest) *in = r->in;
	struct member *m = member_find(arg, in->id, in->exec_id, e);
	if (!m)
		return -e->code;
	if (in->stdin && m->stdio)
		stdio_close_stdin(m->stdio);
	m->input_closed = m->input_closed || in->stdin;
	return 0;
}

static int on_wait(void *arg, const struct rpc *r, struct err *e)
{
	const V2(WaitRequest) *in = r->in;
	struct member *m = member_find(arg, in->id, in->exec_id, e);
	return m ? member_wait(m, r->request, e) : -e->code;
}

static int on_stats(void *arg, const struct rpc *r, struct err *e)
{
	const V2(StatsRequest) *in = r->in;
	V2(StatsResponse) *out = r->out;
	const struct task *t = task_find(arg, in->id, e);
	return t ? metrics_read(t->container, r->arena, &out->stats, e) : -e->code;
}

static int on_connect(void *arg, const struct rpc *r, struct err *e)
{
	const V2(ConnectRequest) *in = r->in;
	V2(ConnectResponse) *out = r->out;
	const struct shim *s = arg;
	out->shim_pid = (uint32_t)getpid();
	out->version = text(CORACLE_VERSION);
	for (const struct task *t = s->tasks; t; t = t->next)
		if (!strcmp(t->id, in->id))
			out->task_pid = (uint32_t)t->init.pid;
	(void)e;
	return 0;
}

/* Comes after every delete: only the last one ends us. */
static int on_shutdown(void *arg, const struct rpc *r, struct err *e)
{
	struct shim *s = arg;
	(void)r;
	(void)e;
	tasks_forget_removed(s);
	shim_leave(s);
	return 0;
}

/* The resources come as JSON of linux.resources, whatever their type is called. In a fork: a lower
 * limit of memory takes as long as it takes to free some. */
static int update_run(struct work *w, struct err *e)
{
	const V2(UpdateTaskRequest) *in = w->arg;
	struct update_request request = { 0 };
	int rc = spec_resources_parse((const char *)in->resources->value.data,
				      in->resources->value.len, w->rpc.arena, &request.resources,
				      e);
	return rc < 0 ? within(e, "resources")
		      : container_update(w->member->task->container, &request, e);
}

static int on_update(void *arg, const struct rpc *r, struct err *e)
{
	const V2(UpdateTaskRequest) *in = r->in;
	struct work w = { .run = update_run, .done = simply_done, .arg = text(r->in) };
	struct task *t = task_made(arg, in->id, e);
	if (!t)
		return -e->code;
	int rc = member_may(&t->init, VERB_UPDATE, e);
	if (rc < 0)
		return rc;
	if (!in->resources)
		return rpc_fail(e, RPC_INVALID_ARGUMENT, "update of %s: no resources", t->id);
	return start_on(t, &w, r, e);
}

#define IN(name_)  &containerd__task__v2__##name_##_request__descriptor
#define OUT(name_) &containerd__task__v2__##name_##_response__descriptor
#define EMPTY	   &google__protobuf__empty__descriptor

const struct method task_methods[] = {
	{ "Create", IN(create_task), OUT(create_task), on_create },
	{ "Start", IN(start), OUT(start), on_start },
	{ "Exec", IN(exec_process), EMPTY, on_exec },
	{ "State", IN(state), OUT(state), on_state },
	{ "Wait", IN(wait), OUT(wait), on_wait },
	{ "Kill", IN(kill), EMPTY, on_kill },
	{ "Delete", IN(delete), OUT(delete), on_delete },
	{ "Pids", IN(pids), OUT(pids), on_pids },
	{ "Pause", IN(pause), EMPTY, on_pause },
	{ "Resume", IN(resume), EMPTY, on_resume },
	{ "ResizePty", IN(resize_pty), EMPTY, on_resize },
	{ "CloseIO", &containerd__task__v2__close_iorequest__descriptor, EMPTY, on_close_io },
	{ "Stats", IN(stats), OUT(stats), on_stats },
	{ "Update", IN(update_task), EMPTY, on_update },
	{ "Checkpoint", IN(checkpoint_task), EMPTY, on_checkpoint },
	{ "Connect", IN(connect), OUT(connect), on_connect },
	{ "Shutdown", IN(shutdown), EMPTY, on_shutdown },
	{ 0 },
};

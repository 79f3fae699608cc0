/* task.c - the Task services: what containerd asks of a container that exists. */
#include "base/sys.h"
#include "pb/empty.pb-c.h"
#include "pb/runc_options.pb-c.h"
#include "pb/task_events.pb-c.h"
#include "pb/task_v2.pb-c.h"
#include "ttrpc/checkpoint.h"
#include "ttrpc/launch.h"
#include "ttrpc/member.h"
#include "ttrpc/metrics.h"

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

static int delete_task(struct task *t, struct err *e)
{
	struct shim *s = t->shim;
	bool created = t->init.state == MEMBER_CREATED;
	int rc = t->container ? container_delete(t->container, created, e) : 0;
	if (rc < 0)
		return rc;
	/* Nothing of it lives now: who was never started has ended by this, and an exec may still
	 * have waited for a reader. */
	for (struct member *m = t->execs; m; m = m->next)
		member_finish(m);
	member_finish(&t->init);
	Google__Protobuf__Timestamp when = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
	Containerd__Events__TaskDelete event = CONTAINERD__EVENTS__TASK_DELETE__INIT;
	when.seconds = t->init.exited.tv_sec;
	when.nanos = (int32_t)t->init.exited.tv_nsec;
	event.container_id = text(t->id);
	event.pid = (uint32_t)t->init.pid;
	event.exit_status = (uint32_t)t->init.status.code;
	event.exited_at = &when;
	events_publish(s->events, EVENT_DELETE, &event);
	return 0;
}

static int on_delete(void *arg, const struct rpc *r, struct err *e)
{
	const V2(DeleteRequest) *in = r->in;
	V2(DeleteResponse) *out = r->out;
	struct member *m = member_find(arg, in->id, in->exec_id, e);
	if (!m)
		return -e->code;
	if (m->state == MEMBER_RUNNING)
		return rpc_fail(e, RPC_FAILED_PRECONDITION, "cannot delete a running process");
	int rc = *m->exec_id ? 0 : delete_task(m->task, e);
	if (rc < 0)
		return rc;
	out->pid = (uint32_t)m->pid;
	out->exit_status = (uint32_t)m->status.code;
	out->exited_at = member_exited_at(m, r->arena);
	if (*m->exec_id)
		member_free(m);
	else
		task_free(m->task);
	return 0;
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
	int rc = container_pids(t->container, r->arena, &pids, e);
	if (rc < 0)
		return rc;
	out->processes = arena_array(r->arena, pids.n, sizeof(*out->processes));
	Containerd__V1__Types__ProcessInfo *v = arena_array(r->arena, pids.n, sizeof(*v));
	if (!out->processes || !v)
		return fail(e, ENOMEM, "processes of container %s", t->id);
	for (size_t i = 0; i < pids.n; i++) {
		containerd__v1__types__process_info__init(&v[i]);
		v[i].pid = pids.v[i];
		out->processes[i] = &v[i];
		for (const struct member *m = t->execs; m; m = m->next)
			if ((uint32_t)m->pid == v[i].pid)
				v[i].info = exec_details(m, r->arena);
	}
	out->n_processes = pids.n;
	return 0;
}

static int set_paused(struct shim *s, const char *id, bool paused, struct err *e)
{
	struct task *t = task_made(s, id, e);
	if (!t)
		return -e->code;
	int rc = paused ? container_pause(t->container, e) : container_resume(t->container, e);
	if (rc < 0)
		return rc;
	t->paused = paused;
	Containerd__Events__TaskPaused yes = CONTAINERD__EVENTS__TASK_PAUSED__INIT;
	Containerd__Events__TaskResumed no = CONTAINERD__EVENTS__TASK_RESUMED__INIT;
	yes.container_id = no.container_id = text(t->id);
	events_publish(s->events, paused ? EVENT_PAUSED : EVENT_RESUMED,
		       paused ? (const void *)&yes : &no);
	return 0;
}

static int on_pause(void *arg, const struct rpc *r, struct err *e)
{
	const V2(PauseRequest) *in = r->in;
	return set_paused(arg, in->id, true, e);
}

static int on_resume(void *arg, const struct rpc *r, struct err *e)
{
	const V2(ResumeRequest) *in = r->in;
	return set_paused(arg, in->id, false, e);
}

static int on_kill(void *arg, const struct rpc *r, struct err *e)
{
	const V2(KillRequest) *in = r->in;
	struct member *m = member_find(arg, in->id, in->exec_id, e);
	int rc = 0;
	if (!m)
		return -e->code;
	if (!m->pid)
		return rpc_fail(e, RPC_FAILED_PRECONDITION, "process not created");
	if (m->end.fd < 0 && !in->all)
		return rpc_fail(e, RPC_NOT_FOUND, "process already finished");
	if (!*m->exec_id)
		rc = container_kill(m->task->container, (int)in->signal, in->all, e);
	else if ((rc = proc_signal(m->end.fd, (int)in->signal)) < 0)
		rc = fail(e, rc, "signal process %s", m->exec_id);
	return rc == -ESRCH ? rpc_fail(e, RPC_NOT_FOUND, "process already finished") : rc;
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
	const struct task *t = task_made(arg, in->id, e);
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
	if (!s->tasks)
		shim_stop(s);
	return 0;
}

/* The resources come as JSON of linux.resources, whatever their type is called. */
static int on_update(void *arg, const struct rpc *r, struct err *e)
{
	const V2(UpdateTaskRequest) *in = r->in;
	struct update_request request = { 0 };
	struct task *t = task_made(arg, in->id, e);
	if (!t)
		return -e->code;
	if (!in->resources)
		return rpc_fail(e, RPC_INVALID_ARGUMENT, "update of %s: no resources", t->id);
	int rc = spec_resources_parse((const char *)in->resources->value.data,
				      in->resources->value.len, r->arena, &request.resources, e);
	return rc < 0 ? within(e, "resources") : container_update(t->container, &request, e);
}

#define IN(name_)  &containerd__task__v2__##name_##_request__descriptor
#define OUT(name_) &containerd__task__v2__##name_##_response__descriptor
#define EMPTY	   &google__protobuf__empty__descriptor

static const struct method methods[] = {
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

/* The two differ in name only. */
const struct service task_services[] = {
	{ "containerd.task.v2.Task", methods },
	{ "containerd.task.v3.Task", methods },
	{ 0 },
};

/* launch.c - the Task services' Create, Exec and Start. */
#include "ttrpc/launch.h"
#include "base/file.h"
#include "base/sys.h"
#include "box/rootmount.h"
#include "pb/task_events.pb-c.h"
#include "pb/task_v2.pb-c.h"
#include "ttrpc/checkpoint.h"
#include "ttrpc/member.h"
#include "ttrpc/oom.h"
#include "ttrpc/options.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define V2(name_)   Containerd__Task__V2__##name_
#define EXEC_MEMORY ((size_t)1 << 20)
#define ROOT_FILE   "coracle-root" /* in the bundle, when options named another state root */

static char *text(const char *s)
{
	return (char *)(uintptr_t)s;
}

static int set_strings(struct member *m, const char *in, const char *out, const char *err)
{
	m->in = strdup(in);
	m->out = strdup(out);
	m->err = strdup(err);
	return m->in && m->out && m->err ? 0 : -ENOMEM;
}

static int new_task(struct shim *s, const V2(CreateTaskRequest) * in, struct task **out,
		    struct err *e)
{
	struct task *t = calloc(1, sizeof(*t));
	if (!t)
		return fail(e, ENOMEM, "container %s", in->id);
	t->shim = s;
	t->oom.fd = -1;
	t->init =
		(struct member){ .task = t, .exec_id = "", .terminal = in->terminal, .end.fd = -1 };
	t->id = strdup(in->id);
	t->bundle = strdup(in->bundle);
	if (!t->id || !t->bundle || set_strings(&t->init, in->stdin, in->stdout, in->stderr) < 0) {
		task_free(t);
		return fail(e, ENOMEM, "container %s", in->id);
	}
	*out = t;
	return 0;
}

/* The request's mounts as one detached mount; -1 when there are none: then the bundle has its root
 * itself. */
static int mount_root(const V2(CreateTaskRequest) * in, struct arena *a, int *out, struct err *e)
{
	struct root_mount *m = arena_array(a, in->n_rootfs + 1, sizeof(*m));
	const char *place = arena_printf(a, "%s/rootfs", in->bundle);
	*out = -1;
	if (!m || !place)
		return fail(e, ENOMEM, "the root of container %s", in->id);
	for (size_t i = 0; i < in->n_rootfs; i++) {
		const Containerd__Types__Mount *from = in->rootfs[i];
		if (*from->target)
			return refuse(e, EINVAL,
				      "the root's mount %zu has target %s: not supported", i,
				      from->target);
		m[i] = (struct root_mount){ .type = from->type,
					    .source = from->source,
					    .options = { (const char **)from->options,
							 from->n_options } };
	}
	int fd = in->n_rootfs ? rootmount_new(m, in->n_rootfs, place, a, e) : -1;
	*out = fd;
	return fd < 0 && in->n_rootfs ? fd : 0;
}

/* So that `delete`, which is told no options, finds the state. */
static int note_root(const char *bundle, const char *root, struct err *e)
{
	auto_close int dir = open(bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return fail(e, errno, "open bundle %s", bundle);
	return file_replace(dir, ROOT_FILE, root, strlen(root), 0600, e);
}

static int create_container(struct task *t, const V2(CreateTaskRequest) * in,
			    const struct runtime_options *o, struct arena *a, struct err *e)
{
	auto_close int rootfs = -1, console = -1;
	const char *root = options_root(o, t->shim->namespace_, a);
	int rc = root ? mount_root(in, a, &rootfs, e) : fail(e, ENOMEM, "state root");
	if (rc >= 0 && *o->root)
		rc = note_root(in->bundle, root, e);
	if (rc < 0)
		return rc;
	struct create_request r = {
		.root = root,
		.id = in->id,
		.bundle = in->bundle,
		.rootfs_fd = rootfs,
		.console_fd = in->terminal ? &console : NULL,
		.no_pivot = o->no_pivot_root,
		.systemd_cgroup = o->systemd_cgroup,
		.no_new_keyring = o->no_new_keyring,
		.owner_kind = "shim",
	};
	if (*in->checkpoint)
		return restore_later(t, &r, in->checkpoint, o, e);
	rc = member_open_stdio(&t->init, r.stdio, e);
	if (rc >= 0)
		rc = container_create(&r, &t->container, e);
	if (rc >= 0 && in->terminal)
		rc = stdio_terminal(t->init.stdio, take_fd(&console), e);
	if (rc >= 0)
		rc = member_watch(&t->init, t->container->state.pid, t->container->pidfd, e);
	return rc;
}

/* What was made is undone: the id is free again. */
static int create_failed(struct task *t, int rc)
{
	struct err ignored = { 0 };
	if (t->container)
		container_delete(t->container, true, &ignored);
	task_free(t);
	return rc;
}

static void publish_create(const struct task *t, const V2(CreateTaskRequest) * in)
{
	Containerd__Events__TaskIO io = CONTAINERD__EVENTS__TASK_IO__INIT;
	Containerd__Events__TaskCreate event = CONTAINERD__EVENTS__TASK_CREATE__INIT;
	io.stdin = in->stdin;
	io.stdout = in->stdout;
	io.stderr = in->stderr;
	io.terminal = in->terminal;
	event.container_id = in->id;
	event.bundle = in->bundle;
	event.rootfs = in->rootfs;
	event.n_rootfs = in->n_rootfs;
	event.io = &io;
	event.pid = (uint32_t)t->init.pid;
	events_publish(t->shim->events, EVENT_CREATE, &event);
}

int on_create(void *arg, const struct rpc *r, struct err *e)
{
	struct shim *s = arg;
	const V2(CreateTaskRequest) *in = r->in;
	V2(CreateTaskResponse) *out = r->out;
	struct runtime_options options;
	struct err ignored = { 0 };
	struct task *t = NULL;
	if (s->stopping)
		return rpc_fail(e, RPC_UNAVAILABLE, "this shim is shutting down");
	if (task_find(s, in->id, &ignored))
		return rpc_fail(e, RPC_ALREADY_EXISTS, "container %s", in->id);
	int rc = options_read(in->options, r->arena, &options, e);
	if (rc >= 0)
		rc = new_task(s, in, &t, e);
	if (rc < 0)
		return rc;
	t->io_uid = options.io_uid;
	t->io_gid = options.io_gid;
	rc = create_container(t, in, &options, r->arena, e);
	if (rc < 0)
		return create_failed(t, rc);
	if (t->container)
		oom_watch(t);
	t->next = s->tasks;
	s->tasks = t;
	publish_create(t, in);
	out->pid = (uint32_t)t->init.pid;
	return 0;
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
	if (!m->exec_id || !m->spec || set_strings(m, in->stdin, in->stdout, in->stderr) < 0) {
		member_free(m);
		return NULL;
	}
	memcpy(m->spec, in->spec->value.data, m->spec_len);
	m->next = t->execs;
	t->execs = m;
	return m;
}

/* Only noted, and checked; Start runs it. */
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
	if (t->init.state != MEMBER_RUNNING)
		return rpc_fail(e, RPC_FAILED_PRECONDITION, "container %s is not running", in->id);
	int rc = spec_process_parse((const char *)in->spec->value.data, in->spec->value.len,
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

static int start_init(struct member *m, struct err *e)
{
	struct task *t = m->task;
	bool restore = t->restore;
	int rc = restore ? restore_now(t, e) : 0;
	if (rc < 0)
		return rc;
	stdio_hold(m->stdio);
	stdio_run(m->stdio);
	if (restore)
		oom_watch(t);
	else
		rc = container_start(t->container, e);
	if (rc < 0)
		return rc;
	Containerd__Events__TaskStart event = CONTAINERD__EVENTS__TASK_START__INIT;
	event.container_id = text(t->id);
	event.pid = (uint32_t)m->pid;
	events_publish(t->shim->events, EVENT_START, &event);
	return 0;
}

static int run_exec(struct member *m, struct arena *a, struct process *out, struct err *e)
{
	const struct spec_process *process;
	auto_close int console = -1;
	int fds[3];
	int rc = spec_process_parse(m->spec, m->spec_len, a, &process, e);
	if (rc >= 0)
		rc = member_open_stdio(m, fds, e);
	if (rc < 0)
		return rc;
	if (m->input_closed)
		stdio_close_stdin(m->stdio);
	stdio_hold(m->stdio);
	if (m->terminal && !process->terminal) {
		struct spec_process *with = arena_alloc(a, sizeof(*with));
		if (!with)
			return fail(e, ENOMEM, "exec %s", m->exec_id);
		*with = *process;
		with->terminal = true;
		process = with;
	}
	const struct exec_request r = { .process = process,
					.stdio = { fds[0], fds[1], fds[2] },
					.console_fd = m->terminal ? &console : NULL };
	rc = container_exec(m->task->container, &r, out, e);
	if (rc >= 0 && m->terminal)
		rc = stdio_terminal(m->stdio, take_fd(&console), e);
	return rc;
}

static int start_exec(struct member *m, struct err *e)
{
	auto_arena *a = arena_new(EXEC_MEMORY);
	struct process p = { .pidfd = -1 };
	int rc = a ? run_exec(m, a, &p, e) : fail(e, ENOMEM, "exec %s", m->exec_id);
	if (rc >= 0)
		rc = member_watch(m, p.pid, p.pidfd, e);
	if (rc < 0 && p.pidfd >= 0) /* it runs, but nobody will ever know of it */
		proc_signal(p.pidfd, SIGKILL);
	close_fdp(&p.pidfd);
	if (rc < 0) {
		stdio_free(m->stdio);
		m->stdio = NULL;
		return rc;
	}
	stdio_run(m->stdio);
	free(m->spec);
	m->spec = NULL;
	Containerd__Events__TaskExecStarted event = CONTAINERD__EVENTS__TASK_EXEC_STARTED__INIT;
	event.container_id = text(m->task->id);
	event.exec_id = text(m->exec_id);
	event.pid = (uint32_t)m->pid;
	events_publish(m->task->shim->events, EVENT_EXEC_STARTED, &event);
	return 0;
}

int on_start(void *arg, const struct rpc *r, struct err *e)
{
	const V2(StartRequest) *in = r->in;
	V2(StartResponse) *out = r->out;
	struct member *m = member_find(arg, in->id, in->exec_id, e);
	if (!m)
		return -e->code;
	if (m->state != MEMBER_CREATED)
		return rpc_fail(e, RPC_FAILED_PRECONDITION,
				"process %s of container %s has been started", m->exec_id, in->id);
	int rc = *m->exec_id ? start_exec(m, e) : start_init(m, e);
	if (rc < 0)
		return rc;
	m->state = MEMBER_RUNNING;
	out->pid = (uint32_t)m->pid;
	return 0;
}

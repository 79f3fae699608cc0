/* create.c - the Task services' Create. */
#include "base/file.h"
#include "base/log.h"
#include "box/rootmount.h"
#include "pb/task_events.pb-c.h"
#include "pb/task_v2.pb-c.h"
#include "ttrpc/checkpoint.h"
#include "ttrpc/ending.h"
#include "ttrpc/launch.h"
#include "ttrpc/member.h"
#include "ttrpc/oom.h"
#include "ttrpc/sandbox.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define V2(name_) Containerd__Task__V2__##name_
#define ROOT_FILE "coracle-root" /* in the bundle, when options named another state root */

static int new_task(struct shim *s, const V2(CreateTaskRequest) * in, const char *root,
		    struct task **out, struct err *e)
{
	struct task *t = calloc(1, sizeof(*t));
	if (!t)
		return fail(e, ENOMEM, "container %s", in->id);
	t->shim = s;
	t->oom.fd = t->oom_again.fd = t->oom_counter = -1;
	t->init =
		(struct member){ .task = t, .exec_id = "", .terminal = in->terminal, .end.fd = -1 };
	t->id = strdup(in->id);
	t->root = root ? strdup(root) : NULL;
	t->bundle = strdup(in->bundle);
	if (!t->id || !t->root || !t->bundle ||
	    member_name_streams(&t->init, in->stdin, in->stdout, in->stderr) < 0) {
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
	event.checkpoint = in->checkpoint;
	event.pid = (uint32_t)t->init.pid;
	events_publish(t->shim->events, EVENT_CREATE, &event);
}

/* What is asked for, with the options it came with. */
struct making {
	const V2(CreateTaskRequest) * in;
	struct runtime_options options;
};

static struct create_request request_of(const struct making *g, const struct task *t)
{
	return (struct create_request){
		.root = t->root,
		.id = t->id,
		.bundle = t->bundle,
		.rootfs_fd = -1,
		.no_pivot = g->options.no_pivot_root,
		.systemd_cgroup = g->options.systemd_cgroup,
		.no_new_keyring = g->options.no_new_keyring,
		.owner_kind = "shim",
	};
}

/* In a fork. Of a checkpoint, only the root is made now. */
static int create_run(struct work *w, struct err *e)
{
	const struct making *g = w->arg;
	struct task *t = w->member->task;
	struct create_request r = request_of(g, t);
	int rc = mount_root(g->in, w->rpc.arena, &w->fds[WORK_ROOT], e);
	if (rc == 0 && *g->options.root)
		rc = note_root(t->bundle, t->root, e);
	if (rc == 0 && *g->options.root && t->shim->sandbox)
		rc = note_root(t->shim->sandbox->bundle, t->root, e);
	if (rc < 0 || *g->in->checkpoint)
		return rc;
	r.rootfs_fd = w->fds[WORK_ROOT];
	r.nice = work_nice(w);
	if (t->shim->sandbox)
		rc = sandbox_spec(t->shim->sandbox, t->bundle, w->rpc.arena, &r.spec, e);
	if (rc == 0)
		rc = launch_container(w, &r, e);
	w->fds[WORK_ROOT] = -1; /* nobody needs it any more */
	return rc;
}

/* It never was. */
static void forget(struct task *t)
{
	struct shim *s = t->shim;
	task_free(t);
	sandbox_look(s->sandbox);
	if (s->leaving)
		shim_leave(s);
}

/* In a fork: what one that was killed half way has left, or what the shim cannot take over. */
static int undo_run(struct work *w, struct err *e)
{
	const struct task *t = w->member->task;
	return container_cleanup(t->root, t->id, 0, NULL, e);
}

static int undo_done(struct work *w, int rc, struct err *e)
{
	struct task *t = w->member->task;
	if (rc < 0)
		log_error("container %s: %s; 'coracle cleanup' removes what is left", t->id,
			  e->msg);
	forget(t);
	return 0;
}

/* The id is free again once what was made is undone. */
static int create_failed(struct work *w, int rc)
{
	struct err ignored = { 0 };
	const struct work undo = { .member = w->member, .run = undo_run, .done = undo_done };
	bool left = w->lost || w->pid;
	if (!left || work_start(w->shim, &undo, NULL, &ignored) != RPC_LATER)
		forget(w->member->task);
	return rc;
}

/* By `delete`, before or while it was made. A note of another process is of a life before; `start`
 * has removed any other. */
static bool was_deleted(const struct task *t)
{
	struct ending how;
	return ending_read(t->bundle, &how) && (!how.pid || how.pid == t->init.pid);
}

static int create_done(struct work *w, int rc, struct err *e)
{
	const struct making *g = w->arg;
	V2(CreateTaskResponse) *out = w->rpc.out;
	struct task *t = w->member->task;
	struct create_request r = request_of(g, t);
	r.rootfs_fd = w->fds[WORK_ROOT];
	if (rc == 0)
		rc = *g->in->checkpoint ? restore_later(t, &r, g->in->checkpoint, &g->options, e)
					: launch_adopt(t, w, e);
	if (rc == 0 && was_deleted(t))
		rc = rpc_fail(e, RPC_CANCELLED, "container %s was deleted meanwhile", t->id);
	if (rc < 0)
		return create_failed(w, rc);
	t->creating = false;
	publish_create(t, g->in);
	out->pid = (uint32_t)t->init.pid;
	return 0;
}

static bool is_taken(const struct shim *s, const char *id)
{
	for (const struct task *t = s->tasks; t; t = t->next)
		if (!strcmp(t->id, id))
			return true;
	return false;
}

int on_create(void *arg, const struct rpc *r, struct err *e)
{
	struct shim *s = arg;
	const V2(CreateTaskRequest) *in = r->in;
	struct making *g = arena_alloc(r->arena, sizeof(*g));
	struct task *t = NULL;
	if (s->stopping)
		return rpc_fail(e, RPC_UNAVAILABLE, "this shim is shutting down");
	if (is_taken(s, in->id))
		return rpc_fail(e, RPC_ALREADY_EXISTS, "container %s", in->id);
	if (s->sandbox && !sandbox_open(s->sandbox))
		return sandbox_refuse(s->sandbox, e);
	if (!g)
		return fail(e, ENOMEM, "container %s", in->id);
	g->in = in;
	int rc = options_read(in->options, r->arena, &g->options, e);
	if (rc >= 0)
		rc = new_task(s, in, options_root(&g->options, s->namespace_, r->arena), &t, e);
	if (rc < 0)
		return rc;
	t->io_uid = g->options.io_uid;
	t->io_gid = g->options.io_gid;
	t->creating = true;
	s->leaving = false;
	t->next = s->tasks;
	s->tasks = t;
	const struct work w = { .member = &t->init,
				.run = create_run,
				.done = create_done,
				.arg = g,
				.patient = true };
	rc = work_start(s, &w, r, e);
	if (rc < 0)
		task_free(t);
	return rc;
}

void create_abort(struct shim *s, const char *id)
{
	for (struct task *t = s->tasks; t; t = t->next) {
		if (!t->creating || strcmp(t->id, id) != 0)
			continue;
		struct work *w = work_find(s, &t->init, create_run);
		if (w)
			work_abort(w);
		return;
	}
}

/* checkpoint.c - the Task services' Checkpoint, and tasks that are created out of one. */
#include "ttrpc/checkpoint.h"
#include "base/file.h"
#include "base/log.h"
#include "container/checkpoint.h"
#include "pb/runc_legacy.pb-c.h"
#include "pb/runc_options.pb-c.h"
#include "pb/task_events.pb-c.h"
#include "pb/task_v2.pb-c.h"
#include "ttrpc/launch.h"
#include "ttrpc/member.h"
#include "ttrpc/refusal.h"
#include "ttrpc/sandbox.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define RESTORE_MEMORY ((size_t)64 << 10)
#define WORK	       "criu-work" /* in the bundle: CRIU's logs, kept after a failure */

struct restore {
	struct arena *arena;
	struct create_request request;
	struct checkpoint_options options;
};

/* Both messages are the same on the wire but for the last two, which changed places. */
static int read_options(const Google__Protobuf__Any *any, struct arena *a,
			struct checkpoint_options *o, struct err *e)
{
	const char *type = any ? pb_type_name(any->type_url) : "";
	bool legacy = !strcmp(type, "containerd.linux.runc.CheckpointOptions");
	o->leave_running = true;
	if (!*type)
		return 0;
	if (!legacy && strcmp(type, "containerd.runc.v1.CheckpointOptions") != 0)
		return refuse(e, EINVAL, "checkpoint options of type %s are not understood", type);
	const Containerd__Runc__V1__CheckpointOptions *m = pb_decode(
		&containerd__runc__v1__checkpoint_options__descriptor, a, any->value.data,
		any->value.len);
	if (!m)
		return refuse(e, EINVAL, "checkpoint options: no valid %s", type);
	const char *work = legacy ? m->image_path : m->work_path;
	o->leave_running = !m->exit;
	o->tcp_established = m->open_tcp;
	o->ext_unix_sk = m->external_unix_sockets;
	o->shell_job = m->terminal;
	o->file_locks = m->file_locks;
	o->work_path = *work ? work : NULL;
	int rc = cgroups_mode_parse(m->cgroups_mode, &o->cgroups, e);
	for (size_t i = 0; rc == 0 && i < m->n_empty_namespaces; i++)
		rc = empty_namespace_check(m->empty_namespaces[i], e);
	return rc;
}

/* After a success nobody reads CRIU's log. */
static void remove_work(const struct task *t)
{
	auto_close int bundle = open(t->bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (bundle >= 0)
		tree_remove(bundle, WORK, NULL);
}

/* What is asked for. */
struct order {
	const char *path;
	bool own_work;
	struct checkpoint_options options;
};

/* In a fork: CRIU takes its time. */
static int checkpoint_run(struct work *w, struct err *e)
{
	const struct order *q = w->arg;
	int rc = container_checkpoint(w->member->task->container, &q->options, e);
	if (rc == 0 && q->own_work)
		remove_work(w->member->task);
	return rc;
}

static int checkpoint_done(struct work *w, int rc, struct err *e)
{
	const struct order *q = w->arg;
	Containerd__Events__TaskCheckpointed event = CONTAINERD__EVENTS__TASK_CHECKPOINTED__INIT;
	(void)e;
	if (rc < 0)
		return rc;
	event.container_id = (char *)(uintptr_t)w->member->task->id;
	event.checkpoint = (char *)(uintptr_t)q->path;
	events_publish(w->shim->events, EVENT_CHECKPOINTED, &event);
	return 0;
}

int on_checkpoint(void *arg, const struct rpc *r, struct err *e)
{
	struct shim *s = arg;
	const Containerd__Task__V2__CheckpointTaskRequest *in = r->in;
	struct order *q = arena_alloc(r->arena, sizeof(*q));
	struct task *t = task_find(s, in->id, e);
	if (!t)
		return -e->code;
	int rc = member_may(&t->init, VERB_CHECKPOINT, e);
	if (rc < 0)
		return rc;
	if (!q)
		return fail(e, ENOMEM, "checkpoint");
	*q = (struct order){ .path = in->path };
	q->options = (struct checkpoint_options){ .image_path = in->path, .status_fd = -1 };
	rc = read_options(in->options, r->arena, &q->options, e);
	q->own_work = !q->options.work_path;
	if (rc == 0 && q->own_work &&
	    !(q->options.work_path = arena_printf(r->arena, "%s/" WORK, t->bundle)))
		rc = fail(e, ENOMEM, "checkpoint");
	struct work w = {
		.member = &t->init, .run = checkpoint_run, .done = checkpoint_done, .arg = q
	};
	work_keep(&w, t->container);
	return rc < 0 ? rc : work_start(s, &w, r, e);
}

void restore_free(struct restore *r)
{
	if (!r)
		return;
	close_fdp(&r->request.rootfs_fd);
	arena_free(r->arena);
}

/* The copy lives in its own arena. */
static struct restore *restore_new(const struct create_request *from, const char *images,
				   const char *work)
{
	struct arena *a = arena_new(RESTORE_MEMORY);
	struct restore *r = a ? arena_alloc(a, sizeof(*r)) : NULL;
	if (!r) {
		arena_free(a);
		return NULL;
	}
	*r = (struct restore){ .arena = a, .request = *from };
	r->request.rootfs_fd = -1;
	r->request.restore = &r->options;
	r->request.root = arena_str(a, from->root);
	r->request.id = arena_str(a, from->id);
	r->request.bundle = arena_str(a, from->bundle);
	r->options.status_fd = -1;
	r->options.image_path = arena_str(a, images);
	r->options.work_path = *work ? arena_str(a, work)
				     : arena_printf(a, "%s/" WORK, from->bundle);
	if (r->request.root && r->request.id && r->request.bundle && r->options.image_path &&
	    r->options.work_path)
		return r;
	restore_free(r);
	return NULL;
}

int restore_later(struct task *t, const struct create_request *from, const char *images,
		  const struct runtime_options *o, struct err *e)
{
	t->restore = restore_new(from, images, o->criu_work_path);
	if (!t->restore)
		return fail(e, ENOMEM, "container %s", t->id);
	if (from->rootfs_fd < 0)
		return 0;
	t->restore->request.rootfs_fd = fcntl(from->rootfs_fd, F_DUPFD_CLOEXEC, 3);
	return t->restore->request.rootfs_fd < 0 ? fail(e, errno, "the root of container %s", t->id)
						 : 0;
}

int restore_root(const struct restore *r)
{
	return r->request.rootfs_fd;
}

int restore_now(struct work *w, struct err *e)
{
	struct task *t = w->member->task;
	struct create_request r = t->restore->request;
	int rc = t->shim->sandbox
			 ? sandbox_spec(t->shim->sandbox, t->bundle, w->rpc.arena, &r.spec, e)
			 : 0;
	if (rc == 0)
		rc = launch_container(w, &r, e);
	if (rc == 0)
		remove_work(t);
	return rc;
}

/* In a fork. */
static int undo_run(struct work *w, struct err *e)
{
	const struct task *t = w->member->task;
	return container_cleanup(t->root, t->id, 0, NULL, e);
}

static int undo_done(struct work *w, int rc, struct err *e)
{
	const struct err *why = w->arg;
	struct task *t = w->member->task;
	if (rc < 0)
		log_error("container %s: %s; 'coracle cleanup' removes what is left", t->id,
			  e->msg);
	*e = *why;
	return launch_failed(&t->init, -why->code);
}

int restore_done(struct work *w, int rc, struct err *e)
{
	struct task *t = w->member->task;
	const struct sandbox *b = t->shim->sandbox;
	if (rc == 0 && b && !sandbox_open(b))
		rc = sandbox_refuse(b, e);
	if (rc == 0)
		rc = launch_adopt(t, w, e);
	if (rc == 0) {
		restore_free(t->restore);
		t->restore = NULL;
		return 0;
	}
	container_close(t->container);
	t->container = NULL;
	if ((w->lost || w->pid) &&
	    work_undo(w, (struct work){ .run = undo_run, .done = undo_done }, e) == RPC_LATER)
		return RPC_LATER;
	return launch_failed(&t->init, rc);
}

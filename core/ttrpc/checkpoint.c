/* checkpoint.c - the Task services' Checkpoint, and tasks that are created out of one. */
#include "ttrpc/checkpoint.h"
#include "base/file.h"
#include "container/checkpoint.h"
#include "pb/runc_legacy.pb-c.h"
#include "pb/runc_options.pb-c.h"
#include "pb/task_events.pb-c.h"
#include "pb/task_v2.pb-c.h"
#include "ttrpc/member.h"

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
		rc = empty_namespace_parse(m->empty_namespaces[i], &o->empty_network, e);
	return rc;
}

/* After a success nobody reads CRIU's log. */
static void remove_work(const struct task *t)
{
	auto_close int bundle = open(t->bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (bundle >= 0)
		tree_remove(bundle, WORK, NULL);
}

int on_checkpoint(void *arg, const struct rpc *r, struct err *e)
{
	struct shim *s = arg;
	const Containerd__Task__V2__CheckpointTaskRequest *in = r->in;
	struct checkpoint_options o = { .image_path = in->path, .status_fd = -1 };
	struct task *t = task_find(s, in->id, e);
	if (!t)
		return -e->code;
	if (t->init.state != MEMBER_RUNNING)
		return rpc_fail(e, RPC_FAILED_PRECONDITION, "container %s is not running", t->id);
	int rc = read_options(in->options, r->arena, &o, e);
	bool own = !o.work_path;
	if (rc == 0 && own && !(o.work_path = arena_printf(r->arena, "%s/" WORK, t->bundle)))
		rc = fail(e, ENOMEM, "checkpoint");
	if (rc == 0)
		rc = container_checkpoint(t->container, &o, e);
	if (rc < 0)
		return rc;
	if (own)
		remove_work(t);
	Containerd__Events__TaskCheckpointed event = CONTAINERD__EVENTS__TASK_CHECKPOINTED__INIT;
	event.container_id = in->id;
	event.checkpoint = in->path;
	events_publish(s->events, EVENT_CHECKPOINTED, &event);
	return 0;
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

static int restore(struct task *t, struct err *e)
{
	struct create_request *r = &t->restore->request;
	auto_close int console = -1;
	r->console_fd = t->init.terminal ? &console : NULL;
	int rc = member_open_stdio(&t->init, r->stdio, e);
	if (rc >= 0)
		rc = container_create(r, &t->container, e);
	if (rc >= 0 && t->init.terminal)
		rc = stdio_terminal(t->init.stdio, take_fd(&console), e);
	return rc >= 0 ? member_watch(&t->init, t->container->state.pid, t->container->pidfd, e)
		       : rc;
}

int restore_now(struct task *t, struct err *e)
{
	int rc = restore(t, e);
	if (rc < 0 && t->container) {
		struct err ignored = { 0 };
		container_delete(t->container, true, &ignored);
		container_close(t->container);
		t->container = NULL;
	}
	if (rc < 0) { /* and may be tried again */
		stdio_free(t->init.stdio);
		t->init.stdio = NULL;
		return rc;
	}
	remove_work(t);
	restore_free(t->restore);
	t->restore = NULL;
	return 0;
}

/* remove.c - `shim delete`: what a dead shim left goes away, and how its container ended is
 * told. */
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/pb.h"
#include "container/container.h"
#include "pb/task_v2.pb-c.h"
#include "ttrpc/address.h"
#include "ttrpc/bootstrap.h"
#include "ttrpc/options.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#define REMOVE_MEMORY ((size_t)1 << 20)
#define KILLED	      (128 + 9)

static const char *first_line(int dir, const char *name, struct arena *a)
{
	auto_buf text = { .max = 4096 };
	if (dir < 0 || file_read(dir, name, &text, NULL) < 0 || !text.p)
		return NULL;
	return arena_strn(a, text.p, strcspn(text.p, "\n"));
}

/* Whoever did not live to be recorded is killed now. */
static int remove_container(const char *root, const char *id,
			    Containerd__Task__V2__DeleteResponse *out, struct timespec *when,
			    struct err *e)
{
	struct container *c;
	*when = clock_now();
	out->exit_status = KILLED;
	if (container_open(root, id, &c, NULL) == 0) {
		out->pid = (uint32_t)c->state.pid;
		if (c->state.has_exit) {
			out->exit_status = (uint32_t)c->state.exit_code;
			*when = c->state.finished;
		}
		container_close(c);
	}
	return container_cleanup(root, id, false, NULL, e);
}

static void unmount_rootfs(const char *bundle, struct arena *a)
{
	const char *path = arena_printf(a, "%s/rootfs", bundle);
	while (path && umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
		;
}

static int answer(struct arena *a, Containerd__Task__V2__DeleteResponse *r, struct timespec when,
		  struct buf *out, struct err *e)
{
	Google__Protobuf__Timestamp at = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
	at.seconds = when.tv_sec;
	at.nanos = (int32_t)when.tv_nsec;
	r->exited_at = &at;
	size_t n;
	const void *p = pb_encode(r, a, &n);
	if (!p)
		return fail(e, ENOMEM, "answer");
	buf_add(out, p, n);
	return 0;
}

int shim_delete(const struct shim_args *args, struct buf *out, struct err *e)
{
	struct runtime_options none = { .shim_cgroup = "", .root = "" };
	Containerd__Task__V2__DeleteResponse r = CONTAINERD__TASK__V2__DELETE_RESPONSE__INIT;
	struct timespec when;
	auto_arena *a = arena_new(REMOVE_MEMORY);
	const char *bundle = args->bundle ? args->bundle : ".";
	auto_close int dir = open(bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const char *root = a ? first_line(dir, "coracle-root", a) : NULL;
	if (a && !root)
		root = options_root(&none, args->namespace_, a);
	if (!root)
		return fail(e, ENOMEM, "delete %s", args->id);
	int rc = remove_container(root, args->id, &r, &when, e);
	if (rc < 0)
		return rc;
	unmount_rootfs(bundle, a);
	const char *address = first_line(dir, "address", a);
	if (address)
		address_clean(address);
	return answer(a, &r, when, out, e);
}

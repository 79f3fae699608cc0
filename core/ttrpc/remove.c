/* remove.c - `shim delete`: what a dead shim left goes away, and how its container ended is
 * told. */
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/pb.h"
#include "base/proc.h"
#include "container/container.h"
#include "pb/task_v2.pb-c.h"
#include "ttrpc/address.h"
#include "ttrpc/bootstrap.h"
#include "ttrpc/ending.h"
#include "ttrpc/options.h"
#include "ttrpc/podconfig.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#define REMOVE_MEMORY ((size_t)16 << 20)
#define KILLED	      (128 + 9)
#define ANSWER_MS     4000 /* containerd kills us after 5 seconds */

/* What is to go. */
struct removing {
	const char *root, *id, *bundle, *address; /* of the shim's socket; NULL: not known */
	const char *members; /* where the records of a sandbox's containers are */
	bool sandbox;	     /* without a container of its own */
	struct arena *arena;
};

/* How far that is: how it ended is known, and then all is gone (or could not be removed). */
struct progress {
	bool known, done;
	struct ending how;
	struct err error;
};

static const char *first_line(int dir, const char *name, struct arena *a)
{
	auto_buf text = { .max = 4096 };
	if (dir < 0 || file_read(dir, name, &text, NULL) < 0 || !text.p)
		return NULL;
	return arena_strn(a, text.p, strcspn(text.p, "\n"));
}

static void tell(int fd, const struct progress *p)
{
	(void)!write(fd, p, sizeof(*p));
}

/* Whoever did not live to be recorded is killed now. */
static int end_container(const struct removing *r, struct progress *p, bool *pod, struct err *e)
{
	struct container *c;
	struct err ignored = { 0 };
	int rc = container_open(r->root, r->id, &c, NULL);
	if (rc == 0) {
		const char *type = pairs_get(&c->state.annotations, POD_TYPE);
		*pod = *pod || (type && !strcmp(type, "sandbox"));
		rc = container_end(c, e);
		p->how = (struct ending){ c->state.pid, c->state.exit_code, c->state.finished };
		p->known = c->state.has_exit;
		container_close(c);
		if (rc < 0)
			return rc;
	}
	if (!p->known && !ending_read(r->bundle, &p->how)) /* none, or no process of it */
		p->how = (struct ending){ p->how.pid, KILLED, clock_now() };
	p->known = true;
	ending_write(r->bundle, &p->how, &ignored); /* also for who makes one just now */
	return 0;
}

/* Of its containers containerd has delete called only where it started a shim for each. For those
 * that it put into the sandbox it wrote a file "sandbox" instead. */
static bool goes_with(const struct removing *r, const char *id)
{
	struct container *c;
	if (!strcmp(id, r->id) || container_open(r->members, id, &c, NULL) < 0)
		return false;
	const char *of = pairs_get(&c->state.annotations, POD_ID);
	auto_close int bundle = open(c->state.bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool goes = of && !strcmp(of, r->id) && bundle >= 0 &&
		    faccessat(bundle, "sandbox", F_OK, 0) == 0;
	container_close(c);
	return goes;
}

static int remove_members(const struct removing *r, struct err *e)
{
	struct container_list all = { 0 };
	int rc = container_list(r->members, r->arena, &all, e);
	for (size_t i = 0; rc == 0 && i < all.n; i++)
		if (goes_with(r, all.v[i].id))
			rc = container_cleanup(r->members, all.v[i].id, 0, NULL, e);
	return rc;
}

static void unmount_rootfs(const char *bundle)
{
	auto_close int dir = open(bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || fchdir(dir) < 0)
		return;
	while (umount2("rootfs", MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
		;
}

/* In a process of its own, so that whatever makes it wait does not keep the answer from who asks.
 * It goes on when that has gone. */
static _Noreturn void remove_all(const struct removing *r, int report)
{
	struct progress p = { 0 };
	bool pod = r->sandbox;
	int rc = end_container(r, &p, &pod, &p.error);
	tell(report, &p);
	if (rc == 0)
		rc = container_remove(r->root, r->id, &p.error);
	if (rc == 0 && pod)
		rc = remove_members(r, &p.error);
	if (rc == 0)
		unmount_rootfs(r->bundle);
	if (rc == 0 && r->address)
		address_clean(r->address);
	if (rc == 0)
		p.error = (struct err){ 0 };
	p.done = true;
	tell(report, &p);
	_exit(0);
}

/* Our stdout and stderr are waited for until nobody has them any more. */
static pid_t begin(const struct removing *r, int report[2], int words[2])
{
	auto_close int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	pid_t pid = null < 0 ? -1 : fork();
	if (pid != 0)
		return pid;
	setsid();
	if (dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(words[1], 2) < 0)
		_exit(1);
	remove_all(r, report[1]);
}

/* Until all is done, nobody is there any more who does it, or time is up. */
static void follow(int report, struct progress *p)
{
	uint64_t now = clock_monotonic_ns(), end = now + ANSWER_MS * UINT64_C(1000000);
	struct pollfd f = { .fd = report, .events = POLLIN };
	struct progress next;
	while (!p->done && (now = clock_monotonic_ns()) < end &&
	       poll(&f, 1, (int)((end - now + 999999) / 1000000)) != 0) {
		ssize_t n = read(report, &next, sizeof(next));
		if (n == 0)
			return;
		if (n == (ssize_t)sizeof(next))
			*p = next;
	}
}

/* What was logged there. */
static void relay(int words)
{
	char text[4096];
	struct pollfd f = { .fd = words, .events = POLLIN };
	ssize_t n = poll(&f, 1, 0) > 0 ? read(words, text, sizeof(text)) : 0;
	if (n > 0)
		write_all(STDERR_FILENO, text, (size_t)n);
}

/* What has been left is `coracle cleanup`'s; how it ended is told all the same. Who was killed and
 * does not end yet, as one that waits for a device, will never do anything else. */
static int judge(const struct removing *r, struct progress *p, struct err *e)
{
	if (!p->known && p->error.code) {
		*e = p->error;
		return -e->code;
	}
	if (!p->known) {
		p->how.status = KILLED;
		p->how.when = clock_now();
		log_warn("container %s was killed, and does not end within %d seconds; 'coracle "
			 "cleanup %s' looks after it",
			 r->id, ANSWER_MS / 1000, r->id);
	} else if (!p->done) {
		log_warn("container %s: its removal takes longer than %d seconds, and goes on",
			 r->id, ANSWER_MS / 1000);
	} else if (p->error.code) {
		log_warn("container %s: %s; 'coracle cleanup %s' removes what is left", r->id,
			 p->error.msg, r->id);
	}
	return 0;
}

static int remove_in_time(const struct removing *r, struct progress *p, struct err *e)
{
	int report[2], words[2];
	if (pipe2(report, O_CLOEXEC) < 0)
		return fail(e, errno, "delete %s", r->id);
	if (pipe2(words, O_CLOEXEC) < 0) {
		fail(e, errno, "delete %s", r->id);
		close(report[0]);
		close(report[1]);
		return -e->code;
	}
	pid_t pid = begin(r, report, words);
	int rc = pid < 0 ? fail(e, errno, "delete %s", r->id) : 0;
	close(report[1]);
	close(words[1]);
	if (rc == 0)
		follow(report[0], p);
	if (rc == 0)
		relay(words[0]);
	close(report[0]);
	close(words[0]);
	return rc < 0 ? rc : judge(r, p, e);
}

static int answer(struct arena *a, const struct progress *p, struct buf *out, struct err *e)
{
	Google__Protobuf__Timestamp at = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
	Containerd__Task__V2__DeleteResponse r = CONTAINERD__TASK__V2__DELETE_RESPONSE__INIT;
	at.seconds = p->how.when.tv_sec;
	at.nanos = (int32_t)p->how.when.tv_nsec;
	r.pid = (uint32_t)p->how.pid;
	r.exit_status = (uint32_t)p->how.status;
	r.exited_at = &at;
	size_t n;
	const void *bytes = pb_encode(&r, a, &n);
	if (!bytes)
		return fail(e, ENOMEM, "answer");
	buf_add(out, bytes, n);
	return 0;
}

int shim_delete(const struct shim_args *args, struct buf *out, struct err *e)
{
	struct runtime_options none = { .shim_cgroup = "", .root = "" };
	struct progress p = { 0 };
	auto_arena *a = arena_new(REMOVE_MEMORY);
	struct removing r = { .id = args->id,
			      .bundle = args->bundle ? args->bundle : ".",
			      .arena = a };
	auto_close int dir = open(r.bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const char *usual = a ? options_root(&none, args->namespace_, a) : NULL;
	const char *given = usual ? first_line(dir, "coracle-root", a) : NULL;
	r.sandbox = dir >= 0 && faccessat(dir, "config.json", F_OK, 0) < 0;
	r.members = given ? given : usual;
	r.root = r.sandbox ? usual : r.members; /* options are of containers only */
	if (!r.root)
		return fail(e, ENOMEM, "delete %s", args->id);
	r.address = first_line(dir, "address", a);
	int rc = container_id_check(args->id, e);
	if (rc == 0)
		rc = remove_in_time(&r, &p, e);
	return rc < 0 ? rc : answer(a, &p, out, e);
}

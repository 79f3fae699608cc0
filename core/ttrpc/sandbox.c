/* sandbox.c - a pod's sandbox without a pause container: made, held, ended. */
#include "ttrpc/sandbox.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/pb.h"
#include "box/rootmount.h"
#include "ttrpc/launch.h"
#include "ttrpc/member.h"
#include "ttrpc/options.h"
#include "ttrpc/podfiles.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mount.h>

int sandbox_create(struct shim *s, const Containerd__Runtime__Sandbox__V1__CreateSandboxRequest *in,
		   struct err *e)
{
	struct sandbox *b = calloc(1, sizeof(*b));
	const Google__Protobuf__Any *o = in->options;
	if (!b)
		return fail(e, ENOMEM, "sandbox %s", in->sandbox_id);
	*b = (struct sandbox){ .shim = s, .end.fd = -1, .patience.fd = -1 };
	b->id = strdup(in->sandbox_id);
	b->bundle = strdup(in->bundle_path);
	b->netns = strdup(in->netns_path);
	b->cgroup = strdup("");
	size_t n = o ? google__protobuf__any__get_packed_size(o) : 0;
	b->options = n ? malloc(n) : NULL;
	if (!b->id || !b->bundle || !b->netns || !b->cgroup || (n && !b->options)) {
		sandbox_free(b);
		return fail(e, ENOMEM, "sandbox %s", in->sandbox_id);
	}
	if (n)
		b->options_len = google__protobuf__any__pack(o, (uint8_t *)b->options);
	s->sandbox = b;
	return 0;
}

/* The one that the given network belongs to: only its root may set that up further. */
static int open_users(const char *netns, struct err *e)
{
	auto_close int net = open(netns, O_RDONLY | O_CLOEXEC);
	if (net < 0)
		return fail(e, errno, "open network namespace %s", netns);
	int users = ioctl(net, NS_GET_USERNS);
	return users < 0 ? fail(e, errno, "the user namespace of %s", netns) : users;
}

static int make_spec(struct sandbox *b, const pod_config *c, int users, struct arena *a,
		     const struct spec **out, struct err *e)
{
	const char *path = users < 0 ? NULL : arena_printf(a, "/proc/self/fd/%d", users);
	const struct pod_place place = { b->id, b->netns, path };
	if (users >= 0 && !path)
		return fail(e, E2BIG, "sandbox %s", b->id);
	return podconfig_spec(c, &place, a, out, e);
}

/* Nothing is in its root, and its program is ours, whose file nobody can write: there is nothing
 * for a container that looks into it through a pid namespace that they share. */
static int make_holder(struct sandbox *b, const struct spec *spec, struct arena *a, struct err *e)
{
	static const char *size[] = { "mode=0555", "size=4k", "nr_inodes=2" };
	const struct root_mount empty = { "tmpfs", "pod", { size, 3 } };
	const struct runtime_options none = { .root = "" };
	const char *place = podfiles_shm(b->bundle, a);
	auto_close int root = place ? rootmount_new(&empty, 1, place, a, e) : -E2BIG;
	auto_close int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	const struct create_request r = {
		.root = options_root(&none, b->shim->namespace_, a),
		.id = b->id,
		.bundle = b->bundle,
		.spec = spec,
		.rootfs_fd = root,
		.stdio = { null, null, null },
		.own_program = true,
		.no_new_keyring = true,
		.no_cgroup = true,
		.host_mount = b->shm ? place : NULL,
		.owner_kind = "shim",
		.start = true,
	};
	if (root < 0)
		return root;
	if (null < 0 || !r.root)
		return fail(e, null < 0 ? errno : E2BIG, "sandbox %s", b->id);
	return container_create(&r, &b->holder, e);
}

static void answer_all(struct requests *r, const void *message)
{
	struct requests all = *r;
	*r = (struct requests){ 0 };
	for (unsigned i = 0; i < all.n; i++)
		request_reply(all.v[i], message);
	free(all.v);
}

static int later(struct requests *all, struct request *r, struct err *e)
{
	struct request **more = reallocarray(all->v, all->n + 1, sizeof(*more));
	if (!more)
		return fail(e, ENOMEM, "wait");
	all->v = more;
	all->v[all->n++] = r;
	return RPC_LATER;
}

static void answer(struct sandbox *b)
{
	Google__Protobuf__Timestamp when = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
	Containerd__Runtime__Sandbox__V1__WaitSandboxResponse out =
		CONTAINERD__RUNTIME__SANDBOX__V1__WAIT_SANDBOX_RESPONSE__INIT;
	when.seconds = b->exited.tv_sec;
	when.nanos = (int32_t)b->exited.tv_nsec;
	out.exit_status = (uint32_t)b->status.code;
	out.exited_at = &when;
	answer_all(&b->waiting, &out);
}

static void unwatch(struct sandbox *b, struct watch *w)
{
	if (w->fd < 0)
		return;
	loop_remove(b->shim->loop, w);
	put_fd(&w->fd, -1);
}

/* Told once. Whom we killed because we were told to has not failed. */
static void ended(struct sandbox *b)
{
	struct err e = { 0 };
	if (b->end.fd >= 0 && proc_reap(b->end.fd, &b->status) < 0)
		b->status = (struct exit_status){ .code = 255 };
	if (b->stopping)
		b->status = (struct exit_status){ 0 };
	unwatch(b, &b->end);
	b->exited = clock_now();
	if (b->holder && container_record_exit(b->holder, b->status, false, &e) < 0)
		log_error("sandbox %s: %s", b->id, e.msg);
	b->state = SANDBOX_ENDED;
	answer(b);
}

static void on_end(void *arg, uint32_t events)
{
	struct sandbox *b = arg;
	(void)events;
	ended(b);
	sandbox_look(b);
}

bool sandbox_reap(struct sandbox *b, pid_t pid)
{
	if (!b || b->end.fd < 0 || b->holder->state.pid != pid)
		return false;
	on_end(b, 0);
	return true;
}

static int watch_holder(struct sandbox *b, struct err *e)
{
	auto_close int fd = fcntl(b->holder->pidfd, F_DUPFD_CLOEXEC, 3);
	b->end = (struct watch){ .fd = fd, .ready = on_end, .arg = b };
	int rc = fd < 0 ? -errno : loop_add(b->shim->loop, &b->end, EPOLLIN);
	if (rc < 0 && rc != -EPERM) { /* without a pidfd, SIGCHLD tells alone */
		b->end.fd = -1;
		return fail(e, rc, "watch the sandbox");
	}
	take_fd(&fd);
	return 0;
}

static int make(struct sandbox *b, const pod_config *c, struct arena *a, struct err *e)
{
	const struct spec *spec = NULL;
	bool own_users = podconfig_has_users(c) && *b->netns;
	auto_close int users = own_users ? open_users(b->netns, e) : -1;
	if (own_users && users < 0)
		return users;
	b->shm = podconfig_has_ipc(c);
	int rc = make_spec(b, c, users, a, &spec, e);
	if (rc == 0)
		rc = podfiles_make(b->bundle, c, a, e);
	if (rc == 0 && spec)
		rc = make_holder(b, spec, a, e);
	return rc == 0 && spec ? watch_holder(b, e) : rc;
}

static void undo(struct sandbox *b, struct arena *a)
{
	struct err ignored = { 0 };
	const char *shm = podfiles_shm(b->bundle, a);
	unwatch(b, &b->end);
	if (b->holder)
		container_delete(b->holder, true, &ignored);
	container_close(b->holder);
	b->holder = NULL;
	while (shm && b->shm && umount2(shm, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
		;
}

int sandbox_start(struct sandbox *b, struct arena *a, struct err *e)
{
	const pod_config *c;
	const Google__Protobuf__Any *any = pb_decode(&google__protobuf__any__descriptor, a,
						     b->options, b->options_len);
	if (!any)
		return fail(e, E2BIG, "sandbox %s", b->id);
	int rc = podconfig_read(any, a, &c, e);
	char *cgroup = rc == 0 ? strdup(podconfig_cgroup(c)) : NULL;
	if (rc == 0 && !cgroup)
		rc = fail(e, ENOMEM, "sandbox %s", b->id);
	if (rc == 0)
		rc = make(b, c, a, e);
	if (rc < 0) {
		undo(b, a);
		free(cgroup);
		return rc;
	}
	free((char *)(uintptr_t)b->cgroup);
	b->cgroup = cgroup;
	free(b->options);
	b->options = NULL;
	b->state = SANDBOX_READY;
	b->created = clock_now();
	return 0;
}

uint32_t sandbox_pid(const struct sandbox *b)
{
	if (b->state != SANDBOX_READY)
		return 0;
	return (uint32_t)(b->holder ? b->holder->state.pid : getpid());
}

bool sandbox_open(const struct sandbox *b)
{
	return b->state == SANDBOX_READY && !b->stopping;
}

static bool lives(const struct shim *s)
{
	for (const struct task *t = s->tasks; t; t = t->next)
		if (t->creating || (t->init.pid && t->init.state != MEMBER_STOPPED))
			return true;
	return false;
}

/* In a fork, as it waits for their end. */
static int kill_run(struct work *w, struct err *e)
{
	return container_kill(w->member->task->container, SIGKILL, true, e);
}

static int kill_done(struct work *w, int rc, struct err *e)
{
	if (rc < 0)
		log_warn("container %s: %s", w->member->task->id, e->msg);
	return 0;
}

/* With SIGKILL all of it, else its init. */
static void task_signal(struct task *t, int sig)
{
	struct err e = { 0 };
	struct work w = { .member = &t->init, .run = kill_run, .done = kill_done };
	work_keep(&w, t->container);
	int rc = sig == SIGKILL ? work_start(t->shim, &w, NULL, &e)
				: container_kill(t->container, sig, false, &e);
	if (rc < 0)
		log_warn("container %s: %s", t->id, e.msg);
}

static void signal_tasks(struct sandbox *b, int sig)
{
	for (struct task *t = b->shim->tasks, *next; t; t = next) {
		next = t->next;
		if (t->creating)
			create_abort(b->shim, t->id);
		else if (t->init.end.fd >= 0 && t->container)
			task_signal(t, sig);
	}
}

/* Its containers go first: each ends by itself, not with the pid namespace that they may share. */
void sandbox_look(struct sandbox *b)
{
	Containerd__Runtime__Sandbox__V1__StopSandboxResponse none =
		CONTAINERD__RUNTIME__SANDBOX__V1__STOP_SANDBOX_RESPONSE__INIT;
	if (!b || !b->stopping || lives(b->shim))
		return;
	unwatch(b, &b->patience);
	if (b->end.fd >= 0)
		proc_signal(b->end.fd, SIGKILL); /* and we come back */
	else if (b->state != SANDBOX_ENDED)
		ended(b);
	if (b->state == SANDBOX_ENDED)
		answer_all(&b->stops, &none);
}

static void on_patience(void *arg, uint32_t events)
{
	struct sandbox *b = arg;
	(void)events;
	unwatch(b, &b->patience);
	signal_tasks(b, SIGKILL);
}

/* Who asks again with less patience gets it. */
int sandbox_stop(struct sandbox *b, uint32_t seconds, struct request *r, struct err *e)
{
	int rc = later(&b->stops, r, e);
	if (rc < 0)
		return rc;
	b->stopping = true;
	unwatch(b, &b->patience);
	b->patience = (struct watch){ .fd = seconds ? timer_new(seconds * UINT64_C(1000), 0) : -1,
				      .ready = on_patience,
				      .arg = b };
	bool waits = b->patience.fd >= 0 && loop_add(b->shim->loop, &b->patience, EPOLLIN) == 0;
	if (!waits)
		put_fd(&b->patience.fd, -1);
	signal_tasks(b, waits ? SIGTERM : SIGKILL);
	sandbox_look(b);
	return rc;
}

int sandbox_wait(struct sandbox *b, struct request *r, struct err *e)
{
	int rc = later(&b->waiting, r, e);
	if (rc >= 0 && b->state == SANDBOX_ENDED)
		answer(b);
	return rc;
}

int sandbox_remove(struct sandbox *b, struct err *e)
{
	struct shim *s = b->shim;
	auto_arena *a = arena_new((size_t)64 << 10);
	if (!a)
		return fail(e, ENOMEM, "sandbox %s", b->id);
	for (struct task *t = s->tasks, *next; t; t = next) {
		next = t->next;
		int rc = 0;
		if (t->creating)
			create_abort(s, t->id);
		else
			rc = task_remove(t, e);
		if (rc < 0)
			return rc;
	}
	b->stopping = true;
	if (b->end.fd >= 0) {
		proc_signal(b->end.fd, SIGKILL);
		ended(b);
	}
	int rc = b->holder ? container_delete(b->holder, true, e) : 0;
	if (rc < 0)
		return rc;
	undo(b, a);
	s->sandbox = NULL;
	sandbox_free(b);
	return 0;
}

int sandbox_spec(const struct sandbox *b, const char *bundle, struct arena *a,
		 const struct spec **out, struct err *e)
{
	const struct spec *s;
	auto_close int dir = open(bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return fail(e, errno, "open bundle %s", bundle);
	int rc = spec_read(dir, "config.json", a, &s, e);
	return rc < 0 ? within(e, "%s", bundle) : podfiles_add(s, b->bundle, b->shm, a, out, e);
}

void sandbox_free(struct sandbox *b)
{
	Containerd__Runtime__Sandbox__V1__StopSandboxResponse none =
		CONTAINERD__RUNTIME__SANDBOX__V1__STOP_SANDBOX_RESPONSE__INIT;
	if (!b)
		return;
	unwatch(b, &b->end);
	unwatch(b, &b->patience);
	answer(b);
	answer_all(&b->stops, &none);
	container_close(b->holder);
	free((char *)(uintptr_t)b->id);
	free((char *)(uintptr_t)b->bundle);
	free((char *)(uintptr_t)b->netns);
	free((char *)(uintptr_t)b->cgroup);
	free(b->options);
	free(b);
}

void sandbox_forget_removed(struct shim *s)
{
	struct err ignored = { 0 };
	struct sandbox *b = s->sandbox;
	if (!b || b->end.fd >= 0 || faccessat(-1, b->bundle, F_OK, 0) == 0 || errno != ENOENT)
		return;
	if (b->holder)
		container_delete(b->holder, true, &ignored);
	s->sandbox = NULL;
	sandbox_free(b);
}

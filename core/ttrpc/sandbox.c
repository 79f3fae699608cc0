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
#include <unistd.h>

#define HOLDER_MEMORY ((size_t)64 << 10)

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

/* Where the record of its holder is. */
static const char *root_of(const struct sandbox *b, struct arena *a)
{
	const struct runtime_options none = { .root = "" };
	return options_root(&none, b->shim->namespace_, a);
}

/* Nothing is in its root, and its program is ours, whose file nobody can write: there is nothing
 * for a container that looks into it through a pid namespace that they share. */
static int make_holder(struct sandbox *b, const struct spec *spec, struct work *w, struct err *e)
{
	struct arena *a = w->rpc.arena;
	static const char *size[] = { "mode=0555", "size=4k", "nr_inodes=2" };
	const struct root_mount empty = { "tmpfs", "pod", { size, 3 } };
	const char *place = podfiles_shm(b->bundle, a);
	auto_close int root = place ? rootmount_new(&empty, 1, place, a, e) : -E2BIG;
	auto_close int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int ready[2] = { -1, -1 };
	if (root < 0)
		return root;
	if (null < 0 || pipe2(ready, O_CLOEXEC) < 0)
		return fail(e, errno, "sandbox %s", b->id);
	const struct create_request r = {
		.root = root_of(b, a),
		.id = b->id,
		.bundle = b->bundle,
		.spec = spec,
		.rootfs_fd = root,
		.stdio = { null, ready[1], null },
		.own_program = true,
		.no_new_keyring = true,
		.no_cgroup = true,
		.host_mount = b->shm ? place : NULL,
		.owner_kind = "shim",
		.owner = getppid(),
		.start = true,
	};
	struct container *c;
	int rc = r.root ? container_create(&r, &c, e) : fail(e, E2BIG, "sandbox %s", b->id);
	if (rc < 0)
		return rc;
	close(ready[1]);
	(void)!read(ready[0], ready, 1); /* it has closed its end */
	w->pid = c->state.pid;
	w->fds[WORK_PROCESS] = c->pidfd;
	return 0;
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
	requests_end(&b->waiting, &out, NULL);
}

static void unwatch(struct sandbox *b, struct watch *w)
{
	if (w->fd < 0)
		return;
	loop_remove(b->shim->loop, w);
	put_fd(&w->fd, -1);
}

/* In a fork: somebody else has the record. */
static int record_run(struct work *w, struct err *e)
{
	const struct sandbox *b = w->shim->sandbox;
	struct container *c;
	auto_arena *a = arena_new(HOLDER_MEMORY);
	if (!b || !a || container_open(root_of(b, a), b->id, &c, NULL) < 0)
		return 0; /* and has removed it */
	int rc = container_record_exit(c, b->status, false, e);
	return rc == -ENOENT ? 0 : rc;
}

static int record_done(struct work *w, int rc, struct err *e)
{
	if (rc < 0 && w->shim->sandbox)
		log_error("sandbox %s: %s", w->shim->sandbox->id, e->msg);
	return 0;
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
	const struct work late = { .run = record_run, .done = record_done };
	int rc = b->holder ? container_record_exit_now(b->holder, b->status, false, &e) : 0;
	if (rc < 0 && rc != -ENOENT &&
	    (rc != -EBUSY || work_start(b->shim, &late, NULL, &e) != RPC_LATER))
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

static void unmount_shm(const struct sandbox *b, struct arena *a)
{
	const char *shm = podfiles_shm(b->bundle, a);
	while (shm && b->shm && umount2(shm, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
		;
}

/* In a fork. */
static int start_run(struct work *w, struct err *e)
{
	struct sandbox *b = w->shim->sandbox;
	const pod_config *c = w->arg;
	struct arena *a = w->rpc.arena;
	const struct spec *spec = NULL;
	bool own_users = podconfig_has_users(c) && *b->netns;
	auto_close int users = own_users ? open_users(b->netns, e) : -1;
	if (own_users && users < 0)
		return users;
	int rc = make_spec(b, c, users, a, &spec, e);
	if (rc == 0)
		rc = podfiles_make(b->bundle, c, a, e);
	if (rc == 0 && spec)
		rc = make_holder(b, spec, w, e);
	if (rc < 0)
		unmount_shm(b, a);
	return rc;
}

/* In a fork: what one that was killed half way has left, or what the shim cannot take over. */
static int undo_run(struct work *w, struct err *e)
{
	const struct sandbox *b = w->shim->sandbox;
	struct arena *a = w->rpc.arena;
	const char *root = root_of(b, a);
	int rc = root ? container_cleanup(root, b->id, 0, NULL, e) : fail(e, E2BIG, "undo it");
	unmount_shm(b, a);
	return rc;
}

static int start_failed(struct sandbox *b, int rc)
{
	b->state = SANDBOX_CREATED;
	sandbox_look(b);
	return rc;
}

static int undo_done(struct work *w, int rc, struct err *e)
{
	struct sandbox *b = w->shim->sandbox;
	const struct err *why = w->arg;
	if (rc < 0)
		log_error("sandbox %s: %s; 'coracle cleanup' removes what is left", b->id, e->msg);
	*e = *why;
	return start_failed(b, -why->code);
}

static int adopt(struct sandbox *b, const struct work *w, struct err *e)
{
	if (b->stopping)
		return sandbox_refuse(b, e);
	if (!w->pid)
		return 0;
	const char *root = root_of(b, w->rpc.arena);
	int rc = root ? container_open(root, b->id, &b->holder, e) : fail(e, E2BIG, "%s", b->id);
	if (rc < 0)
		return rc;
	if (b->holder->pidfd < 0) /* it has ended already */
		b->holder->pidfd = fcntl(w->fds[WORK_PROCESS], F_DUPFD_CLOEXEC, 3);
	rc = watch_holder(b, e);
	if (rc < 0) {
		container_close(b->holder);
		b->holder = NULL;
	}
	return rc;
}

static int start_done(struct work *w, int rc, struct err *e)
{
	struct sandbox *b = w->shim->sandbox;
	Containerd__Runtime__Sandbox__V1__StartSandboxResponse *out = w->rpc.out;
	Google__Protobuf__Timestamp when = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
	if (rc == 0)
		rc = adopt(b, w, e);
	if (rc < 0 && (w->lost || w->pid) &&
	    work_undo(w, (struct work){ .run = undo_run, .done = undo_done }, e) == RPC_LATER)
		return RPC_LATER;
	if (rc < 0)
		return start_failed(b, rc);
	free(b->options);
	b->options = NULL;
	b->state = SANDBOX_READY;
	b->created = clock_now();
	when.seconds = b->created.tv_sec;
	when.nanos = (int32_t)b->created.tv_nsec;
	out->pid = sandbox_pid(b);
	out->created_at = &when;
	request_reply(w->rpc.request, out);
	w->rpc.request = NULL;
	return RPC_LATER;
}

int sandbox_start(struct sandbox *b, const struct rpc *r, struct err *e)
{
	const pod_config *c;
	const Google__Protobuf__Any *any = pb_decode(&google__protobuf__any__descriptor, r->arena,
						     b->options, b->options_len);
	int rc = any ? podconfig_read(any, r->arena, &c, e) : fail(e, E2BIG, "sandbox %s", b->id);
	if (rc < 0)
		return rc;
	char *cgroup = strdup(podconfig_cgroup(c));
	if (!cgroup)
		return fail(e, ENOMEM, "sandbox %s", b->id);
	free((char *)(uintptr_t)b->cgroup);
	b->cgroup = cgroup;
	b->shm = podconfig_has_ipc(c);
	const struct work w = { .run = start_run, .done = start_done, .arg = (void *)(uintptr_t)c };
	rc = work_start(b->shim, &w, r, e);
	if (rc == RPC_LATER)
		b->state = SANDBOX_STARTING;
	return rc;
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

int sandbox_refuse(const struct sandbox *b, struct err *e)
{
	return rpc_fail(e, RPC_FAILED_PRECONDITION, "sandbox %s is not running", b->id);
}

static bool lives(const struct sandbox *b)
{
	for (const struct task *t = b->shim->tasks; t; t = t->next)
		if (t->creating || t->init.state == MEMBER_STARTING ||
		    (t->init.pid && !t->init.told))
			return true;
	return b->state == SANDBOX_STARTING;
}

/* Whether a fork is at something that is to be over before the pod can be removed. */
static bool is_busy(const struct sandbox *b)
{
	for (const struct task *t = b->shim->tasks; t; t = t->next)
		if (t->creating || t->deleting || t->init.state == MEMBER_STARTING)
			return true;
	return b->state == SANDBOX_STARTING;
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

/* What is not there yet will not be. sig 0: nothing else. */
static void signal_tasks(struct sandbox *b, int sig)
{
	for (struct task *t = b->shim->tasks, *next; t; t = next) {
		next = t->next;
		if (t->creating)
			create_abort(b->shim, t->id);
		else if (t->init.state == MEMBER_STARTING && (t->restore || b->removals.n))
			start_abort(t);
		else if (sig && t->init.end.fd >= 0 && t->container)
			task_signal(t, sig);
	}
	struct work *w = work_find(b->shim, NULL, start_run);
	if (w)
		work_abort(w);
}

/* In a fork: kills and removes all of it. */
static int remove_run(struct work *w, struct err *e)
{
	const struct sandbox *b = w->shim->sandbox;
	auto_arena *a = arena_new(HOLDER_MEMORY);
	const char *root = a ? root_of(b, a) : NULL;
	int rc = root ? 0 : fail(e, ENOMEM, "sandbox %s", b->id);
	for (const struct task *t = b->shim->tasks; rc == 0 && t; t = t->next)
		rc = container_remove(t->root, t->id, e);
	if (rc == 0)
		rc = container_remove(root, b->id, e);
	if (rc == 0)
		unmount_shm(b, a);
	return rc;
}

static void remove_failed(struct sandbox *b, const struct err *e)
{
	b->removing = false;
	requests_end(&b->removals, NULL, e);
	for (struct task *t = b->shim->tasks; t; t = t->next) {
		t->deleting = false;
		task_go_on(t);
	}
	if (b->stops.n) /* whose patience ended with the removal's beginning */
		signal_tasks(b, SIGKILL);
	sandbox_look(b);
}

static int remove_done(struct work *w, int rc, struct err *e)
{
	Containerd__Runtime__Sandbox__V1__ShutdownSandboxResponse none =
		CONTAINERD__RUNTIME__SANDBOX__V1__SHUTDOWN_SANDBOX_RESPONSE__INIT;
	struct shim *s = w->shim;
	struct sandbox *b = s->sandbox;
	if (rc < 0) {
		remove_failed(b, e);
		return 0;
	}
	while (s->tasks)
		task_removed(s->tasks);
	if (b->state != SANDBOX_ENDED)
		ended(b);
	s->sandbox = NULL;
	requests_end(&b->removals, &none, NULL);
	sandbox_free(b);
	shim_leave(s);
	return 0;
}

static void begin_removal(struct sandbox *b)
{
	struct err e = { 0 };
	const struct work w = { .run = remove_run, .done = remove_done };
	if (work_start(b->shim, &w, NULL, &e) != RPC_LATER) {
		requests_end(&b->removals, NULL, &e);
		return;
	}
	b->removing = true;
	for (struct task *t = b->shim->tasks; t; t = t->next)
		t->deleting = true;
}

/* Its containers go first: each ends by itself, not with the pid namespace that they may share. */
void sandbox_look(struct sandbox *b)
{
	Containerd__Runtime__Sandbox__V1__StopSandboxResponse none =
		CONTAINERD__RUNTIME__SANDBOX__V1__STOP_SANDBOX_RESPONSE__INIT;
	if (b && b->removals.n && !b->removing && !is_busy(b))
		begin_removal(b);
	if (!b || !b->stopping || b->removals.n || lives(b))
		return;
	unwatch(b, &b->patience);
	if (b->end.fd >= 0)
		proc_signal(b->end.fd, SIGKILL); /* and we come back */
	else if (b->state != SANDBOX_ENDED)
		ended(b);
	if (b->state == SANDBOX_ENDED)
		requests_end(&b->stops, &none, NULL);
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
	int rc = requests_add(&b->stops, r, e);
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
	int rc = requests_add(&b->waiting, r, e);
	if (rc >= 0 && b->state == SANDBOX_ENDED)
		answer(b);
	return rc;
}

int sandbox_remove(struct sandbox *b, struct request *r, struct err *e)
{
	int rc = requests_add(&b->removals, r, e);
	if (rc < 0)
		return rc;
	b->stopping = true;
	unwatch(b, &b->patience);
	if (!b->removing)
		signal_tasks(b, 0);
	sandbox_look(b);
	return rc;
}

void sandbox_prune(struct sandbox *b)
{
	if (!b)
		return;
	requests_prune(&b->waiting);
	requests_prune(&b->stops);
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
	requests_end(&b->stops, &none, NULL);
	requests_end(&b->removals, &none, NULL);
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
	struct sandbox *b = s->sandbox;
	if (b && b->end.fd < 0 && !s->tasks && !b->removing && b->state != SANDBOX_STARTING &&
	    faccessat(-1, b->bundle, F_OK, 0) < 0 && errno == ENOENT)
		begin_removal(b);
}

/* oom.c - telling that a task was out of memory, when it happens and before its exit. */
#include "ttrpc/oom.h"
#include "base/file.h"
#include "base/log.h"
#include "box/oom.h"
#include "pb/task_events.pb-c.h"
#include "ttrpc/member.h"

#include <string.h>
#include <sys/epoll.h>

#define OOM_MEMORY ((size_t)64 << 10)
#define PAUSE_MOST 32 /* milliseconds; twice as many in all */

/* gone: with its cgroup. */
static uint64_t count(const struct task *t, bool *gone)
{
	int64_t n = t->oom_counter < 0 ? 0 : oom_count(t->oom_counter);
	*gone = n == -ENODEV;
	return n < 0 ? t->oom_kills : (uint64_t)n;
}

/* For who wonders: a container without a limit, or far below it, dies of its pod's. */
static void log_limit(const struct task *t)
{
	char path[4096];
	struct cgroup cg = { 0 };
	auto_arena *a = arena_new(OOM_MEMORY);
	if (!a || !t->container || cgroup_open(&t->container->state.cgroups, a, &cg, NULL) < 0)
		return;
	oom_limit(&cg, path, sizeof(path));
	cgroup_close(&cg);
	log_warn("container %s: a process was killed for lack of memory: %s has reached its limit",
		 t->id, *path ? path : "the machine");
}

static void tell(struct task *t, uint64_t n)
{
	Containerd__Events__TaskOOM event = CONTAINERD__EVENTS__TASK_OOM__INIT;
	event.container_id = (char *)(uintptr_t)t->id;
	if (n > t->oom_kills) {
		t->oom_kills = n;
		log_limit(t);
		events_publish(t->shim->events, EVENT_OOM, &event);
	}
}

static void stop_waiting(struct task *t)
{
	if (t->oom_again.fd < 0)
		return;
	loop_remove(t->shim->loop, &t->oom_again);
	put_fd(&t->oom_again.fd, -1);
}

static void look_again(void *arg, uint32_t events)
{
	struct task *t = arg;
	bool gone = false;
	uint64_t n = count(t, &gone);
	(void)events;
	t->oom_pause *= 2;
	if (n <= t->oom_kills && t->oom_pause <= PAUSE_MOST &&
	    timer_set(t->oom_again.fd, t->oom_pause, 0) == 0)
		return;
	stop_waiting(t);
	tell(t, n);
	task_go_on(t);
}

/* v1 tells before it kills, also of its parents and of its own removal; and nothing tells when its
 * counter has risen, which takes microseconds on a machine that is not busy. */
static bool wait_for_count(struct task *t)
{
	if (t->oom_again.fd >= 0)
		return true;
	int fd = timer_new(1, 0);
	t->oom_pause = 1;
	t->oom_again = (struct watch){ .fd = fd < 0 ? -1 : fd, .ready = look_again, .arg = t };
	if (fd < 0 || loop_add(t->shim->loop, &t->oom_again, EPOLLIN) == 0)
		return fd >= 0;
	put_fd(&t->oom_again.fd, -1);
	return false;
}

bool oom_look(struct task *t)
{
	bool gone = false;
	uint64_t times = 0;
	if (t->oom.fd >= 0 && oom_changed(t->oom.fd, &times))
		t->oom_uncounted = true;
	uint64_t n = count(t, &gone);
	if (times && n <= t->oom_kills && wait_for_count(t))
		return false;
	tell(t, n);
	if (!gone)
		t->oom_uncounted = false;
	return t->oom_again.fd < 0;
}

void oom_missed(struct task *t)
{
	if (t->oom_uncounted)
		tell(t, t->oom_kills + 1);
	t->oom_uncounted = false;
}

static void on_oom(void *arg, uint32_t events)
{
	struct task *t = arg;
	(void)events;
	oom_look(t);
}

void oom_prepare(const struct container *c, int *event, int *counter)
{
	struct err e = { 0 };
	struct cgroup cg = { 0 };
	auto_arena *a = arena_new(OOM_MEMORY);
	int rc = a ? cgroup_open_of(&c->state.cgroups, "memory", a, &cg, &e) : -ENOMEM;
	*event = *counter = -1;
	if (rc == 0) {
		*counter = oom_counter(&cg);
		*event = rc = oom_open(&cg);
		cgroup_close(&cg);
	}
	if (rc < 0 && rc != -ENOENT)
		log_warn("container %s: out of memory is told at its end only: %s", c->id,
			 strerror(-rc));
}

void oom_watch(struct task *t, int *event, int *counter)
{
	put_fd(&t->oom_counter, take_fd(counter));
	t->oom = (struct watch){ .fd = take_fd(event), .ready = on_oom, .arg = t };
	if (t->oom.fd >= 0 && loop_add(t->shim->loop, &t->oom, EPOLLIN) < 0)
		put_fd(&t->oom.fd, -1);
}

void oom_unwatch(struct task *t)
{
	stop_waiting(t);
	put_fd(&t->oom_counter, -1);
	if (t->oom.fd < 0)
		return;
	loop_remove(t->shim->loop, &t->oom);
	put_fd(&t->oom.fd, -1);
}

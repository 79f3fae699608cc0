/* loop.c - the one event loop of a process, around epoll. */
#include "base/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define BATCH 64 /* lengthy ones that wait are in it, too, and are not to hide others */

struct loop {
	int fd;
	bool stopped;
	int count; /* of the batch being handled */
	struct epoll_event batch[BATCH];
	const void *last; /* of the lengthy ones, as an address only: it may be gone */
};

struct loop *loop_new(void)
{
	struct loop *l = calloc(1, sizeof(*l));
	if (!l)
		return NULL;
	l->fd = epoll_create1(EPOLL_CLOEXEC);
	if (l->fd < 0) {
		free(l);
		return NULL;
	}
	return l;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	close(l->fd);
	free(l);
}

static int control(struct loop *l, int op, struct watch *w, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = w };
	return epoll_ctl(l->fd, op, w->fd, &ev) < 0 ? -errno : 0;
}

int loop_add(struct loop *l, struct watch *w, uint32_t events)
{
	return control(l, EPOLL_CTL_ADD, w, events);
}

int loop_change(struct loop *l, struct watch *w, uint32_t events)
{
	return control(l, EPOLL_CTL_MOD, w, events);
}

void loop_remove(struct loop *l, struct watch *w)
{
	control(l, EPOLL_CTL_DEL, w, 0);
	for (int i = 0; i < l->count; i++)
		if (l->batch[i].data.ptr == w)
			l->batch[i].data.ptr = NULL;
}

static bool handle(struct loop *l, int i, bool lengthy)
{
	struct epoll_event ev = l->batch[i];
	struct watch *w = ev.data.ptr;
	if (!w || w->lengthy != lengthy)
		return false;
	l->batch[i].data.ptr = NULL;
	if (lengthy)
		l->last = w;
	w->ready(w->arg, ev.events);
	return true;
}

/* One lengthy one at the most, and last: of the others epoll tells again. In the same order, so
 * that it is the next one's turn, not that of one that is always ready. */
static void handle_batch(struct loop *l)
{
	int next = 0;
	for (int i = 0; i < l->count; i++)
		if (l->batch[i].data.ptr == l->last)
			next = i + 1;
	for (int i = 0; !l->stopped && i < l->count; i++)
		handle(l, i, false);
	for (int i = 0; !l->stopped && i < l->count; i++)
		if (handle(l, (next + i) % l->count, true))
			break;
	l->count = 0;
}

int loop_run(struct loop *l)
{
	l->stopped = false;
	while (!l->stopped) {
		l->count = epoll_wait(l->fd, l->batch, BATCH, -1);
		if (l->count < 0 && errno != EINTR)
			return -errno;
		handle_batch(l);
	}
	return 0;
}

void loop_stop(struct loop *l)
{
	l->stopped = true;
}

static struct timespec from_ms(uint64_t ms)
{
	return (struct timespec){ .tv_sec = (time_t)(ms / 1000),
				  .tv_nsec = (long)(ms % 1000) * 1000000 };
}

int timer_set(int fd, uint64_t ms, uint64_t period_ms)
{
	struct itimerspec t = { .it_value = from_ms(ms), .it_interval = from_ms(period_ms) };
	return timerfd_settime(fd, 0, &t, NULL) < 0 ? -errno : 0;
}

int timer_new(uint64_t ms, uint64_t period_ms)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	int rc = timer_set(fd, ms, period_ms);
	if (rc < 0)
		close(fd);
	return rc < 0 ? rc : fd;
}

void signals_ending(sigset_t *out)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction now;
	sigemptyset(out);
	for (size_t i = 0; i < 3; i++)
		if (sigaction(ends[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
			sigaddset(out, ends[i]);
}

void signals_hold(sigset_t *was)
{
	sigset_t ends;
	signals_ending(&ends);
	sigprocmask(SIG_BLOCK, &ends, was);
}

int signals_fd_of(const sigset_t *set)
{
	if (sigprocmask(SIG_BLOCK, set, NULL) < 0)
		return -errno;
	int fd = signalfd(-1, set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

int signals_fd(const int *list)
{
	sigset_t set;
	sigemptyset(&set);
	for (; *list; list++)
		sigaddset(&set, *list);
	return signals_fd_of(&set);
}

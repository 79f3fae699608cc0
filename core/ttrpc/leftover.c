/* leftover.c - what a process left in its output FIFOs before their reader came. */
#include "ttrpc/leftover.h"
#include "base/file.h"

#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>

#define PATIENCE_MS 1000

static bool unread(int hold)
{
	int n = 0;
	return hold >= 0 && ioctl(hold, FIONREAD, &n) == 0 && n > 0;
}

static void unwatch(struct leftover *l, struct watch *w)
{
	if (w->fd < 0)
		return;
	loop_remove(l->loop, w);
	put_fd(&w->fd, -1);
}

static void finish(struct leftover *l)
{
	void (*done)(void *) = l->done;
	unwatch(l, &l->opened);
	unwatch(l, &l->timer);
	l->done = NULL;
	if (done)
		done(l->arg); /* may free l */
}

/* A write end of a FIFO without any reader has an error. Whoever reads has the rest, too. */
static void look(struct leftover *l)
{
	bool waits = false;
	for (int i = 0; i < 2; i++) {
		struct pollfd p = { .fd = l->fds[i] };
		if (l->fds[i] >= 0 && poll(&p, 1, 0) > 0 && (p.revents & POLLERR))
			waits = true;
		else
			put_fd(&l->fds[i], -1);
	}
	if (!waits)
		finish(l);
}

static void on_opened(void *arg, uint32_t events)
{
	struct leftover *l = arg;
	char drop[4096];
	(void)events;
	if (read(l->opened.fd, drop, sizeof(drop)) > 0)
		look(l);
}

static void on_timer(void *arg, uint32_t events)
{
	(void)events;
	finish(arg);
}

/* Our end for reading becomes one for writing: only so others are told from us. */
static void keep(struct leftover *l, int i, int *hold)
{
	char path[32];
	if (!unread(*hold))
		return;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", *hold);
	int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return;
	inotify_add_watch(l->opened.fd, path, IN_OPEN);
	l->fds[i] = fd;
	put_fd(hold, -1);
}

static int watch(struct leftover *l, struct watch *w, int fd, void (*ready)(void *, uint32_t))
{
	*w = (struct watch){ fd, ready, l };
	return fd < 0 ? fd : loop_add(l->loop, w, EPOLLIN);
}

void leftover_wait(struct leftover *l, struct loop *loop, int hold[2], void (*done)(void *arg),
		   void *arg)
{
	*l = (struct leftover){ .loop = loop,
				.opened.fd = -1,
				.timer.fd = -1,
				.fds = { -1, -1 },
				.done = done,
				.arg = arg };
	if (!unread(hold[0]) && !unread(hold[1])) {
		finish(l);
		return;
	}
	if (watch(l, &l->opened, inotify_init1(IN_NONBLOCK | IN_CLOEXEC), on_opened) < 0 ||
	    watch(l, &l->timer, timer_new(PATIENCE_MS, 0), on_timer) < 0) {
		finish(l);
		return;
	}
	keep(l, 0, &hold[0]);
	keep(l, 1, &hold[1]);
	look(l);
}

void leftover_free(struct leftover *l)
{
	l->done = NULL;
	finish(l);
	put_fd(&l->fds[0], -1);
	put_fd(&l->fds[1], -1);
}

/* stdio.c - the terminal we were started on, and bytes carried between it and a container's. */
#include "monitor/stdio.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

int terminal_raw(struct terminal *t, int fd, struct err *e)
{
	struct termios raw;
	t->fd = -1;
	if (tcgetattr(fd, &t->saved) < 0)
		return 0;
	raw = t->saved;
	cfmakeraw(&raw);
	raw.c_oflag |= t->saved.c_oflag & OPOST; /* the other terminal may leave that to us */
	if (tcsetattr(fd, TCSANOW, &raw) < 0)
		return fail(e, errno, "set the terminal to raw mode");
	t->fd = fd;
	return 0;
}

void terminal_restore(struct terminal *t)
{
	if (t->fd >= 0)
		tcsetattr(t->fd, TCSANOW, &t->saved);
	t->fd = -1;
}

static bool window(struct winsize *w)
{
	for (int fd = 0; fd < 3; fd++)
		if (ioctl(fd, TIOCGWINSZ, w) == 0 && w->ws_row && w->ws_col)
			return true;
	return false;
}

void terminal_copy_size(int to)
{
	struct winsize w;
	if (window(&w))
		ioctl(to, TIOCSWINSZ, &w);
}

bool terminal_size(unsigned *rows, unsigned *columns)
{
	struct winsize w;
	if (!window(&w))
		return false;
	*rows = w.ws_row;
	*columns = w.ws_col;
	return true;
}

int stdio_reopen(int fd, int flags)
{
	char path[32];
	struct stat st;
	if (fstat(fd, &st) < 0 || (!S_ISCHR(st.st_mode) && !S_ISFIFO(st.st_mode)))
		return -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, flags | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
}

static void unwatch(struct relay *r, struct watch *w, bool *watched)
{
	if (*watched)
		loop_remove(r->loop, w);
	*watched = false;
}

/* Waits for the one side or the other. */
static void wait_for(struct relay *r, bool write)
{
	struct watch *w = write ? &r->to : &r->from, *other = write ? &r->from : &r->to;
	bool *watched = write ? &r->to_watched : &r->from_watched;
	unwatch(r, other, write ? &r->from_watched : &r->to_watched);
	if (!*watched)
		*watched = loop_add(r->loop, w, write ? EPOLLOUT : EPOLLIN) == 0;
}

/* Writes what there is. False: `to` is full. */
static bool put(struct relay *r)
{
	while (r->at < r->len) {
		ssize_t n = r->error ? (ssize_t)(r->len - r->at)
				     : write(r->to.fd, r->buf + r->at, r->len - r->at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return false;
		if (n < 0)
			r->error = errno;
		else
			r->at += (size_t)n;
	}
	r->at = r->len = 0;
	return true;
}

/* Reads once. False: nothing there now. */
static bool get(struct relay *r)
{
	ssize_t n;
	do {
		n = read(r->from.fd, r->buf, sizeof(r->buf));
	} while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return false;
	if (n <= 0) {
		r->ended = true;
		n = r->farewell ? 1 : 0;
		r->buf[0] = r->farewell;
	}
	r->len = (size_t)n;
	return true;
}

/* One read for each readiness: `from` may be a blocking fd that others share. */
static void pump(struct relay *r, bool readable)
{
	for (;;) {
		if (!put(r)) {
			wait_for(r, true);
			return;
		}
		if (r->ended) {
			relay_stop(r);
			return;
		}
		if ((!readable && r->from_polled) || !get(r)) {
			wait_for(r, false);
			return;
		}
		readable = false;
	}
}

static void on_from(void *arg, uint32_t events)
{
	(void)events;
	pump(arg, true);
}

static void on_to(void *arg, uint32_t events)
{
	(void)events;
	pump(arg, false);
}

int relay_start(struct relay *r, struct loop *l, int from, int to, struct err *e)
{
	r->loop = l;
	r->from = (struct watch){ from, on_from, r };
	r->to = (struct watch){ to, on_to, r };
	int rc = loop_add(l, &r->from, EPOLLIN);
	if (rc < 0 && rc != -EPERM)
		return fail(e, rc, "watch stdio");
	r->from_watched = r->from_polled = rc == 0;
	if (!r->from_polled)
		pump(r, true);
	return 0;
}

void relay_finish(struct relay *r)
{
	size_t n = 0;
	if (!r->loop)
		return;
	do {
		n += r->len;
		while (!put(r)) {
			struct pollfd p = { .fd = r->to.fd, .events = POLLOUT };
			poll(&p, 1, -1);
		}
	} while (!r->ended && n < STDIO_LEFT && get(r));
	relay_stop(r);
}

void relay_stop(struct relay *r)
{
	if (!r->loop)
		return;
	unwatch(r, &r->from, &r->from_watched);
	unwatch(r, &r->to, &r->to_watched);
	r->ended = true;
}

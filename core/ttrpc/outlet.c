/* outlet.c - what a process writes into pipes of ours, moved on into the FIFOs of its clients. */
#include "ttrpc/outlet.h"
#include "base/file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>

#define END_MS	 1000
#define DRAIN_MS 10000
#define MOST	 ((size_t)1 << 20) /* of a pipe; it holds less */

/* One stream. */
struct conduit {
	struct outlet *outlet;
	struct watch from, to;
	bool full; /* the FIFO: its room is waited for */
	int left;  /* bytes that its process had written when it ended */
};

struct outlet {
	struct loop *loop;
	struct conduit streams[2];
	struct watch timer;
	bool all; /* is waited for, not what is left alone */
	void (*done)(void *arg);
	void *arg;
};

static int unread(const struct conduit *c)
{
	int n = 0;
	return ioctl(c->from.fd, FIONREAD, &n) < 0 ? 0 : n;
}

static int listen_to(struct conduit *c, bool full)
{
	struct loop *l = c->outlet->loop;
	if (c->full == full)
		return 0;
	c->full = full;
	loop_remove(l, full ? &c->from : &c->to);
	return full ? loop_add(l, &c->to, EPOLLOUT) : loop_add(l, &c->from, EPOLLIN);
}

static void close_conduit(struct conduit *c)
{
	if (c->from.fd < 0)
		return;
	loop_remove(c->outlet->loop, c->full ? &c->to : &c->from);
	put_fd(&c->from.fd, -1);
	put_fd(&c->to.fd, -1);
}

/* Whether there may be more to move. */
static bool move(struct conduit *c)
{
	ssize_t n = splice(c->from.fd, NULL, c->to.fd, NULL, MOST, SPLICE_F_NONBLOCK);
	if (n < 0 && errno == EINTR)
		return true;
	bool later = n < 0 && errno == EAGAIN;
	if (n > 0)
		c->left -= n < c->left ? (int)n : c->left;
	if ((n > 0 && listen_to(c, false) == 0) || (later && listen_to(c, unread(c) > 0) == 0))
		return n > 0;
	close_conduit(c);
	return false;
}

static bool is_done(const struct outlet *o)
{
	for (int i = 0; i < 2; i++)
		if (o->streams[i].from.fd >= 0 && (o->all || o->streams[i].left > 0))
			return false;
	return true;
}

static void stop_timer(struct outlet *o)
{
	if (o->timer.fd >= 0)
		loop_remove(o->loop, &o->timer);
	put_fd(&o->timer.fd, -1);
}

static void tell(struct outlet *o)
{
	void (*done)(void *) = o->done;
	stop_timer(o);
	o->done = NULL;
	if (done)
		done(o->arg); /* may free o */
}

/* Who has ended by now is not waited for in another round. */
static void on_ready(void *arg, uint32_t events)
{
	struct conduit *c = arg;
	while (move(c) && (events & EPOLLHUP))
		;
	if (is_done(c->outlet))
		tell(c->outlet);
}

static void on_timer(void *arg, uint32_t events)
{
	(void)events;
	tell(arg);
}

struct outlet *outlet_new(struct loop *l, int from[2], int to[2])
{
	struct outlet *o = calloc(1, sizeof(*o));
	int rc = 0;
	if (!o)
		return NULL;
	o->loop = l;
	o->timer.fd = -1;
	for (int i = 0; i < 2; i++) {
		struct conduit *c = &o->streams[i];
		*c = (struct conduit){ .outlet = o,
				       .from = { take_fd(&from[i]), on_ready, c },
				       .to = { take_fd(&to[i]), on_ready, c } };
		if (rc == 0 && c->from.fd >= 0)
			rc = loop_add(l, &c->from, EPOLLIN);
	}
	if (rc == 0)
		return o;
	outlet_free(o);
	errno = -rc;
	return NULL;
}

bool outlet_is_open(const struct outlet *o)
{
	return o->streams[0].from.fd >= 0 || o->streams[1].from.fd >= 0;
}

static void wait_for(struct outlet *o, uint64_t ms, void (*done)(void *arg), void *arg)
{
	stop_timer(o);
	o->done = done;
	o->arg = arg;
	if (!is_done(o)) {
		o->timer = (struct watch){ timer_new(ms, 0), on_timer, o };
		if (o->timer.fd >= 0 && loop_add(o->loop, &o->timer, EPOLLIN) == 0)
			return;
	}
	tell(o);
}

void outlet_end(struct outlet *o, void (*done)(void *arg), void *arg)
{
	for (int i = 0; i < 2; i++) {
		struct conduit *c = &o->streams[i];
		if (c->from.fd < 0)
			continue;
		c->left = unread(c);
		bool more;
		do {
			more = move(c);
		} while (more && c->left > 0);
		if (more) /* maybe its end */
			move(c);
	}
	wait_for(o, END_MS, done, arg);
}

void outlet_drain(struct outlet *o, void (*done)(void *arg), void *arg)
{
	o->all = true;
	wait_for(o, DRAIN_MS, done, arg);
}

void outlet_free(struct outlet *o)
{
	if (!o)
		return;
	stop_timer(o);
	for (int i = 0; i < 2; i++) {
		if (o->streams[i].from.fd >= 0)
			move(&o->streams[i]);
		close_conduit(&o->streams[i]);
	}
	free(o);
}

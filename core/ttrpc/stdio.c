/* stdio.c - the standard streams of a container's process, while it lives and until its output is
 * where it belongs. */
#include "ttrpc/stdio.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "ttrpc/leftover.h"
#include "ttrpc/outlet.h"
#include "ttrpc/reader.h"
#include "ttrpc/terminal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define PATIENCE_MS 1000
#define LATE_MS	    10

struct stdio {
	struct loop *loop;
	int end[STREAM_ENDS];
	bool input_closed;
	struct watch patience; /* while its feed awaits a writer, */
	uint64_t until;	       /* in ms */
	struct terminal *terminal;
	struct outlet *outlet;
	struct leftover leftover;
	const char *id;
	bool logged;
	struct reader readers[2];
	void (*done)(void *arg);
	void *arg;
};

struct stdio *stdio_new(struct loop *l, const char *id, int end[STREAM_ENDS])
{
	struct stdio *s = malloc(sizeof(*s));
	if (s) {
		*s = (struct stdio){ .loop = l,
				     .id = id,
				     .patience.fd = -1,
				     .leftover = {
					     .opened.fd = -1, .timer.fd = -1, .fds = { -1, -1 } } };
		for (int i = 0; i < 2; i++)
			s->readers[i] = (struct reader){ .closed.fd = -1, .tick.fd = -1 };
		memcpy(s->end, end, sizeof(s->end));
	}
	for (int i = 0; i < STREAM_ENDS; i++)
		if (s)
			end[i] = -1;
		else
			put_fd(&end[i], -1);
	if (!s || (s->end[STREAM_PIPE_OUT] < 0 && s->end[STREAM_PIPE_ERR] < 0))
		return s;
	s->outlet = outlet_new(l, &s->end[STREAM_PIPE_OUT], &s->end[STREAM_FIFO_OUT]);
	if (s->outlet)
		return s;
	stdio_free(s);
	return NULL;
}

static void watch_readers(struct stdio *s, bool dead)
{
	static const char *const what[] = { "stdout", "stderr" };
	for (int i = 0; i < 2; i++) {
		int hold = s->end[STREAM_HOLD_OUT + i];
		if (hold < 0)
			continue;
		s->readers[i].id = s->id;
		s->readers[i].what = what[i];
		int rc = reader_start(&s->readers[i], s->loop, hold, dead);
		if (rc < 0)
			log_warn("container %s: its %s waits for readers: %s", s->id, what[i],
				 strerror(-rc));
	}
}

void stdio_drop(struct stdio *s)
{
	watch_readers(s, false);
}

void stdio_logged(struct stdio *s)
{
	s->logged = true;
}

void stdio_unread(struct stdio *s)
{
	watch_readers(s, true);
}

int stdio_terminal(struct stdio *s, int master, struct err *e)
{
	s->terminal = terminal_new(s->loop, master, take_fd(&s->end[STREAM_PTY_IN]),
				   take_fd(&s->end[STREAM_PTY_OUT]));
	return s->terminal ? 0 : fail(e, errno, "terminal");
}

static void end_feed(struct stdio *s)
{
	if (s->patience.fd >= 0)
		loop_remove(s->loop, &s->patience);
	put_fd(&s->patience.fd, -1);
	put_fd(&s->end[STREAM_FEED], -1);
}

void stdio_run(struct stdio *s, bool outlives)
{
	if (s->end[STREAM_IN] < 0)
		return;
	if (streams_feed(s->end) != outlives || s->input_closed)
		end_feed(s);
}

static uint64_t now_ms(void)
{
	return clock_monotonic_ns() / 1000000;
}

/* Whoever still writes then keeps it open himself. */
static void look(struct stdio *s, uint64_t again_ms)
{
	uint64_t now = now_ms();
	if (now >= s->until || streams_written(s->end[STREAM_FEED]))
		end_feed(s);
	else
		timer_set(s->patience.fd, s->until - now < again_ms ? s->until - now : again_ms, 0);
}

static void on_patience(void *arg, uint32_t events)
{
	(void)events;
	look(arg, PATIENCE_MS);
}

/* SIGIO, as no poll tells of what the process has read by then. */
void stdio_await_writer(struct stdio *s)
{
	int feed = s->end[STREAM_FEED];
	if (feed < 0)
		return;
	s->patience = (struct watch){ timer_new(0, 0), on_patience, s };
	s->until = now_ms() + PATIENCE_MS;
	if (s->patience.fd < 0 || loop_add(s->loop, &s->patience, EPOLLIN) < 0 ||
	    fcntl(feed, F_SETOWN, getpid()) < 0 || fcntl(feed, F_SETFL, O_NONBLOCK | O_ASYNC) < 0)
		end_feed(s);
	else
		stdio_look(s);
}

/* The kernel sends it before it sets the FIFO's time, and the process may be first. */
void stdio_look(struct stdio *s)
{
	if (s->patience.fd >= 0)
		look(s, LATE_MS);
}

void stdio_close_stdin(struct stdio *s)
{
	s->input_closed = true;
	end_feed(s);
	if (s->terminal)
		terminal_close_input(s->terminal);
}

int stdio_resize(struct stdio *s, uint32_t width, uint32_t height)
{
	return s->terminal ? terminal_resize(s->terminal, width, height) : -ENOTTY;
}

static void report_lost(const struct stdio *s)
{
	int error;
	uint64_t lost = s->terminal ? terminal_lost(s->terminal, &error) : 0;
	if (lost)
		log_warn("container %s: %llu bytes of its terminal's output were lost: %s", s->id,
			 (unsigned long long)lost, strerror(error));
}

/* All that it wrote is in the FIFOs. */
static void on_written(void *arg)
{
	struct stdio *s = arg;
	report_lost(s);
	for (int i = 0; i < 2; i++) {
		reader_stop(&s->readers[i]);
		if (s->logged)
			put_fd(&s->end[STREAM_HOLD_OUT + i], -1);
	}
	if (s->outlet && outlet_is_open(s->outlet)) /* as long as it is we hold the FIFOs */
		s->done(s->arg);
	else
		leftover_wait(&s->leftover, s->loop, &s->end[STREAM_HOLD_OUT], s->done, s->arg);
}

void stdio_end(struct stdio *s, void (*done)(void *arg), void *arg)
{
	s->done = done;
	s->arg = arg;
	end_feed(s);
	if (s->terminal)
		terminal_end(s->terminal, on_written, s);
	else if (s->outlet)
		outlet_end(s->outlet, on_written, s);
	else
		on_written(s);
}

void stdio_drain(struct stdio *s, void (*done)(void *arg), void *arg)
{
	if (s->outlet)
		outlet_drain(s->outlet, done, arg);
	else
		done(arg);
}

void stdio_free(struct stdio *s)
{
	if (!s)
		return;
	end_feed(s);
	terminal_free(s->terminal);
	outlet_free(s->outlet);
	for (int i = 0; i < 2; i++)
		reader_stop(&s->readers[i]);
	leftover_free(&s->leftover);
	for (int i = 0; i < STREAM_ENDS; i++)
		put_fd(&s->end[i], -1);
	free(s);
}

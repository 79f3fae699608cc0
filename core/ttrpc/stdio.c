/* stdio.c - the standard streams of a container's process, while it lives and until its output is
 * where it belongs. */
#include "ttrpc/stdio.h"
#include "base/file.h"
#include "base/log.h"
#include "ttrpc/leftover.h"
#include "ttrpc/outlet.h"
#include "ttrpc/reader.h"
#include "ttrpc/terminal.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct stdio {
	struct loop *loop;
	int end[STREAM_ENDS];
	bool input_closed;
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

void stdio_hold(struct stdio *s)
{
	if (s->end[STREAM_IN] >= 0 && s->end[STREAM_FEED] < 0 && !s->input_closed)
		s->end[STREAM_FEED] = streams_feed(s->end[STREAM_IN]);
}

void stdio_run(struct stdio *s)
{
	put_fd(&s->end[STREAM_IN], -1);
}

void stdio_close_stdin(struct stdio *s)
{
	s->input_closed = true;
	put_fd(&s->end[STREAM_FEED], -1);
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
	put_fd(&s->end[STREAM_FEED], -1);
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
	terminal_free(s->terminal);
	outlet_free(s->outlet);
	for (int i = 0; i < 2; i++)
		reader_stop(&s->readers[i]);
	leftover_free(&s->leftover);
	for (int i = 0; i < STREAM_ENDS; i++)
		put_fd(&s->end[i], -1);
	free(s);
}

/* terminal.c - a pty's master copied to and from FIFOs, with backpressure. */
#include "ttrpc/terminal.h"
#include "base/file.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>

#define CHUNK	    4096
#define PATIENCE_MS 1000

/* One direction. Memory only while the taker is slower than the giver. */
struct flow {
	struct watch *from, *to;
	char *held;
	size_t len, sent;
	bool closing; /* ends once what was there to read then is taken */
	size_t left;
	bool ended;
	uint64_t lost; /* bytes that could not be written, for this error */
	int error;
};

struct terminal {
	struct loop *loop;
	struct watch master, in, out, timer;
	uint32_t master_events, in_events, out_events; /* 0: not watched */
	struct flow input, output;
	void (*drained)(void *arg);
	void *arg;
};

static void set_events(struct terminal *t, struct watch *w, uint32_t *now, uint32_t events)
{
	if (w->fd < 0 || *now == events)
		return;
	if (!events)
		loop_remove(t->loop, w);
	else if (!*now)
		loop_add(t->loop, w, events);
	else
		loop_change(t->loop, w, events);
	*now = events;
}

/* Who is watched for what follows from what is held. */
static void set_watches(struct terminal *t)
{
	bool in_full = t->input.len, out_full = t->output.len;
	uint32_t master = 0;
	if (!t->output.ended && !out_full)
		master |= EPOLLIN;
	if (in_full)
		master |= EPOLLOUT;
	set_events(t, &t->master, &t->master_events, master);
	set_events(t, &t->in, &t->in_events, !in_full && !t->input.ended ? EPOLLIN : 0);
	set_events(t, &t->out, &t->out_events, out_full ? EPOLLOUT : 0);
}

static void close_watch(struct terminal *t, struct watch *w, uint32_t *now)
{
	set_events(t, w, now, 0);
	put_fd(&w->fd, -1);
}

static void drop_held(struct flow *f)
{
	free(f->held);
	f->held = NULL;
	f->len = f->sent = 0;
}

/* Keeps what the taker would not take. */
static int hold(struct flow *f, const char *p, size_t n)
{
	f->held = malloc(n);
	if (!f->held)
		return -ENOMEM;
	memcpy(f->held, p, n);
	f->len = n;
	f->sent = 0;
	return 0;
}

/* How much of p was taken. After errors other than "not now" all is, and counted: its writer is not
 * to wait for ever. */
static size_t give(struct flow *f, const char *p, size_t n)
{
	size_t done = 0;
	int fd = f->to->fd;
	while (done < n) {
		ssize_t k = fd < 0 ? (ssize_t)(n - done) : write(fd, p + done, n - done);
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0 && errno == EAGAIN)
			break;
		if (k < 0) {
			f->error = errno;
			f->lost += n - done;
		}
		done += k < 0 ? n - done : (size_t)k;
	}
	return done;
}

static void move(struct flow *f)
{
	char chunk[CHUNK];
	size_t most = f->closing && f->left < sizeof(chunk) ? f->left : sizeof(chunk);
	ssize_t n = read(f->from->fd, chunk, most);
	if (n < 0 && (errno == EINTR || (errno == EAGAIN && !f->closing)))
		return;
	if (n <= 0) {
		f->ended = true;
		return;
	}
	f->left -= f->closing ? (size_t)n : 0;
	size_t done = give(f, chunk, (size_t)n);
	if (done < (size_t)n && hold(f, chunk + done, (size_t)n - done) < 0)
		f->ended = true;
}

static void push(struct flow *f)
{
	f->sent += give(f, f->held + f->sent, f->len - f->sent);
	if (f->sent == f->len)
		drop_held(f);
}

static void tell(struct terminal *t)
{
	void (*drained)(void *) = t->drained;
	if (!drained)
		return;
	t->drained = NULL;
	drained(t->arg); /* may free t */
}

static void end_input(struct terminal *t)
{
	t->input.ended = true;
	drop_held(&t->input);
	close_watch(t, &t->in, &t->in_events);
}

/* After every step: watch the right things; at the very end let the reader see the end. */
static void go_on(struct terminal *t)
{
	while (t->input.closing && !t->input.len && !t->input.ended)
		move(&t->input);
	if (t->input.ended && !t->input.len)
		end_input(t);
	set_watches(t);
	if (!t->output.ended || t->output.len)
		return;
	close_watch(t, &t->out, &t->out_events);
	tell(t);
}

static void on_master(void *arg, uint32_t events)
{
	struct terminal *t = arg;
	if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) && t->input.len)
		push(&t->input);
	if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) && !t->output.len && !t->output.ended)
		move(&t->output);
	go_on(t);
}

static void on_in(void *arg, uint32_t events)
{
	struct terminal *t = arg;
	(void)events;
	move(&t->input);
	go_on(t);
}

static void on_out(void *arg, uint32_t events)
{
	struct terminal *t = arg;
	(void)events;
	if (t->output.len)
		push(&t->output);
	go_on(t);
}

static void on_timer(void *arg, uint32_t events)
{
	struct terminal *t = arg;
	uint64_t times;
	(void)events;
	if (read(t->timer.fd, &times, sizeof(times)) > 0)
		tell(t);
}

struct terminal *terminal_new(struct loop *l, int master, int in, int out)
{
	struct terminal *t = calloc(1, sizeof(*t));
	if (!t) {
		close(master);
		close_fdp(&in);
		close_fdp(&out);
		errno = ENOMEM;
		return NULL;
	}
	*t = (struct terminal){ .loop = l,
				.master = { .fd = master, .ready = on_master, .arg = t },
				.in = { .fd = in, .ready = on_in, .arg = t },
				.out = { .fd = out, .ready = on_out, .arg = t },
				.timer = { .fd = -1, .ready = on_timer, .arg = t } };
	t->input = (struct flow){ .from = &t->in, .to = &t->master, .ended = in < 0 };
	t->output = (struct flow){ .from = &t->master, .to = &t->out };
	fcntl(master, F_SETFL, fcntl(master, F_GETFL) | O_NONBLOCK);
	set_watches(t);
	return t;
}

int terminal_resize(struct terminal *t, uint32_t width, uint32_t height)
{
	struct winsize w = { .ws_col = (unsigned short)width, .ws_row = (unsigned short)height };
	return ioctl(t->master.fd, TIOCSWINSZ, &w) < 0 ? -errno : 0;
}

void terminal_close_input(struct terminal *t)
{
	int n = 0;
	if (!t->input.closing && t->in.fd >= 0 && ioctl(t->in.fd, FIONREAD, &n) == 0 && n > 0)
		t->input.left = (size_t)n;
	t->input.closing = true;
	go_on(t);
}

void terminal_end(struct terminal *t, void (*drained)(void *arg), void *arg)
{
	end_input(t);
	t->drained = drained;
	t->arg = arg;
	t->timer.fd = timer_new(PATIENCE_MS, 0);
	if (t->timer.fd < 0 || loop_add(t->loop, &t->timer, EPOLLIN) < 0) {
		tell(t);
		return;
	}
	go_on(t);
}

uint64_t terminal_lost(const struct terminal *t, int *error)
{
	*error = t->output.error;
	return t->output.lost;
}

void terminal_free(struct terminal *t)
{
	if (!t)
		return;
	close_watch(t, &t->master, &t->master_events);
	close_watch(t, &t->in, &t->in_events);
	close_watch(t, &t->out, &t->out_events);
	if (t->timer.fd >= 0)
		loop_remove(t->loop, &t->timer);
	put_fd(&t->timer.fd, -1);
	drop_held(&t->input);
	drop_held(&t->output);
	free(t);
}

/* stdio.c - the standard streams of a container's process, to where containerd wants them. */
#include "ttrpc/stdio.h"
#include "base/file.h"
#include "ttrpc/leftover.h"
#include "ttrpc/logger.h"
#include "ttrpc/terminal.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct stdio {
	struct loop *loop;
	int child[3]; /* the process's own ends, until it runs */
	/* Read ends of its output FIFOs: they keep what was written, and the process alive, while
	 * nobody else reads. */
	int hold[2];
	int feed; /* write end of its input FIFO, so that it sees no end before it is told */
	char *feed_path;
	bool input_closed;
	int pty_in, pty_out; /* for the terminal to come */
	struct terminal *terminal;
	struct logger logger;
	struct leftover leftover;
	void (*done)(void *arg);
	void *arg;
};

static const char *path_of(const char *uri)
{
	return strncmp(uri, "fifo://", 7) ? uri : uri + 7;
}

static bool is_fifo(int fd)
{
	struct stat st;
	return !fstat(fd, &st) && S_ISFIFO(st.st_mode);
}

static int blocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	return flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0 ? -errno : 0;
}

static int open_null(int *slot, struct err *e)
{
	*slot = open("/dev/null", O_RDWR | O_CLOEXEC);
	return *slot < 0 ? fail(e, errno, "open /dev/null") : 0;
}

/* The read end waits for no writer; whether there is one is seen in stdio_hold. */
static int open_input(struct stdio *s, const struct stdio_request *r, struct err *e)
{
	const char *path = path_of(r->in);
	if (!*path)
		return open_null(&s->child[0], e);
	s->child[0] = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (s->child[0] < 0)
		return fail(e, errno, "open stdin %s", path);
	if (blocking(s->child[0]) < 0)
		return fail(e, errno, "stdin %s", path);
	if (!is_fifo(s->child[0]))
		return 0;
	if (r->uid || r->gid)
		(void)!fchown(s->child[0], r->uid, r->gid);
	s->feed_path = strdup(path);
	return s->feed_path ? 0 : fail(e, ENOMEM, "stdin %s", path);
}

static int open_file(const char *path, struct err *e)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	return fd < 0 ? fail(e, errno, "open %s", path) : fd;
}

/* hold: where the read end goes. The write end is of its own, blocking unless said otherwise. */
static int open_fifo(const char *path, int *hold, int flags, struct err *e)
{
	*hold = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (*hold < 0)
		return fail(e, errno, "open %s", path);
	if (!is_fifo(*hold)) {
		put_fd(hold, -1);
		return open_file(path, e);
	}
	int fd = open(path, O_WRONLY | O_CLOEXEC | flags);
	return fd < 0 ? fail(e, errno, "open %s", path) : fd;
}

static int open_output(struct stdio *s, const struct stdio_request *r, int which, struct err *e)
{
	const char *uri = which == 1 ? r->out : r->err;
	if (!*uri)
		return open_null(&s->child[which], e);
	if (!strncmp(uri, "file://", 7))
		s->child[which] = open_file(uri + 7, e);
	else
		s->child[which] = open_fifo(path_of(uri), &s->hold[which - 1], 0, e);
	if (s->child[which] < 0)
		return s->child[which];
	if ((r->uid || r->gid) && s->hold[which - 1] >= 0)
		(void)!fchown(s->child[which], r->uid, r->gid);
	return 0;
}

static int start_logger(struct stdio *s, const struct stdio_request *r, struct err *e)
{
	int rc = logger_start(r->out, r->id, r->namespace_, &s->logger, e);
	if (rc < 0)
		return rc;
	s->child[1] = take_fd(&s->logger.out);
	s->child[2] = take_fd(&s->logger.err);
	s->hold[0] = take_fd(&s->logger.hold_out);
	s->hold[1] = take_fd(&s->logger.hold_err);
	return 0;
}

static bool is_logger(const char *uri)
{
	return !strncmp(uri, "binary://", 9);
}

static int open_streams(struct stdio *s, const struct stdio_request *r, struct err *e)
{
	int rc = open_input(s, r, e);
	if (rc < 0)
		return rc;
	if (is_logger(r->out))
		return start_logger(s, r, e);
	rc = open_output(s, r, 1, e);
	return rc < 0 ? rc : open_output(s, r, 2, e);
}

/* Where the terminal's copies go: opened now, so that a missing FIFO fails before anything is
 * made. */
static int open_for_terminal(struct stdio *s, const struct stdio_request *r, struct err *e)
{
	if (*r->in) {
		s->pty_in = open(path_of(r->in), O_RDWR | O_NONBLOCK | O_CLOEXEC);
		if (s->pty_in < 0)
			return fail(e, errno, "open stdin %s", r->in);
	}
	if (!*r->out)
		return 0;
	if (is_logger(r->out)) {
		int rc = logger_start(r->out, r->id, r->namespace_, &s->logger, e);
		if (rc < 0)
			return rc;
		s->pty_out = take_fd(&s->logger.out);
		s->hold[0] = take_fd(&s->logger.hold_out);
		put_fd(&s->logger.err, -1);
		return fcntl(s->pty_out, F_SETFL, O_NONBLOCK) < 0 ? fail(e, errno, "logger") : 0;
	}
	if (!strncmp(r->out, "file://", 7))
		s->pty_out = open_file(r->out + 7, e);
	else
		s->pty_out = open_fifo(path_of(r->out), &s->hold[0], O_NONBLOCK, e);
	return s->pty_out < 0 ? s->pty_out : 0;
}

int stdio_open(struct loop *l, const struct stdio_request *r, struct stdio **out, int fds[3],
	       struct err *e)
{
	struct stdio *s = calloc(1, sizeof(*s));
	if (!s)
		return fail(e, ENOMEM, "stdio");
	*s = (struct stdio){ .loop = l,
			     .child = { -1, -1, -1 },
			     .hold = { -1, -1 },
			     .feed = -1,
			     .pty_in = -1,
			     .pty_out = -1,
			     .leftover = { .opened.fd = -1, .timer.fd = -1, .fds = { -1, -1 } },
			     .logger = { .out = -1, .err = -1, .hold_out = -1, .hold_err = -1 } };
	int rc = r->terminal ? open_for_terminal(s, r, e) : open_streams(s, r, e);
	if (rc < 0) {
		stdio_free(s);
		return rc;
	}
	memcpy(fds, s->child, sizeof(s->child));
	*out = s;
	return 0;
}

int stdio_terminal(struct stdio *s, int master, struct err *e)
{
	s->terminal = terminal_new(s->loop, master, take_fd(&s->pty_in), take_fd(&s->pty_out));
	return s->terminal ? 0 : fail(e, errno, "terminal");
}

/* Whether somebody has the FIFO open for writing, or waits in open for its reader. POLLHUP tells,
 * once the pipe has seen a writer: so it is shown one. */
static bool has_writer(const struct stdio *s)
{
	struct pollfd p = { .fd = s->child[0] };
	int fd = open(s->feed_path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return false;
	close(fd);
	return poll(&p, 1, 0) == 0 || !(p.revents & POLLHUP);
}

void stdio_hold(struct stdio *s)
{
	if (s->feed_path && !s->input_closed && has_writer(s))
		s->feed = open(s->feed_path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	free(s->feed_path);
	s->feed_path = NULL;
}

void stdio_run(struct stdio *s)
{
	for (int i = 0; i < 3; i++)
		put_fd(&s->child[i], -1);
}

void stdio_close_stdin(struct stdio *s)
{
	s->input_closed = true;
	put_fd(&s->feed, -1);
	if (s->terminal)
		terminal_close_input(s->terminal);
}

int stdio_resize(struct stdio *s, uint32_t width, uint32_t height)
{
	return s->terminal ? terminal_resize(s->terminal, width, height) : -ENOTTY;
}

/* All that it wrote is in the FIFOs. */
static void on_written(void *arg)
{
	struct stdio *s = arg;
	leftover_wait(&s->leftover, s->loop, s->hold, s->done, s->arg);
}

void stdio_end(struct stdio *s, void (*done)(void *arg), void *arg)
{
	s->done = done;
	s->arg = arg;
	put_fd(&s->feed, -1);
	if (s->terminal)
		terminal_end(s->terminal, on_written, s);
	else
		on_written(s);
}

void stdio_free(struct stdio *s)
{
	if (!s)
		return;
	terminal_free(s->terminal);
	leftover_free(&s->leftover);
	logger_close(&s->logger);
	for (int i = 0; i < 3; i++)
		put_fd(&s->child[i], -1);
	put_fd(&s->hold[0], -1);
	put_fd(&s->hold[1], -1);
	put_fd(&s->feed, -1);
	put_fd(&s->pty_in, -1);
	put_fd(&s->pty_out, -1);
	free(s->feed_path);
	free(s);
}

/* streams.c - a process's standard streams as containerd names them, opened. */
#include "ttrpc/streams.h"
#include "base/file.h"
#include "ttrpc/logger.h"
#include "ttrpc/uri.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>

#define URI_MAX 4096

static int reopen(int fd, int flags)
{
	char path[32];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
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

static const char *kind_of(mode_t mode)
{
	return S_ISDIR(mode)	? "a directory"
	       : S_ISLNK(mode)	? "a symbolic link"
	       : S_ISSOCK(mode) ? "a socket"
	       : S_ISBLK(mode)	? "a block device"
				: "a regular file";
}

/* As a place, before anything is opened that could wait or act. A FIFO; *device: or a device. */
static int find_fifo(const char *what, const char *path, bool *device, struct err *e)
{
	struct stat st;
	auto_close int at = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (at < 0 || fstat(at, &st) < 0)
		return fail(e, errno, "%s: open %s", what, path);
	*device = S_ISCHR(st.st_mode);
	if (*device || S_ISFIFO(st.st_mode))
		return take_fd(&at);
	return refuse(e, EINVAL, "%s: %s is %s, not a FIFO%s", what, path, kind_of(st.st_mode),
		      S_ISREG(st.st_mode) ? "; file://PATH names a file" : "");
}

/* The URI's path, or of one without a scheme all of it. */
static const char *fifo_path(const char *uri)
{
	return strncmp(uri, "fifo://", 7) ? uri : uri + 7;
}

static bool has_scheme(const char *uri)
{
	return *uri != '/' && strstr(uri, "://") && strncmp(uri, "fifo://", 7) != 0;
}

static int check_scheme(const char *what, const char *uri, struct err *e)
{
	return has_scheme(uri) ? refuse(e, EINVAL,
					"%s: %s: use a FIFO's path or fifo://, file://, "
					"binary:// or binary-v2://",
					what, uri)
			       : 0;
}

static void give(int fd, const struct streams_request *r)
{
	if (r->uid || r->gid)
		(void)!fchown(fd, r->uid, r->gid);
}

/* The read end waits for no writer. */
static int open_input(const struct streams_request *r, int *in, int *end, struct err *e)
{
	bool device;
	if (!*r->in)
		return in ? open_null(in, e) : 0;
	if (check_scheme("stdin", r->in, e) < 0)
		return -e->code;
	auto_close int at = find_fifo("stdin", fifo_path(r->in), &device, e);
	if (at < 0)
		return at;
	/* A terminal's copy sees no end whoever comes and goes. */
	auto_close int fd = reopen(at, (in ? O_RDONLY : O_RDWR) | O_NONBLOCK);
	if (fd < 0)
		return fail(e, fd, "stdin: open %s", r->in);
	give(fd, r);
	if (in && !device && (*end = fcntl(fd, F_DUPFD_CLOEXEC, 3)) < 0)
		return fail(e, errno, "stdin: open %s", r->in);
	if (in && blocking(fd) < 0)
		return fail(e, errno, "stdin: %s", r->in);
	*(in ? in : end) = take_fd(&fd);
	return 0;
}

static void wake(int signal)
{
	(void)signal;
}

/* A write end. A client that opens its end after all others have gone waits without an end, and it
 * may come to it later than a short process ends: so it is waited for, three seconds at most for
 * both. */
static int open_for_reader(int at)
{
	const struct sigaction woken = { .sa_handler = wake };
	struct itimerval timer;
	int fd = reopen(at, O_WRONLY | O_NONBLOCK);
	if (fd != -ENXIO)
		return fd;
	getitimer(ITIMER_REAL, &timer);
	if (!timerisset(&timer.it_interval)) {
		timer = (struct itimerval){ .it_value.tv_sec = 3, .it_interval.tv_usec = 10000 };
		sigaction(SIGALRM, &woken, NULL);
		setitimer(ITIMER_REAL, &timer, NULL);
	}
	auto_close int waiting = reopen(at, O_WRONLY);
	return waiting < 0 ? waiting : reopen(at, O_WRONLY | O_NONBLOCK);
}

/* hold: where the read end goes. The write end is of its own, blocking unless said otherwise. */
static int open_fifo(const struct streams_request *r, int which, int flags, int *hold,
		     struct err *e)
{
	const char *what = which == 1 ? "stdout" : "stderr", *uri = which == 1 ? r->out : r->err;
	bool device;
	if (check_scheme(what, uri, e) < 0)
		return -e->code;
	auto_close int at = find_fifo(what, fifo_path(uri), &device, e);
	if (at < 0)
		return at;
	auto_close int early = r->piped && !device ? open_for_reader(at) : -1;
	if (!device && (*hold = reopen(at, O_RDONLY | O_NONBLOCK)) < 0)
		return fail(e, *hold, "%s: open %s", what, uri);
	int fd = early < 0 ? reopen(at, O_WRONLY | O_NOCTTY | flags) : take_fd(&early);
	if (fd < 0)
		return fail(e, fd, "%s: open %s", what, uri);
	give(fd, r);
	return fd;
}

static bool is_file(const char *uri)
{
	return !strncmp(uri, "file://", 7);
}

/* Not through a link: where containers may write to the logs' directory, they could lead us
 * anywhere. And waiting for nobody, should it be a FIFO. */
static int open_file(const char *what, const char *uri, struct err *e)
{
	char path[URI_MAX], *slash;
	struct stat st;
	if (snprintf(path, sizeof(path), "%s", uri + 7) >= (int)sizeof(path))
		return fail(e, ENAMETOOLONG, "%s: %.80s...", what, uri);
	path[strcspn(path, "?#")] = 0;
	uri_unescape(path, false);
	if (*path != '/' || !(slash = strrchr(path, '/'))[1])
		return refuse(e, EINVAL, "%s: %s: use file:///PATH, with an absolute path", what,
			      uri);
	*slash = 0;
	auto_close int dir = dir_make(AT_FDCWD, *path ? path : "/", 0755, e);
	if (dir < 0)
		return within(e, "%s: %s", what, uri);
	auto_close int fd = openat(dir, slash + 1,
				   O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK |
					   O_NOCTTY | O_CLOEXEC,
				   0644);
	if (fd < 0 && errno == ELOOP)
		return refuse(e, ELOOP, "%s: %s is a symbolic link; name the file itself", what,
			      uri);
	if (fd < 0 || fstat(fd, &st) < 0 || blocking(fd) < 0)
		return fail(e, errno, "%s: open %s", what, uri);
	return S_ISREG(st.st_mode) || S_ISCHR(st.st_mode)
		       ? take_fd(&fd)
		       : refuse(e, EINVAL, "%s: %s is not a regular file", what, uri);
}

/* Unless that is a device. */
static int open_pipe(struct streams *s, const struct streams_request *r, int which, struct err *e)
{
	int i = which - 1, fds[2];
	int fd = open_fifo(r, which, 0, &s->end[STREAM_HOLD_OUT + i], e);
	if (fd < 0 || s->end[STREAM_HOLD_OUT + i] < 0)
		return fd;
	s->end[STREAM_FIFO_OUT + i] = fd;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return fail(e, errno, "%s: make a pipe", which == 1 ? "stdout" : "stderr");
	s->end[STREAM_PIPE_OUT + i] = fds[0];
	give(fds[1], r);
	return fds[1];
}

/* What comes in one place is to be in its order. */
static bool is_shared(const struct streams *s, const struct streams_request *r)
{
	return *r->err ? s->end[STREAM_PIPE_OUT] >= 0 && !strcmp(r->out, r->err) : is_file(r->out);
}

static int open_output(struct streams *s, const struct streams_request *r, int which, struct err *e)
{
	const char *what = which == 1 ? "stdout" : "stderr", *uri = which == 1 ? r->out : r->err;
	if (which == 2 && is_shared(s, r)) {
		s->child[2] = fcntl(s->child[1], F_DUPFD_CLOEXEC, 3);
		return s->child[2] < 0 ? fail(e, errno, "stderr") : 0;
	}
	if (!*uri)
		return open_null(&s->child[which], e);
	int fd = is_file(uri) ? open_file(what, uri, e)
		 : r->piped   ? open_pipe(s, r, which, e)
			      : open_fifo(r, which, 0, &s->end[STREAM_HOLD_OUT + which - 1], e);
	if (fd < 0)
		return fd;
	s->child[which] = fd;
	return 0;
}

static int start_logger(struct streams *s, const struct streams_request *r, struct err *e)
{
	struct logger l = { .held = -1 };
	const struct logger_request q = { r->out, r->id, r->namespace_, r->witness, r->nice };
	int rc = logger_start(&q, &l, e);
	if (rc < 0)
		return rc;
	s->child[1] = l.out;
	s->child[2] = l.err;
	s->end[STREAM_HOLD_OUT] = l.hold_out;
	s->end[STREAM_HOLD_ERR] = l.hold_err;
	s->end[STREAM_LOGGER] = l.held;
	return 0;
}

static int open_streams(struct streams *s, const struct streams_request *r, struct err *e)
{
	int rc = open_input(r, &s->child[0], &s->end[STREAM_IN], e);
	if (rc < 0)
		return rc;
	if (is_logger(r->out))
		return start_logger(s, r, e);
	rc = open_output(s, r, 1, e);
	return rc < 0 ? rc : open_output(s, r, 2, e);
}

/* Where the terminal's copies go: opened now, so that a missing FIFO fails before anything is
 * made. */
static int open_for_terminal(struct streams *s, const struct streams_request *r, struct err *e)
{
	int rc = open_input(r, NULL, &s->end[STREAM_PTY_IN], e), fd;
	if (rc < 0 || !*r->out)
		return rc;
	if (is_logger(r->out)) {
		rc = start_logger(s, r, e);
		if (rc < 0)
			return rc;
		put_fd(&s->child[2], -1);
		put_fd(&s->end[STREAM_HOLD_ERR], -1);
		fd = take_fd(&s->child[1]);
		if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
			return fail(e, errno, "logger");
	} else {
		fd = is_file(r->out) ? open_file("stdout", r->out, e)
				     : open_fifo(r, 1, O_NONBLOCK, &s->end[STREAM_HOLD_OUT], e);
	}
	s->end[STREAM_PTY_OUT] = fd < 0 ? -1 : fd;
	return fd < 0 ? fd : 0;
}

int streams_open(const struct streams_request *r, struct streams *out, struct err *e)
{
	struct streams s;
	memset(&s, -1, sizeof(s));
	int rc = r->terminal ? open_for_terminal(&s, r, e) : open_streams(&s, r, e);
	if (r->piped) /* its readers are waited for no longer */
		setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, NULL);
	if (rc < 0)
		streams_close(&s);
	else
		*out = s;
	return rc;
}

/* POLLHUP: no writer, once that fd has seen one. POLLIN: bytes. */
static bool has(int in, short events)
{
	struct pollfd p = { .fd = in, .events = POLLIN };
	return poll(&p, 1, 0) > 0 && (p.revents & events) == events;
}

bool streams_written(int feed)
{
	struct stat st;
	return has(feed, POLLIN) || fstat(feed, &st) < 0 || st.st_mtim.tv_sec || st.st_mtim.tv_nsec;
}

bool streams_feed(int end[STREAM_ENDS])
{
	static const struct timespec never[2];
	auto_close int in = take_fd(&end[STREAM_IN]), fd = -1;
	if (in < 0 || has(in, POLLHUP) || (fd = reopen(in, O_WRONLY | O_NONBLOCK)) < 0)
		return false;
	put_fd(&fd, -1); /* now it has */
	bool there = !has(in, POLLHUP);
	/* Bytes are of one who came meanwhile. */
	if (there || (futimens(in, never) == 0 && !has(in, POLLIN)))
		end[STREAM_FEED] = reopen(in, (there ? O_WRONLY : O_RDWR) | O_NONBLOCK);
	return there;
}

void streams_close(struct streams *s)
{
	for (int i = 0; i < 3; i++)
		put_fd(&s->child[i], -1);
	for (int i = 0; i < STREAM_ENDS; i++)
		put_fd(&s->end[i], -1);
}

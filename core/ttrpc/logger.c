/* logger.c - a program that reads a container's output: binary://PROGRAM?KEY=VALUE. */
#include "ttrpc/logger.h"
#include "base/arena.h"
#include "base/fdpass.h"
#include "base/file.h"
#include "base/list.h"
#include "base/proc.h"
#include "base/sys.h"
#include "ttrpc/uri.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define READY_MS      10000
#define LOGGER_MEMORY ((size_t)64 << 10)

struct pipe {
	int r, w;
};

static void close_pipe(struct pipe *p)
{
	close_fdp(&p->r);
	close_fdp(&p->w);
}
#define auto_pipe __attribute__((cleanup(close_pipe))) struct pipe

static int new_pipe(struct pipe *p)
{
	int fds[2];
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	*p = (struct pipe){ fds[0], fds[1] };
	return 0;
}

/* The query's pairs are its arguments, keys and values one after the other. */
static int arguments(struct arena *a, char *uri, struct strs *out)
{
	char *query = strchr(uri, '?');
	size_t n = 1;
	if (query)
		*query++ = 0;
	for (const char *p = query; p && *p; p++)
		n += *p == '&';
	out->v = arena_array(a, 2 * n + 2, sizeof(*out->v));
	if (!out->v)
		return -ENOMEM;
	uri_unescape(uri, false);
	out->v[out->n++] = uri;
	for (char *p = query, *next; p && *p; p = next) {
		next = strchr(p, '&');
		if (next)
			*next++ = 0;
		if (!*p)
			continue; /* between two & is no pair */
		char *value = strchr(p, '=');
		if (value)
			*value++ = 0;
		uri_unescape(p, true);
		out->v[out->n++] = p;
		out->v[out->n++] = value ? value : "";
		if (value)
			uri_unescape(value, true);
	}
	return 0;
}

/* In the child: system calls only. The three fds are moved out of the way of 3, 4 and 5 first. Only
 * a failure comes back, as errno on the pipe. */
static _Noreturn void become(const char *const *argv, const char *const *envp, const int from[3],
			     int report)
{
	sigset_t none;
	int fds[3];
	int null = open("/dev/null", O_RDWR);
	int kept_report = fcntl(report, F_DUPFD, 10);
	bool good = null >= 0 && kept_report >= 0;
	for (int i = 0; i < 3; i++)
		fds[i] = fcntl(from[i], F_DUPFD, 10);
	for (int i = 0; good && i < 3; i++)
		good = dup2(null, i) >= 0 && dup2(fds[i], 3 + i) >= 0;
	if (good && fds_close(6, ~0U, CLOSE_RANGE_CLOEXEC) == 0) {
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		execve(argv[0], (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)envp);
	}
	int rc = errno;
	(void)!write(kept_report, &rc, sizeof(rc));
	_exit(127);
}

/* must_say: that it is ready; else the end of fd says so, too. */
static int wait_ready(int fd, const char *program, bool must_say, struct err *e)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char byte;
	int n;
	do {
		n = poll(&p, 1, READY_MS);
	} while (n < 0 && errno == EINTR);
	if (n <= 0)
		return refuse(e, ETIMEDOUT, "logger %s: not ready after %d seconds", program,
			      READY_MS / 1000);
	if (must_say && read(fd, &byte, 1) != 1)
		return refuse(e, EPIPE,
			      "logger %s: it closed fd 5, or ended, without writing a byte there: "
			      "so it says that it is ready (binary-v2)",
			      program);
	return 0;
}

/* In the child: our parent lives, and has told of us. */
static void wait_for_leave(struct pipe *leave)
{
	char byte;
	put_fd(&leave->w, -1);
	if (read(leave->r, &byte, 1) != 1)
		_exit(127);
}

static int launch(struct arena *a, const struct strs *args, const struct logger_request *r,
		  const int fds[3], int *held)
{
	const char *path = getenv("PATH");
	const char *envp[] = { arena_printf(a, "CONTAINER_ID=%s", r->id),
			       arena_printf(a, "CONTAINER_NAMESPACE=%s", r->namespace_),
			       path ? arena_printf(a, "PATH=%s", path) : NULL, NULL };
	if (!envp[0] || !envp[1])
		return -ENOMEM;
	auto_pipe report = { -1, -1 }, leave = { -1, -1 };
	struct clone_args clone = { .exit_signal = SIGCHLD };
	int error = 0;
	if (new_pipe(&report) < 0 || new_pipe(&leave) < 0)
		return -errno;
	pid_t pid = proc_clone(&clone, held);
	if (pid < 0)
		return pid;
	if (pid == 0) {
		wait_for_leave(&leave);
		if (r->nice)
			setpriority(PRIO_PROCESS, 0, *r->nice);
		become(args->v, envp, fds, report.w);
	}
	put_fd(&report.w, -1);
	int rc = fd_send(r->witness, "l", 1, held, 1);
	if (rc < 0 || write(leave.w, "g", 1) != 1)
		return rc < 0 ? rc : -errno; /* without leave it ends */
	return read(report.r, &error, sizeof(error)) > 0 ? -error : 0;
}

bool is_logger(const char *uri)
{
	return !strncmp(uri, "binary://", 9) || !strncmp(uri, "binary-v2://", 12);
}

int logger_start(const struct logger_request *r, struct logger *out, struct err *e)
{
	const char *uri = r->uri;
	auto_arena *a = arena_new(LOGGER_MEMORY);
	auto_pipe o = { -1, -1 }, s = { -1, -1 }, ready = { -1, -1 };
	auto_close int held = -1;
	struct strs args = { 0 };
	bool v2 = uri[6] == '-';
	char *program = a ? arena_str(a, strstr(uri, "://") + 3) : NULL;
	if (!program || arguments(a, program, &args) < 0)
		return fail(e, ENOMEM, "logger %s", uri);
	if (*program != '/')
		return refuse(e, EINVAL, "logger %s: its path must be absolute", uri);
	if (access(program, X_OK) < 0)
		return fail(e, errno, "logger %s", program);
	if (new_pipe(&o) < 0 || new_pipe(&s) < 0 || new_pipe(&ready) < 0)
		return fail(e, errno, "pipes for logger %s", program);
	int rc = launch(a, &args, r, (int[]){ o.r, s.r, ready.w }, &held);
	if (rc < 0)
		return fail(e, rc, "start logger %s", program);
	put_fd(&ready.w, -1);
	rc = wait_ready(ready.r, program, v2, e);
	if (rc < 0) {
		proc_signal(held, SIGKILL);
		return rc;
	}
	*out = (struct logger){ .out = take_fd(&o.w),
				.err = take_fd(&s.w),
				.hold_out = take_fd(&o.r),
				.hold_err = take_fd(&s.r),
				.held = take_fd(&held) };
	return 0;
}

/* monitor.c - a container and its parent: made, started, attended until its end, recorded. */
#include "monitor/monitor.h"
#include "base/file.h"
#include "base/proc.h"
#include "base/sys.h"
#include "monitor/attend.h"
#include "monitor/discard.h"
#include "monitor/exit.h"
#include "monitor/logfile.h"
#include "monitor/stdio.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#define LOG_FILE "log"

/* A started container and what its parent holds of it. */
struct charge {
	const struct monitor_request *r;
	struct container *c;
	struct logfile log;
	int signals, console, null, exit_file;
	int out[2], err[2]; /* pipes */
};

static void put_pair(int pair[2])
{
	put_fd(&pair[0], -1);
	put_fd(&pair[1], -1);
}

static void charge_free(struct charge *g)
{
	put_fd(&g->signals, -1);
	put_fd(&g->console, -1);
	put_fd(&g->null, -1);
	put_fd(&g->exit_file, -1);
	put_pair(g->out);
	put_pair(g->err);
	if (g->log.fd >= 0)
		logfile_close(&g->log, !g->r->remove);
	container_close(g->c);
}

static int open_log(struct charge *g, struct err *e)
{
	if (!g->r->data)
		return 0;
	auto_close int dir = open(g->r->data, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (dir < 0)
		return fail(e, errno, "open %s", g->r->data);
	return logfile_open(&g->log, dir, LOG_FILE, e);
}

/* Where the container's stdio comes from and goes to. */
static int open_stdio(struct charge *g, struct create_request *q, struct err *e)
{
	bool log = g->log.fd >= 0, terminal = g->r->terminal;
	if (terminal) {
		q->console_fd = &g->console;
		return 0;
	}
	if (!g->r->interactive || log)
		g->null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (g->null < 0 && (!g->r->interactive || log))
		return fail(e, errno, "open /dev/null");
	if (log && (pipe2(g->out, O_CLOEXEC) < 0 || pipe2(g->err, O_CLOEXEC) < 0))
		return fail(e, errno, "make the log pipes");
	q->stdio[0] = g->null;
	q->stdio[1] = g->out[1];
	q->stdio[2] = g->err[1];
	return 0;
}

/* After a failure between create and the end: nothing is to be left. */
static int undo(struct charge *g, int rc)
{
	container_delete(g->c, true, NULL);
	return rc;
}

static int begin(struct charge *g, const char *owner, struct err *e)
{
	struct create_request q = g->r->create;
	q.owner_kind = owner;
	q.auto_remove = g->r->remove;
	q.stdio[0] = q.stdio[1] = q.stdio[2] = -1;
	int rc = g->signals = attend_signals(e);
	if (rc >= 0)
		rc = open_log(g, e);
	if (rc >= 0)
		rc = open_stdio(g, &q, e);
	if (rc < 0)
		return rc;
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	rc = container_create(&q, &g->c, e);
	if (rc < 0)
		return rc;
	if (g->r->created)
		g->r->created(g->r->arg);
	g->exit_file = rc = exit_begin(g->c, e);
	if (rc < 0)
		return undo(g, rc);
	rc = container_start(g->c, e);
	return rc < 0 ? undo(g, rc) : 0;
}

/* From start to the recorded end: the exit status. */
static int watch_over(struct charge *g, struct err *e)
{
	struct exit_status st;
	put_fd(&g->null, -1);
	put_fd(&g->out[1], -1); /* so that the pipes end with the container */
	put_fd(&g->err[1], -1);
	const struct attend a = {
		.pid = g->c->state.pid,
		.pidfd = g->c->pidfd,
		.signals = g->signals,
		.console = g->console,
		.input = g->r->interactive,
		.log = g->log.fd >= 0 ? &g->log : NULL,
		.fragile = g->r->fragile,
		.timeout = g->r->timeout,
		.check = g->r->check,
		.arg = g->r->arg,
		.pipes = { g->out[0], g->err[0] },
	};
	int lost = attend(&a, &st, e);
	if (lost < 0)
		return undo(g, lost);
	int rc = exit_record(g->c, g->exit_file, st, e);
	if (g->log.fd >= 0)
		logfile_close(&g->log, !g->r->remove);
	if (g->r->remove) {
		struct err later = { 0 };
		int gone = discard(g->c, DISCARD_FORCE, rc == 0 ? e : &later);
		rc = rc == 0 ? gone : rc;
		if (gone == 0 && g->r->drop.name)
			discard_image(&g->r->drop);
	}
	return rc < 0 ? rc : st.code ? st.code : lost;
}

static struct charge charge_new(const struct monitor_request *r)
{
	return (struct charge){ .r = r,
				.log = { .fd = -1 },
				.signals = -1,
				.console = -1,
				.null = -1,
				.exit_file = -1,
				.out = { -1, -1 },
				.err = { -1, -1 } };
}

int monitor_run(const struct monitor_request *r, struct err *e)
{
	struct charge g = charge_new(r);
	int rc = begin(&g, "run", e);
	if (rc == 0)
		rc = watch_over(&g, e);
	charge_free(&g);
	return rc;
}

/* Closes all fds but the two (-1: none), and puts /dev/null in the place of stdio. */
static int let_go(int keep, int also)
{
	int low = keep < also ? keep : also, high = keep < also ? also : keep;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		return -errno;
	for (int fd = 0; fd < 3; fd++)
		if (dup2(null, fd) < 0)
			return -errno;
	unsigned from = 3;
	if (low >= 3) {
		if (low > 3)
			fds_close(3, (unsigned)low - 1, 0);
		from = (unsigned)low + 1;
	}
	if (high >= 3) {
		if ((unsigned)high > from)
			fds_close(from, (unsigned)high - 1, 0);
		from = (unsigned)high + 1;
	}
	return fds_close(from, ~0u, 0);
}

static void close_rootfs(void *arg)
{
	put_fd(arg, -1);
}

_Noreturn static void monitor_main(const struct monitor_request *r, int report)
{
	struct err e = { 0 };
	setsid();
	prctl(PR_SET_NAME, "coracle-monitor");
	struct monitor_request own =
		*r; /* what `created` would release is the caller's, and gone from here */
	own.created = close_rootfs;
	own.arg = &own.create.rootfs_fd;
	struct charge g = charge_new(&own);
	int rc = let_go(report, r->create.rootfs_fd);
	rc = rc < 0 ? fail(&e, rc, "detach") : chdir("/");
	if (rc == 0)
		rc = begin(&g, "monitor", &e);
	if (rc < 0 && !e.code)
		fail(&e, rc, "start");
	write_all(report, &e, sizeof(e)); /* code 0: it has been started */
	close(report);
	if (rc == 0)
		rc = watch_over(&g, &e);
	charge_free(&g);
	_exit(rc < 0 ? 1 : 0);
}

/* Reads the report; a monitor that dies without one is an error, too. Its death is watched beside
 * the pipe, of which a half-made container may still hold the other end. */
static int await(int pipe, pid_t pid, struct err *out, struct err *e)
{
	auto_close int pidfd = proc_hold(pid);
	size_t at = 0;
	if (pidfd < 0)
		return fail(e, pidfd, "watch the monitor");
	while (at < sizeof(*out)) {
		struct pollfd p[] = { { .fd = pipe, .events = POLLIN },
				      { .fd = pidfd, .events = PROC_END } };
		if (proc_poll(p, 2, -1) < 0 && errno != EINTR)
			return fail(e, errno, "wait for the monitor");
		if (!p[0].revents && !p[1].revents)
			continue;
		ssize_t n = p[0].revents ? read(pipe, (char *)out + at, sizeof(*out) - at) : 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return refuse(e, ECHILD,
				      "the monitor died before the container was started; "
				      "'coracle cleanup' removes what it left");
		at += (size_t)n;
	}
	return 0;
}

int monitor_detach(const struct monitor_request *r, struct err *e)
{
	auto_close int from = -1, to = -1;
	struct err report;
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return fail(e, errno, "pipe");
	from = ends[0];
	to = ends[1];
	pid_t pid = fork();
	if (pid < 0)
		return fail(e, errno, "fork the monitor");
	if (pid == 0)
		monitor_main(r, to);
	put_fd(&to, -1);
	int rc = await(from, pid, &report, e);
	if (rc < 0)
		return rc;
	if (report.code)
		*e = report;
	return -report.code;
}

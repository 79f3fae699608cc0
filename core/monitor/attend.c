/* attend.c - being the parent of a process, until it ends. */
#include "monitor/attend.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/sys.h"
#include "monitor/stdio.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#define CHECK_MS     250 /* from one check to the next; longer, when it takes long */
#define CHECK_SHARE  10	 /* of the time, that checks take at most */
#define END_OF_INPUT 4	 /* what a terminal takes for the end of a file: ^D */

/* One source of the log: a pipe, or the console. */
struct source {
	struct watch watch;
	struct attendance *parent;
	struct log_stream stream;
	bool open;
};

struct attendance {
	const struct attend *a;
	struct loop *loop;
	struct watch ended, signals, notify, timeout, clock;
	struct source sources[2];
	struct relay input, output;
	struct exit_status status;
	bool reaped, interrupted;
	int error;	/* of reaping */
	struct err why; /* it was killed */
};

int attend_signals(struct err *e)
{
	/* Job control is between us and our shell. */
	static const int usual[] = { SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT, SIGURG, 0 };
	sigset_t all;
	memset(&all, 0xff, sizeof(all)); /* those that musl has for itself, too */
	for (const int *s = usual; *s; s++)
		sigdelset(&all, *s);
	int fd = signals_fd_of(&all);
	return fd < 0 ? fail(e, fd, "signalfd") : fd;
}

/* The process has ended. */
static void reap(struct attendance *t)
{
	if (t->reaped)
		return;
	t->error = proc_reap(t->a->pidfd, &t->status);
	t->reaped = true;
	if (t->loop)
		loop_stop(t->loop);
}

static void on_ended(void *arg, uint32_t events)
{
	(void)events;
	reap(arg);
}

/* Children that are not ours by birth: orphans of the container that the kernel gave to us. */
static void reap_others(struct attendance *t)
{
	for (;;) {
		siginfo_t info = { 0 };
		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || !info.si_pid)
			return;
		if (info.si_pid == t->a->pid) {
			reap(t);
			return;
		}
		waitid(P_PID, (id_t)info.si_pid, &info, WEXITED | WNOHANG);
	}
}

/* What we brought upon ourselves: by a write to a reader that went away or past our limit of a
 * file's size, which is an error of that write, or by our use of the processor. */
static bool is_ours(const struct signalfd_siginfo *i)
{
	return (i->ssi_code == SI_USER && i->ssi_pid == (uint32_t)getpid()) ||
	       (i->ssi_signo == SIGXCPU && i->ssi_code == SI_KERNEL);
}

/* What is ignored, as nohup has it, the kernel keeps all the same, as it is blocked. */
static bool is_ignored(int sig)
{
	struct sigaction now;
	/* musl tells nothing of those that it has for itself. */
	return sigaction(sig, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

static void on_signal(void *arg, uint32_t events)
{
	struct attendance *t = arg;
	struct signalfd_siginfo info;
	(void)events;
	while (read(t->signals.fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		int sig = (int)info.ssi_signo;
		if (sig == SIGCHLD)
			reap_others(t);
		else if (sig == SIGWINCH)
			terminal_copy_size(t->a->console);
		else if (!t->reaped && !is_ours(&info) && !is_ignored(sig)) {
			t->interrupted = t->a->fragile;
			proc_signal(t->a->pidfd, t->interrupted ? SIGKILL : sig);
		}
	}
}

/* Its time is over. */
static void on_timeout(void *arg, uint32_t events)
{
	struct attendance *t = arg;
	uint64_t times;
	(void)events;
	if (read(t->timeout.fd, &times, sizeof(times)) > 0 && !t->reaped)
		proc_signal(t->a->pidfd, SIGKILL);
}

static int watch_time(struct attendance *t)
{
	t->timeout = (struct watch){ timer_new(t->a->timeout * 1000, 0), on_timeout, t };
	return t->timeout.fd < 0 ? t->timeout.fd : loop_add(t->loop, &t->timeout, EPOLLIN);
}

static void source_close(struct source *s)
{
	if (!s->open)
		return;
	s->open = false;
	loop_remove(s->parent->loop, &s->watch);
	logfile_end(s->parent->a->log, &s->stream);
}

/* Logs what the source holds, once: so many bytes. 0: nothing there now, or ever. A log that cannot
 * be written loses its lines; the container is not stopped for it. */
static size_t source_read(struct source *s)
{
	char text[LOGFILE_LINE_MAX];
	ssize_t n;
	do {
		n = read(s->watch.fd, text, sizeof(text));
	} while (n < 0 && errno == EINTR);
	if (n > 0)
		logfile_write(s->parent->a->log, &s->stream, text, (size_t)n);
	else if (n == 0 || errno != EAGAIN)
		source_close(s);
	return n > 0 ? (size_t)n : 0;
}

static void on_source(void *arg, uint32_t events)
{
	(void)events;
	source_read(arg);
}

static int source_open(struct attendance *t, int i, int fd, struct err *e)
{
	static const char *const names[] = { "stdout", "stderr" };
	struct source *s = &t->sources[i];
	if (fd < 0)
		return 0;
	*s = (struct source){ .watch = { fd, on_source, s },
			      .parent = t,
			      .stream = { .name = names[i] } };
	int rc = loop_add(t->loop, &s->watch, EPOLLIN);
	if (rc < 0)
		return fail(e, rc, "watch %s", names[i]);
	s->open = true;
	return 0;
}

static void on_notify(void *arg, uint32_t events)
{
	struct attendance *t = arg;
	struct err e = { 0 };
	int rc;
	(void)events;
	do {
		rc = notify_pass(t->a->notify, t->a->manager, &e);
	} while (rc >= 0);
	if (rc != -EAGAIN)
		log_warn("%s", e.msg);
}

static void on_clock(void *arg, uint32_t events)
{
	struct attendance *t = arg;
	uint64_t times, began = clock_monotonic_ns();
	(void)events;
	if (read(t->clock.fd, &times, sizeof(times)) != sizeof(times) || t->why.code)
		return;
	if (t->a->check(t->a->arg, &t->why) < 0) {
		proc_signal(t->a->pidfd, SIGKILL);
		return;
	}
	uint64_t took = (clock_monotonic_ns() - began) / 1000000;
	timer_set(t->clock.fd, CHECK_MS + took * CHECK_SHARE, 0);
}

static int nonblocking(int fd)
{
	int flags = fd < 0 ? 0 : fcntl(fd, F_GETFL);
	return fd < 0 || (flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0) ? 0 : -errno;
}

/* out: our stdout. keys: another fd for the console, since one can be watched only once in a loop.
 */
static int open_all(struct attendance *t, int out, int keys, struct err *e)
{
	const struct attend *a = t->a;
	t->ended = (struct watch){ a->pidfd, on_ended, t };
	t->signals = (struct watch){ a->signals, on_signal, t };
	int rc = loop_add(t->loop, &t->ended, EPOLLIN);
	if (rc == 0 || rc == -EPERM) /* no pidfd: SIGCHLD tells */
		rc = loop_add(t->loop, &t->signals, EPOLLIN);
	t->notify = (struct watch){ a->notify, on_notify, t };
	if (rc == 0 && a->manager)
		rc = loop_add(t->loop, &t->notify, EPOLLIN);
	if (rc == 0 && a->timeout)
		rc = watch_time(t);
	if (rc == 0 && a->check) {
		t->clock = (struct watch){ rc = timer_new(CHECK_MS, 0), on_clock, t };
		rc = rc < 0 ? rc : loop_add(t->loop, &t->clock, EPOLLIN);
	}
	if (rc == 0)
		rc = nonblocking(a->console);
	for (int i = 0; rc == 0 && i < 2; i++)
		rc = nonblocking(a->pipes[i]);
	if (rc < 0)
		return fail(e, rc, "watch process %d", (int)a->pid);
	if (a->log)
		rc = source_open(t, 0, a->console >= 0 ? a->console : a->pipes[0], e);
	if (rc == 0 && a->log)
		rc = source_open(t, 1, a->pipes[1], e);
	if (rc == 0 && a->console >= 0 && !a->log)
		rc = relay_start(&t->output, t->loop, a->console, out, e);
	t->input.farewell = END_OF_INPUT;
	if (rc == 0 && a->console >= 0 && a->input)
		rc = relay_start(&t->input, t->loop, STDIN_FILENO, keys, e);
	return rc;
}

/* Whether there is nothing but the process and signals: that takes no epoll. */
static bool is_plain(const struct attend *a)
{
	return a->pidfd >= 0 && a->console < 0 && !a->log && !a->manager && !a->timeout &&
	       !a->check;
}

static int wait_plainly(struct attendance *t)
{
	struct pollfd fds[] = { { .fd = t->a->pidfd, .events = PROC_END },
				{ .fd = t->a->signals, .events = POLLIN } };
	t->signals.fd = t->a->signals;
	while (!t->reaped) {
		if (proc_poll(fds, 2, -1) < 0 && errno != EINTR)
			return -errno;
		if (fds[0].revents)
			reap(t);
		else if (fds[1].revents)
			on_signal(t, 0);
	}
	return 0;
}

static void drain_all(struct attendance *t)
{
	if (t->a->manager)
		on_notify(t, 0);
	relay_stop(&t->input);
	relay_finish(&t->output);
	for (int i = 0; i < 2; i++) {
		struct source *s = &t->sources[i];
		for (size_t n = 0, got = 1; s->open && got && n < STDIO_LEFT; n += got)
			got = source_read(s);
		source_close(s);
	}
}

int attend(const struct attend *a, struct exit_status *out, struct err *e)
{
	bool plain = is_plain(a);
	struct attendance t = {
		.a = a, .loop = plain ? NULL : loop_new(), .timeout.fd = -1, .clock.fd = -1
	};
	struct terminal terminal = { .fd = -1 };
	bool screen = a->console >= 0 && !a->log;
	auto_close int own = screen ? stdio_reopen(STDOUT_FILENO, O_WRONLY) : -1;
	auto_close int keys = screen && a->input ? fcntl(a->console, F_DUPFD_CLOEXEC, 3) : -1;
	if (!t.loop && !plain)
		return fail(e, errno, "epoll");
	int rc = screen && a->input ? terminal_raw(&terminal, STDIN_FILENO, e) : 0;
	if (screen)
		terminal_copy_size(a->console);
	if (rc == 0 && !plain)
		rc = open_all(&t, own >= 0 ? own : STDOUT_FILENO, keys, e);
	if (rc == 0 && (rc = plain ? wait_plainly(&t) : loop_run(t.loop)) < 0)
		fail(e, rc, "wait for process %d", (int)a->pid);
	drain_all(&t);
	terminal_restore(&terminal);
	put_fd(&t.timeout.fd, -1);
	put_fd(&t.clock.fd, -1);
	loop_free(t.loop);
	if (rc == 0 && t.error < 0)
		rc = fail(e, t.error, "reap process %d", (int)a->pid);
	if (rc == 0 && t.interrupted)
		rc = refuse(e, EINTR, "interrupted");
	if (rc == 0 && t.why.code) {
		*e = t.why;
		rc = -e->code;
	}
	if (rc < 0)
		return rc;
	*out = t.status;
	/* Who has read enough may go. */
	bool lost = t.output.error && t.output.error != EPIPE;
	if (lost)
		log_error("write to stdout: %s", strerror(t.output.error));
	return lost;
}

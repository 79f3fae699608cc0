/* proc.c - a process as this program holds one: pid, start time, and an fd. */
#include "base/proc.h"
#include "base/file.h"
#include "base/sys.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif
#define OLD_CLONE_ARGS 64 /* their size in Linux 5.3 */
#define LOOK_MS	       10 /* where nothing tells of an end */

/* The text of a small file of /proc. False: none. */
static bool small(int dir, const char *name, char *text, size_t size)
{
	auto_close int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);
	text[n > 0 ? n : 0] = 0;
	return n > 0;
}

/* Fields of /proc/PID/stat, as proc(5) counts them. */
enum { FIELD_STATE = 3, FIELD_SESSION = 6, FIELD_START_TIME = 22, FIELD_IGNORED = 33 };

/* NULL: there is none. */
static const char *stat_field(const char *text, int field)
{
	const char *p = strrchr(text, ')'); /* the name before it may hold anything */
	for (int i = 2; p && i < field; i++)
		if ((p = strchr(p, ' ')))
			p++;
	return p;
}

uint64_t proc_start_time(pid_t pid, char *state)
{
	char path[32], text[1024];
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	const char *start = pid > 0 && small(-1, path, text, sizeof(text))
				    ? stat_field(text, FIELD_START_TIME)
				    : NULL;
	if (state)
		*state = 'X';
	if (!start)
		return 0;
	if (state)
		*state = *stat_field(text, FIELD_STATE);
	return strtoull(start, NULL, 10);
}

pid_t proc_session(pid_t pid)
{
	char path[32], text[1024];
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	const char *p = small(-1, path, text, sizeof(text)) ? stat_field(text, FIELD_SESSION)
							    : NULL;
	return p ? (pid_t)strtol(p, NULL, 10) : 0;
}

int proc_hold(pid_t pid)
{
	char path[32];
	int fd = pid > 0 ? sys_pidfd_open(pid) : -1;
	if (pid <= 0 || fd >= 0 || errno != ENOSYS)
		return pid <= 0 ? -ESRCH : fd >= 0 ? fd : -errno;
	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	fd = openat(-1, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd >= 0 ? fd : errno == ENOENT ? -ESRCH : -errno;
}

bool proc_alive(pid_t pid, uint64_t start_time, char *state)
{
	return pid > 0 && proc_start_time(pid, state) == start_time && *state != 'Z' &&
	       *state != 'X';
}

int proc_open(pid_t pid, uint64_t start_time, char *state)
{
	char own;
	auto_close int fd = proc_hold(pid);
	if (fd < 0)
		return take_fd(&fd);
	return proc_alive(pid, start_time, state ? state : &own) ? take_fd(&fd) : -ESRCH;
}

/* Kernels before 5.7 move it with a write, and know no more of the arguments. */
static pid_t clone_old(const struct clone_args *args, bool clone3)
{
	struct clone_args own = *args;
	own.flags &= ~(uint64_t)CLONE_INTO_CGROUP;
	own.cgroup = 0;
	if (clone3)
		return (pid_t)syscall(SYS_clone3, &own, OLD_CLONE_ARGS);
	unsigned long flags = (unsigned long)((own.flags & ~(uint64_t)CLONE_PIDFD) |
					      own.exit_signal);
	return (pid_t)syscall(SYS_clone, flags, 0, 0, 0, 0);
}

/* What had to wait until after the birth; the child does not outlive a failure. */
static int settle(pid_t pid, const struct clone_args *args, int *held)
{
	char text[16];
	int rc = 0;
	snprintf(text, sizeof(text), "%d", (int)pid);
	if (args->flags & CLONE_INTO_CGROUP)
		rc = file_put((int)args->cgroup, "cgroup.procs", text);
	if (rc == 0 && held && *held < 0)
		rc = *held = proc_hold(pid);
	if (rc >= 0)
		return 0;
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
		;
	return rc;
}

pid_t proc_clone(const struct clone_args *args, int *held)
{
	struct clone_args own = *args;
	bool into = own.flags & CLONE_INTO_CGROUP;
	int fd = -1;
	if (held) {
		own.flags |= CLONE_PIDFD;
		own.pidfd = (uint64_t)(uintptr_t)&fd;
	}
	pid_t pid = (pid_t)syscall(SYS_clone3, &own, into ? sizeof(own) : OLD_CLONE_ARGS);
	bool none = pid < 0 && errno == ENOSYS;
	bool old = none || (pid < 0 && into && (errno == E2BIG || errno == EINVAL));
	if (old)
		pid = clone_old(&own, !none);
	if (pid < 0)
		return -errno;
	int rc = pid > 0 && old ? settle(pid, args, held ? &fd : NULL) : 0;
	if (pid > 0 && rc == 0 && held)
		*held = fd;
	return rc < 0 ? rc : pid;
}

/* -ESRCH when it has been reaped. */
static pid_t pid_of(int held)
{
	char path[40], text[1024];
	int pid = -1;
	if (small(held, "stat", text, sizeof(text)))
		return sscanf(text, "%d", &pid) == 1 ? pid : -ESRCH;
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", held);
	const char *line = small(-1, path, text, sizeof(text)) ? strstr(text, "\nPid:") : NULL;
	return line && sscanf(line, "\nPid: %d", &pid) == 1 && pid > 0 ? pid : -ESRCH;
}

int proc_signal(int held, int sig)
{
	if (sys_pidfd_send_signal(held, sig) == 0)
		return 0;
	if (errno != ENOSYS)
		return -errno;
	pid_t pid = pid_of(held);
	return pid < 0 ? pid : kill(pid, sig) < 0 ? -errno : 0;
}

/* Of a directory, which poll calls ready for all. */
static bool ended_by_stat(int held)
{
	char text[1024];
	const char *p = small(held, "stat", text, sizeof(text)) ? strrchr(text, ')') : NULL;
	return !p || !p[1] || p[2] == 'Z' || p[2] == 'X';
}

bool proc_ended(int held)
{
	struct pollfd p = { .fd = held, .events = PROC_END };
	if (poll(&p, 1, 0) <= 0)
		return false;
	return !(p.revents & POLLOUT) || ended_by_stat(held);
}

/* Takes out those that are processes which have not ended. Their number. */
static int unready(struct pollfd *p, size_t n)
{
	int others = 0;
	for (size_t i = 0; i < n; i++) {
		if (p[i].events != PROC_END || !(p[i].revents & POLLOUT) || ended_by_stat(p[i].fd))
			continue;
		p[i].revents = 0;
		others++;
	}
	return others;
}

int proc_poll(struct pollfd *p, size_t n, int timeout_ms)
{
	int rc = poll(p, n, timeout_ms), others = rc > 0 ? unready(p, n) : 0;
	const struct timespec little = { .tv_nsec = LOOK_MS * 1000000L };
	for (int waited = 0; rc > 0 && rc == others; waited += LOOK_MS) {
		if (timeout_ms >= 0 && waited >= timeout_ms)
			return 0;
		nanosleep(&little, NULL); /* before Linux 5.3 nothing tells of the end */
		rc = poll(p, n, 0);
		others = rc > 0 ? unready(p, n) : 0;
	}
	return rc > 0 ? rc - others : rc;
}

int proc_wait_end(int held, int timeout_ms)
{
	struct pollfd p = { .fd = held, .events = PROC_END };
	int n;
	do {
		n = proc_poll(&p, 1, timeout_ms);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n == 0 ? -ETIMEDOUT : 0;
}

static int wait_for(idtype_t type, int id, siginfo_t *info)
{
	int rc;
	do {
		rc = waitid(type, (id_t)id, info, WEXITED);
	} while (rc < 0 && errno == EINTR);
	return rc < 0 ? -errno : 0;
}

/* As wait tells it. */
static struct exit_status status_of(int status)
{
	struct exit_status st = { .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0 };
	st.code = st.signal ? 128 + st.signal : WEXITSTATUS(status);
	return st;
}

/* Its last field, while it waits to be reaped. */
static bool status_of_zombie(pid_t pid, uint64_t start_time, int *out)
{
	char path[32], text[1024], state;
	if (proc_start_time(pid, &state) != start_time || !start_time || state != 'Z')
		return false;
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	const char *last = small(-1, path, text, sizeof(text)) ? strrchr(text, ' ') : NULL;
	return last && sscanf(last, " %d", out) == 1 &&
	       proc_start_time(pid, &state) == start_time && state == 'Z';
}

/* struct pidfd_info of linux/pidfd.h, as far as everybody has it. */
struct held_info {
	uint64_t mask, cgroup;
	uint32_t ids[11];
	int32_t exit_code;
};
#define HELD_INFO      _IOWR(0xff, 11, struct held_info) /* PIDFD_GET_INFO */
#define HELD_INFO_EXIT 8u

int proc_how_ended(pid_t pid, uint64_t start_time, int held, struct exit_status *out)
{
	struct held_info info = { .mask = HELD_INFO_EXIT };
	int status;
	if (!status_of_zombie(pid, start_time, &status)) {
		if (held < 0 || ioctl(held, HELD_INFO, &info) < 0 || !(info.mask & HELD_INFO_EXIT))
			return -ENODATA;
		status = info.exit_code;
	}
	*out = status_of(status);
	return 0;
}

int proc_reap(int held, struct exit_status *out)
{
	siginfo_t info = { 0 };
	int rc = wait_for((idtype_t)P_PIDFD, held, &info);
	if (rc == -EINVAL || rc == -EBADF) { /* before Linux 5.4, and a directory */
		pid_t pid = pid_of(held);
		rc = pid < 0 ? -ECHILD : wait_for(P_PID, pid, &info);
	}
	if (rc < 0)
		return rc;
	bool exited = info.si_code == CLD_EXITED;
	out->signal = exited ? 0 : info.si_status;
	out->code = exited ? info.si_status : 128 + info.si_status;
	return 0;
}

struct answer {
	struct err why;
	int rc;
};

int proc_call(int (*call)(void *arg, struct err *e), void *arg, struct err *e)
{
	const struct clone_args args = { .exit_signal = SIGCHLD };
	struct answer *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s == MAP_FAILED)
		return fail(e, errno, "make room for what a process says");
	s->rc = refuse(&s->why, EIO, "the process that was made for it died");
	pid_t pid = proc_clone(&args, NULL);
	if (pid == 0) {
		struct err why = { 0 };
		int rc = call(arg, &why);
		s->why = why;
		s->rc = rc;
		_exit(0);
	}
	int rc = pid < 0 ? fail(e, pid, "clone a process") : 0;
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (rc == 0 && (rc = s->rc) < 0 && e)
		*e = s->why;
	munmap(s, sizeof(*s));
	return rc;
}

int proc_dir(int held)
{
	char path[32];
	auto_close int fd = openat(held, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 || errno != ENOTDIR)
		return fd >= 0 ? take_fd(&fd) : -errno;
	pid_t pid = pid_of(held);
	if (pid < 0)
		return pid;
	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	fd = openat(-1, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* Who lives still was not reaped, and so the number was its own. */
	return fd < 0 || proc_ended(held) ? -ESRCH : take_fd(&fd);
}

void proc_begin(void)
{
	struct pollfd fds[] = { { .fd = 0 }, { .fd = 1 }, { .fd = 2 } };
	poll(fds, 3, 0);
	for (int i = 0, fd = 0; i < 3 && fd >= 0; i++)
		if (fds[i].revents & POLLNVAL)
			fd = openat(-1, "/dev/null", O_RDWR | O_APPEND); /* the lowest: i */
	signal(SIGCHLD, SIG_DFL);
}

bool proc_has_stdout(void)
{
	int flags = fcntl(STDOUT_FILENO, F_GETFL);
	/* Nobody else opens it so. */
	return (flags & (O_ACCMODE | O_APPEND)) != (O_RDWR | O_APPEND) ||
	       !fd_is_null(STDOUT_FILENO);
}

bool proc_self(struct proc_self *out)
{
	char text[1024];
	auto_close int fd = openat(-1, "/proc/self/stat", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = 0;
	const char *ignored = stat_field(text, FIELD_IGNORED);
	if (!ignored)
		return false;
	out->pid = atoi(text);
	out->start_time = strtoull(stat_field(text, FIELD_START_TIME), NULL, 10);
	out->ignored = strtoul(ignored, NULL, 10);
	return true;
}

void signals_reset(const struct proc_self *known)
{
	struct sigaction usual = { .sa_handler = SIG_DFL };
	struct proc_self own;
	/* One look at what the kernel tells instead of thirty calls. */
	unsigned long ignored = known ? known->ignored : proc_self(&own) ? own.ignored : ~0ul;
	sigset_t none;
	for (int i = 1; i < 32; i++)
		if (ignored & (1ul << (i - 1)) && i != SIGKILL && i != SIGSTOP)
			sigaction(i, &usual, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static const struct {
	const char *name;
	int number;
} signals[] = {
	{ "SIGHUP", SIGHUP },	    { "SIGINT", SIGINT },   { "SIGQUIT", SIGQUIT },
	{ "SIGILL", SIGILL },	    { "SIGTRAP", SIGTRAP }, { "SIGABRT", SIGABRT },
	{ "SIGIOT", SIGABRT },	    { "SIGBUS", SIGBUS },   { "SIGFPE", SIGFPE },
	{ "SIGKILL", SIGKILL },	    { "SIGUSR1", SIGUSR1 }, { "SIGSEGV", SIGSEGV },
	{ "SIGUSR2", SIGUSR2 },	    { "SIGPIPE", SIGPIPE }, { "SIGALRM", SIGALRM },
	{ "SIGTERM", SIGTERM },	    { "SIGSTKFLT", 16 },    { "SIGCHLD", SIGCHLD },
	{ "SIGCLD", SIGCHLD },	    { "SIGCONT", SIGCONT }, { "SIGSTOP", SIGSTOP },
	{ "SIGTSTP", SIGTSTP },	    { "SIGTTIN", SIGTTIN }, { "SIGTTOU", SIGTTOU },
	{ "SIGURG", SIGURG },	    { "SIGXCPU", SIGXCPU }, { "SIGXFSZ", SIGXFSZ },
	{ "SIGVTALRM", SIGVTALRM }, { "SIGPROF", SIGPROF }, { "SIGWINCH", SIGWINCH },
	{ "SIGIO", SIGIO },	    { "SIGPOLL", SIGIO },   { "SIGPWR", SIGPWR },
	{ "SIGSYS", SIGSYS },
};
#define SIGNALS	      (sizeof(signals) / sizeof(signals[0]))
#define REAL_TIME_MIN 34 /* as docker and runc count them */
#define REAL_TIME_MAX 64

static int real_time(const char *s)
{
	int n = 0, used = 0;
	if (!strncasecmp(s, "RTMIN", 5)) {
		if (!s[5])
			return REAL_TIME_MIN;
		if (s[5] == '+' && sscanf(s + 6, "%2d%n", &n, &used) == 1 && !s[6 + used] &&
		    n <= 30)
			return REAL_TIME_MIN + n;
	} else if (!strncasecmp(s, "RTMAX", 5)) {
		if (!s[5])
			return REAL_TIME_MAX;
		if (s[5] == '-' && sscanf(s + 6, "%2d%n", &n, &used) == 1 && !s[6 + used] &&
		    n <= 30)
			return REAL_TIME_MAX - n;
	}
	return -EINVAL;
}

int signal_parse(const char *s)
{
	char *end;
	long n = strtol(s, &end, 10);
	if (*s >= '0' && *s <= '9' && !*end)
		return n >= 1 && n <= REAL_TIME_MAX ? (int)n : -EINVAL;
	if (!strncasecmp(s, "SIG", 3))
		s += 3;
	for (size_t i = 0; i < SIGNALS; i++)
		if (!strcasecmp(s, signals[i].name + 3))
			return signals[i].number;
	return real_time(s);
}

const char *signal_name(int sig)
{
	for (size_t i = 0; i < SIGNALS; i++)
		if (signals[i].number == sig)
			return signals[i].name;
	return "a real-time signal";
}

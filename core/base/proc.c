/* proc.c - a process as this program holds one: pid, start time, pidfd. */
#include "base/proc.h"
#include "base/file.h"
#include "base/sys.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

uint64_t proc_start_time(pid_t pid, char *state)
{
	char path[32], text[1024];
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	auto_close int fd = openat(-1, path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return 0;
	text[n] = 0;
	char *p = strrchr(text, ')'); /* the name before it may hold anything */
	char letter;
	unsigned long long start;
	if (!p || sscanf(p + 1,
			 " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d "
			 "%*d %*d %llu",
			 &letter, &start) != 2)
		return 0;
	if (state)
		*state = letter;
	return start;
}

int proc_open(pid_t pid, uint64_t start_time)
{
	char state;
	if (pid <= 0)
		return -ESRCH;
	auto_close int fd = sys_pidfd_open(pid);
	if (fd < 0)
		return -errno;
	if (proc_start_time(pid, &state) != start_time || state == 'Z' || state == 'X')
		return -ESRCH;
	return take_fd(&fd);
}

bool proc_ended(int pidfd)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	return poll(&p, 1, 0) > 0;
}

int proc_wait_end(int pidfd, int timeout_ms)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	int n;
	do {
		n = poll(&p, 1, timeout_ms);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n == 0 ? -ETIMEDOUT : 0;
}

int proc_reap(int pidfd, struct exit_status *out)
{
	siginfo_t info = { 0 };
	int rc;
	do {
		rc = waitid((idtype_t)P_PIDFD, (id_t)pidfd, &info, WEXITED);
	} while (rc < 0 && errno == EINTR);
	if (rc < 0)
		return -errno;
	bool exited = info.si_code == CLD_EXITED;
	out->signal = exited ? 0 : info.si_status;
	out->code = exited ? info.si_status : 128 + info.si_status;
	return 0;
}

void proc_begin(void)
{
	int fd;
	do {
		fd = openat(-1, "/dev/null", O_RDWR);
	} while (fd >= 0 && fd < 3);
	if (fd >= 0)
		close(fd);
	signal(SIGCHLD, SIG_DFL);
}

/* Those that we ignore, bit 0 for signal 1: one look at what the kernel tells instead of thirty
 * calls. All, when it does not tell. */
static unsigned long signals_ignored(void)
{
	char text[1024];
	unsigned long ignored;
	auto_close int fd = openat(-1, "/proc/self/stat", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = 0;
	char *p = strrchr(text, ')');
	return p && sscanf(p + 1,
			   " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d "
			   "%*d %*d %*u %*u %*d %*u %*u %*u %*u %*u %*u %*u %*u %lu",
			   &ignored) == 1
		       ? ignored
		       : ~0ul;
}

void signals_reset(void)
{
	struct sigaction usual = { .sa_handler = SIG_DFL };
	unsigned long ignored = signals_ignored();
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

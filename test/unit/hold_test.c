/* hold_test.c - the process that holds the namespaces of a pod. */
#include "base/buf.h"
#include "base/file.h"
#include "box/hold.h"
#include "tap.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Of /proc/PID/status; -1: there is no such line or process. */
static long long status_bits(pid_t pid, const char *name)
{
	char path[64];
	auto_buf text = { 0 };
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if (file_read(-1, path, &text, NULL) < 0)
		return -1;
	const char *at = strstr(text.p, name);
	return at ? strtoll(at + strlen(name), NULL, 16) : -1;
}

static char state_of(pid_t pid)
{
	char path[64];
	auto_buf text = { 0 };
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	const char *at = file_read(-1, path, &text, NULL) < 0 ? NULL : strstr(text.p, "State:\t");
	return at ? at[strlen("State:\t")] : 'Z';
}

/* It has heard what it was sent, and sleeps again; or has ended of it. */
static void until_heard(pid_t holder)
{
	for (char state = 0; state != 'S' && state != 'Z'; state = state_of(holder))
		sched_yield();
}

/* As if the kernel had sent it, which has no pid; and nor has what found no room in the queue. */
static void forge(bool queued)
{
	const struct rlimit none = { 0, 0 };
	siginfo_t info = { .si_signo = SIGRTMIN, .si_code = SI_QUEUE };
	if (queued ? syscall(SYS_rt_sigqueueinfo, 1, SIGRTMIN, &info) < 0
		   : prlimit(1, RLIMIT_SIGPENDING, &none, NULL) < 0 || kill(1, SIGRTMIN) < 0)
		_exit(1);
}

/* Who shares its processes: forges whenever it is told to. */
static _Noreturn void share(int told)
{
	for (char byte; read(told, &byte, 1) == 1;) {
		forge(byte);
		if (write(told, &byte, 1) != 1)
			_exit(1);
	}
	_exit(0);
}

struct made {
	pid_t holder, other;
};

static _Noreturn void make(int tell, int told)
{
	struct made m;
	if (unshare(CLONE_NEWUSER | CLONE_NEWPID) < 0)
		_exit(77);
	m.holder = fork();
	if (m.holder == 0)
		hold();
	while (!(status_bits(m.holder, "SigIgn:\t") >> (SIGCHLD - 1) & 1)) /* soon it waits */
		sched_yield();
	m.other = fork();
	if (m.other == 0)
		share(told);
	_exit(write(tell, &m, sizeof(m)) == sizeof(m) ? 0 : 1);
}

/* In a process of its own: whose it is when its maker has ended. */
static int hold_and_forge(void)
{
	int pair[2], made[2], held, status;
	struct made m;
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 || pipe2(made, O_CLOEXEC) < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return 1;
	pid_t maker = fork();
	if (maker == 0)
		make(made[1], pair[1]);
	if (waitpid(maker, &status, 0) != maker || status != 0)
		return WIFEXITED(status) ? WEXITSTATUS(status) : 2;
	if (read(made[0], &m, sizeof(m)) != sizeof(m))
		return 3;
	close(pair[1]);
	ssize_t n = 1;
	for (char i = 0, byte; n == 1 && i < 4; i++) {
		until_heard(m.holder);
		byte = (char)(i & 1);
		n = write(pair[0], &byte, 1) == 1 ? read(pair[0], &byte, 1) : -1;
	}
	until_heard(m.holder);
	close(pair[0]);
	kill(m.holder, SIGKILL);
	if (waitpid(m.other, &status, 0) != m.other || waitpid(m.holder, &held, 0) != m.holder)
		return 5;
	return WIFSIGNALED(held) && WTERMSIG(held) == SIGKILL ? 0 : 6;
}

static void who_shares_its_processes_does_not_end_it_in_the_kernels_name(void)
{
	int status = -1;
	pid_t pid = fork();
	if (pid == 0)
		_exit(hold_and_forge());
	is_int(waitpid(pid, &status, 0), pid);
	ok(WIFEXITED(status));
	is_int(WEXITSTATUS(status), 0);
}

int main(void)
{
	test(who_shares_its_processes_does_not_end_it_in_the_kernels_name);
	return done_testing();
}

/* hold_test.c - the process that holds the namespaces of a pod. */
#include "base/buf.h"
#include "base/file.h"
#include "box/hold.h"
#include "tap.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

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

/* As if the kernel had sent it, which has no pid. */
static _Noreturn void forge(void)
{
	siginfo_t info = { .si_signo = SIGRTMIN, .si_code = SI_QUEUE };
	for (int i = 0; i < 2; i++)
		if (syscall(SYS_rt_sigqueueinfo, 1, SIGRTMIN, &info) < 0)
			_exit(1);
	_exit(0);
}

/* In a process of its own: who forks in a new pid namespace can do so no more once its first has
 * ended. */
static int hold_and_forge(void)
{
	int status = -1, held = -1;
	if (unshare(CLONE_NEWUSER | CLONE_NEWPID) < 0)
		return 77;
	pid_t holder = fork();
	if (holder == 0)
		hold();
	while (!(status_bits(holder, "SigIgn:\t") >> (SIGCHLD - 1) & 1)) /* it is about to wait */
		sched_yield();
	pid_t other = fork();
	if (other == 0)
		forge();
	if (waitpid(other, &status, 0) != other || status != 0)
		return 2;
	/* It has heard them when none is left; or has ended of them. */
	while (status_bits(holder, "ShdPnd:\t") > 0)
		sched_yield();
	(void)waitpid(holder, &held, WNOHANG);
	kill(holder, SIGKILL);
	if (held == -1 && waitpid(holder, &held, 0) != holder)
		return 3;
	return WIFSIGNALED(held) && WTERMSIG(held) == SIGKILL ? 0 : 4;
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

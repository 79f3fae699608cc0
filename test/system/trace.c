/* trace.c - trace PROGRAM ARG...: runs it as a debugger does, and says how many system calls it
 * made. */
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int status, stops = 0;
	pid_t pid = argc > 1 ? fork() : -1;

	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, 0, 0) < 0) {
			perror("trace");
			_exit(1);
		}
		execvp(argv[1], argv + 1);
		_exit(127);
	}
	while (pid > 0 && waitpid(pid, &status, 0) == pid && WIFSTOPPED(status)) {
		if (ptrace(PTRACE_SYSCALL, pid, 0, 0) < 0)
			return 1;
		stops++;
	}
	if (pid < 0 || !WIFEXITED(status) || WEXITSTATUS(status))
		return 1;
	printf("%d\n", stops / 2);
	return 0;
}

/* init.c - the first process of a container that has one of ours: starts, passes signals on, reaps.
 */
#include "box/init.h"
#include "base/log.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* In the child. */
static _Noreturn void run(char **argv, const sigset_t *before)
{
	setpgid(0, 0);
	tcsetpgrp(STDIN_FILENO,
		  getpid()); /* SIGTTOU is blocked; without a terminal nothing happens */
	sigprocmask(SIG_SETMASK, before, NULL);
	execvp(argv[0], argv);
	int missing = errno == ENOENT;
	log_error("execute %s: %s", argv[0], strerror(errno));
	_exit(missing ? 127 : 126);
}

/* All that have ended; exits when the child is among them. */
static void reap(pid_t child)
{
	int status;
	bool ended = false;
	int code = 0;
	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
		if (pid == child) {
			ended = true;
			code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		}
	if (ended)
		_exit(code);
}

/* Those of faults are for whoever made them, and cannot be waited for. */
static void signals_wait_for(sigset_t *set)
{
	static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT };
	sigfillset(set);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		sigdelset(set, faults[i]);
}

_Noreturn void init(char **argv)
{
	sigset_t all, before;
	signals_wait_for(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	prctl(PR_SET_CHILD_SUBREAPER, 1); /* where pid 1 is the machine's */
	pid_t child = argv[1] ? fork() : -1;
	if (child == 0)
		run(argv + 1, &before);
	if (child < 0) {
		log_error("%s: no command, or no process for it", INIT_NAME);
		_exit(125);
	}
	for (int sig;;) {
		if (sigwait(&all, &sig))
			continue;
		if (sig == SIGCHLD)
			reap(child);
		else if (sig != SIGTTIN && sig != SIGTTOU)
			kill(child, sig);
	}
}

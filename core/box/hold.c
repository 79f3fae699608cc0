/* hold.c - the process that holds the namespaces of a pod. */
#include "box/hold.h"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

/* Who made us ends, and then its parent, who has been ours since. In a pid namespace of our own its
 * processes may say so, too, or that the kernel does: that one alone is of nobody and sent so. */
_Noreturn void hold(void)
{
	siginfo_t info = { 0 };
	sigset_t end;
	sigemptyset(&end);
	sigaddset(&end, SIGRTMIN); /* one that is queued */
	prctl(PR_SET_NAME, HOLD_NAME);
	sigprocmask(SIG_BLOCK, &end, NULL);
	prctl(PR_SET_PDEATHSIG, SIGRTMIN);
	signal(SIGCHLD, SIG_IGN); /* the kernel reaps them */
	dup2(0, 1);
	for (int ends = 0; ends < 2;)
		if (sigwaitinfo(&end, &info) > 0 && info.si_code == SI_USER &&
		    (getpid() != 1 || !info.si_pid))
			ends++;
	_exit(0);
}

/* hold.c - the process that holds the namespaces of a pod. */
#include "box/hold.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

/* In a pid namespace of our own its processes may say so, too, or that the kernel does: that one
 * alone is of nobody and sent so. */
static bool ended(const sigset_t *end, const struct timespec *wait)
{
	siginfo_t info = { 0 };
	return sigtimedwait(end, &info, wait) > 0 && info.si_code == SI_USER &&
	       (getpid() != 1 || !info.si_pid);
}

/* Who made us ends, when nobody is in the pod yet; and then its parent, who has been ours since.
 * That takes us along by a signal that the pod's processes cannot send to their init: another they
 * could forge, as what finds no room in the queue is of nobody, too. Nor may they trace it. */
_Noreturn void hold(void)
{
	sigset_t end;
	sigemptyset(&end);
	sigaddset(&end, SIGRTMIN); /* one that is queued */
	prctl(PR_SET_NAME, HOLD_NAME);
	prctl(PR_SET_DUMPABLE, 0);
	sigprocmask(SIG_BLOCK, &end, NULL);
	prctl(PR_SET_PDEATHSIG, SIGRTMIN);
	signal(SIGCHLD, SIG_IGN); /* the kernel reaps them */
	dup2(0, 1);
	while (!ended(&end, NULL))
		;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (ended(&end, &(struct timespec){ 0 })) /* before that */
		_exit(0);
	signal(SIGRTMIN, SIG_IGN);
	sigprocmask(SIG_UNBLOCK, &end, NULL);
	for (;;)
		pause();
}

/* hold.c - the process that holds the namespaces of a pod. */
#include "box/hold.h"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

_Noreturn void hold(void)
{
	prctl(PR_SET_NAME, HOLD_NAME);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGCHLD, SIG_IGN); /* the kernel reaps them */
	for (;;)
		pause();
}

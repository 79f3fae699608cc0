/* ns_test.c - namespaces as seen of other processes. */
#include "tap.h"

#include "box/ns.h"

#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void a_process_of_ours_has_our_namespaces(void)
{
	uint64_t flags = 1;
	is_int(ns_different(getpid(), 0, &flags), 0);
	is_int((int)flags, 0);
	is_int(ns_different(getpid(), CLONE_NEWNET, &flags), 0);
	is_int((int)flags, CLONE_NEWNET);
}

/* "None are different" would be: run it right here, on the host. */
static void the_namespaces_of_the_dead_are_not_ours(void)
{
	uint64_t flags = 7;
	siginfo_t info;
	pid_t pid = fork();
	if (pid == 0)
		_exit(0);
	is_int(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0); /* a zombie now */
	ok(ns_different(pid, CLONE_NEWPID, &flags) < 0);
	is_int(waitpid(pid, NULL, 0), pid);
	ok(ns_different(pid, CLONE_NEWPID, &flags) < 0);
	is_int((int)flags, 7);
}

int main(void)
{
	test(a_process_of_ours_has_our_namespaces);
	test(the_namespaces_of_the_dead_are_not_ours);
	return done_testing();
}

/* kin_test.c - the processes of a container that has no cgroup. */
#include "tap.h"

#include "base/proc.h"
#include "box/kin.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* A process that has two children, of which one has ended and is not reaped. */
static pid_t family(int *ready)
{
	int pipe_[2];
	if (pipe(pipe_) < 0)
		return -1;
	pid_t pid = fork();
	if (pid == 0) {
		siginfo_t info;
		pid_t zombie = fork();
		if (zombie == 0)
			_exit(0);
		if (fork() == 0) {
			pause();
			_exit(0);
		}
		waitid(P_PID, (id_t)zombie, &info, WEXITED | WNOWAIT);
		(void)!write(pipe_[1], "r", 1);
		pause();
		_exit(0);
	}
	char byte;
	close(pipe_[1]);
	*ready = read(pipe_[0], &byte, 1) == 1;
	close(pipe_[0]);
	return pid;
}

static void kin_are_the_living_descendants_of_init(void)
{
	auto_arena *a = arena_new(16 << 20);
	const struct strs none = { 0 };
	struct u32s pids;
	struct err e = { 0 };
	int ready = 0;
	pid_t init = family(&ready);
	ok(ready);
	is_int(kin_pids(init, &none, a, &pids, &e), 0);
	is_int((int)pids.n, 2);
	ok(pids.n == 2 && (pids.v[0] == (uint32_t)init || pids.v[1] == (uint32_t)init));
	int held = proc_hold(init);
	is_int(kin_signal(init, held, &none, SIGKILL, &e), 0);
	ok(proc_ended(held));
	is_int(kin_pids(init, &none, a, &pids, &e), 0);
	is_int((int)pids.n, 0);
	close(held);
	waitpid(init, NULL, 0);
}

/* One that starts another child as soon as its child has ended, and that child one of its own. All
 * hold the pipe. */
static void be_a_keeper(void)
{
	for (;;) {
		pid_t child = fork();
		if (child == 0) {
			(void)!fork();
			for (;;)
				pause();
		}
		waitpid(child, NULL, 0);
	}
}

static void who_is_killed_takes_all_it_started_with_it(void)
{
	struct err e = { 0 };
	struct u32s pids = { 0 };
	int pipe_[2];
	char byte;
	is_int(pipe(pipe_), 0);
	pid_t pid = fork();
	if (pid == 0) {
		close(pipe_[0]);
		be_a_keeper();
	}
	close(pipe_[1]);
	for (bool all = false; !all;) {
		auto_arena *a = arena_new(16 << 20);
		is_int(kin_pids(pid, &(struct strs){ 0 }, a, &pids, &e), 0);
		all = pids.n == 3;
	}
	int held = proc_hold(pid);
	is_int(kin_kill(pid, held, &e), 0);
	is_int(read(pipe_[0], &byte, 1), 0); /* nobody has its other end */
	ok(proc_ended(held));
	close(held);
	close(pipe_[0]);
	waitpid(pid, NULL, 0);
}

static void who_never_was_has_no_kin(void)
{
	auto_arena *a = arena_new(16 << 20);
	struct u32s pids = { .n = 7 };
	is_int(kin_pids(0, &(struct strs){ 0 }, a, &pids, NULL), 0);
	is_int((int)pids.n, 0);
}

int main(void)
{
	test(kin_are_the_living_descendants_of_init);
	test(who_is_killed_takes_all_it_started_with_it);
	test(who_never_was_has_no_kin);
	return done_testing();
}

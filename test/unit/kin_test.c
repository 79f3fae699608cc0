/* kin_test.c - the processes of a container that has no cgroup. */
#include "tap.h"

#include "base/proc.h"
#include "box/kin.h"

#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
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
	int held = proc_hold(init);
	const struct kin_of of = { init, held, &none };
	is_int(kin_pids(&of, a, &pids, &e), 0);
	is_int((int)pids.n, 2);
	ok(pids.n == 2 && (pids.v[0] == (uint32_t)init || pids.v[1] == (uint32_t)init));
	is_int(kin_signal(&of, SIGKILL, &e), 0);
	ok(proc_ended(held));
	is_int(kin_pids(&of, a, &pids, &e), 0);
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
	int held = proc_hold(pid);
	const struct kin_of of = { pid, held, &(struct strs){ 0 } };
	for (bool all = false; !all;) {
		auto_arena *a = arena_new(16 << 20);
		is_int(kin_pids(&of, a, &pids, &e), 0);
		all = pids.n == 3;
	}
	is_int(kin_kill(pid, held, &e), 0);
	is_int(read(pipe_[0], &byte, 1), 0); /* nobody has its other end */
	ok(proc_ended(held));
	close(held);
	close(pipe_[0]);
	waitpid(pid, NULL, 0);
}

/* In memory that all share. */
static struct {
	int hit, taken;
} *seen;

static void on_hit(int sig)
{
	(void)sig;
	seen->hit = 1;
}

/* A child that has that number. */
static pid_t fork_as(pid_t number)
{
	struct clone_args args = { .exit_signal = SIGCHLD,
				   .set_tid = (uint64_t)(uintptr_t)&number,
				   .set_tid_size = 1 };
	return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

/* Has children that end at once, and tells whose number is free; waits for leave to go on. That
 * they and who takes the number last a moment, of different length, makes the meeting likelier:
 * nothing is awaited so. */
static void lose_children(int numbers, int leave)
{
	char byte;
	for (;;) {
		pid_t child = fork();
		if (child == 0)
			_exit(0);
		usleep(50);
		waitpid(child, NULL, 0);
		if (write(numbers, &child, sizeof(child)) <= 0 || read(leave, &byte, 1) != 1)
			_exit(0);
	}
}

/* Takes these numbers for a child of its own, who is not to be hit. */
static void take_numbers(int numbers, int leave)
{
	pid_t number;
	while (read(numbers, &number, sizeof(number)) == sizeof(number)) {
		pid_t pid = fork_as(number);
		if (pid == 0) {
			usleep(300);
			_exit(0);
		}
		if (pid > 0) {
			seen->taken++;
			waitpid(pid, NULL, 0);
		}
		if (write(leave, "l", 1) != 1)
			break;
	}
}

static void strangers_take_the_numbers(void)
{
	int numbers[2], leave[2];
	const struct strs none = { 0 };
	is_int(pipe(numbers) | pipe(leave), 0);
	pid_t taker = fork();
	if (taker == 0) {
		close(numbers[1]);
		signal(SIGTERM, on_hit); /* its children's, from their birth on */
		take_numbers(numbers[0], leave[1]);
		_exit(0);
	}
	signal(SIGTERM, SIG_IGN); /* init's, too */
	pid_t init = fork();
	if (init == 0)
		lose_children(numbers[1], leave[0]);
	int held = proc_hold(init);
	const struct kin_of of = { init, held, &none };
	close(numbers[1]);
	for (int i = 0; (i < 20000 || seen->taken < 100) && !seen->hit; i++) {
		struct err e = { 0 };
		if (kin_signal(&of, SIGTERM, &e) < 0)
			break;
	}
	is_int(seen->hit, 0);
	ok(seen->taken >= 100);
	proc_signal(held, SIGKILL);
	waitpid(init, NULL, 0);
	close(held);
	close(numbers[0]);
	close(leave[0]);
	close(leave[1]);
	waitpid(taker, NULL, 0);
}

/* Does that as the first process of a pid namespace, which one may have without being root; 77: not
 * here. */
static int in_a_world_of_our_own(void (*fact)(void))
{
	int status;
	pid_t outer = fork();
	if (outer)
		return waitpid(outer, &status, 0) == outer && WIFEXITED(status)
			       ? WEXITSTATUS(status)
			       : 1;
	if (unshare(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS) < 0)
		_exit(77);
	pid_t first = fork();
	if (first == 0) {
		if (mount("proc", "/proc", "proc", 0, NULL) < 0)
			_exit(77);
		fact();
		fflush(stdout);
		_exit(tap.bad);
	}
	_exit(waitpid(first, &status, 0) == first && WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

static void who_has_the_number_of_a_child_that_ended_is_no_kin(void)
{
	seen = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ok(fork_as(getpid()) < 0); /* it is taken: only who may not choose hears something else */
	if (errno == EEXIST) {
		strangers_take_the_numbers();
		return;
	}
	int status = in_a_world_of_our_own(strangers_take_the_numbers);
	if (status == 77)
		tap.skipped = "who is not root and has no user namespace cannot choose the "
			      "number of a process";
	else
		is_int(status, 0);
}

static void who_never_was_has_no_kin(void)
{
	auto_arena *a = arena_new(16 << 20);
	struct u32s pids = { .n = 7 };
	is_int(kin_pids(&(struct kin_of){ 0, -1, &(struct strs){ 0 } }, a, &pids, NULL), 0);
	is_int((int)pids.n, 0);
}

int main(void)
{
	test(kin_are_the_living_descendants_of_init);
	test(who_is_killed_takes_all_it_started_with_it);
	test(who_has_the_number_of_a_child_that_ended_is_no_kin);
	test(who_never_was_has_no_kin);
	return done_testing();
}

/* identity_test.c - processes that hand a token round, of which some die. */
#include "tap.h"

#include "image/identity.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define WHOSE "registry.example"

static void end_of(pid_t pid)
{
	siginfo_t info;
	ok(pid > 0 && waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) == 0);
}

/* Of the ends of several children at once there is one signal. */
static void who_died_with_it_is_known_whoever_else_ended_before(void)
{
	struct identity i = { 0 };
	struct err e = { 0 };
	auto_arena *a = arena_new(1 << 20);
	const char *token = NULL;
	sigset_t children;
	sigemptyset(&children);
	sigaddset(&children, SIGCHLD);
	sigprocmask(SIG_BLOCK, &children, NULL);
	is_int(identity_share(&i, "first", WHOSE, &e), 0);
	pid_t pid = fork();
	if (pid == 0)
		_exit(2);
	end_of(pid);
	pid = fork();
	if (pid == 0) {
		identity_take(&i, WHOSE, a, &token, &e);
		kill(getpid(), SIGKILL);
	}
	end_of(pid);
	is_int(identity_take(&i, WHOSE, a, &token, &e), -EIO);
	is_str(e.msg, "the process that had the identity token of " WHOSE " was killed");
	identity_close(&i);
}

static void what_one_puts_back_the_next_takes_whoever_dies_then(void)
{
	struct identity i = { 0 };
	struct err e = { 0 };
	auto_arena *a = arena_new(1 << 20);
	const char *token = NULL;
	is_int(identity_share(&i, "first", WHOSE, &e), 0);
	pid_t pid = fork();
	if (pid == 0) {
		identity_take(&i, WHOSE, a, &token, &e);
		identity_put(&i, "second", WHOSE, &e);
		kill(getpid(), SIGKILL);
	}
	end_of(pid);
	is_int(identity_take(&i, WHOSE, a, &token, &e), 0);
	is_str(token, "second");
	is_int(identity_put(&i, "third", WHOSE, &e), 0);
	is_int(identity_take(&i, WHOSE, a, &token, &e), 0);
	is_str(token, "third");
	identity_close(&i);
}

int main(void)
{
	test(who_died_with_it_is_known_whoever_else_ended_before);
	test(what_one_puts_back_the_next_takes_whoever_dies_then);
	return done_testing();
}

/* proc_test.c - processes held by pidfd, and the names of signals. */
#include "tap.h"

#include "base/file.h"
#include "base/proc.h"
#include "base/sys.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

static pid_t child_that_waits(void)
{
	pid_t pid = fork();
	if (pid == 0)
		for (;;)
			pause();
	return pid;
}

static void pid_and_start_time_are_an_identity(void)
{
	pid_t pid = child_that_waits();
	char state = 0;
	uint64_t start = proc_start_time(pid, &state);
	ok(start > 0 && state);
	auto_close int fd = proc_open(pid, start, NULL);
	ok(fd >= 0);
	is_int(proc_open(pid, start + 1, NULL), -ESRCH);
	is_int(proc_open(0, 0, NULL), -ESRCH);
	ok(!proc_ended(fd));
	is_int(proc_wait_end(fd, 0), -ETIMEDOUT);
	kill(pid, SIGKILL);
	is_int(proc_wait_end(fd, -1), 0);
	ok(proc_ended(fd));
	is_int(proc_open(pid, start, NULL), -ESRCH); /* a zombie has gone */
	struct exit_status st = { 0 };
	is_int(proc_reap(fd, &st), 0);
	is_int(st.signal, SIGKILL);
	is_int(st.code, 128 + SIGKILL);
	is_int(proc_reap(fd, &st), -ECHILD);
	is_int(proc_start_time(pid, NULL), 0);
}

/* As proc_hold gives before Linux 5.3. */
static void a_directory_of_proc_holds_a_process_too(void)
{
	char path[32];
	struct exit_status st = { 0 };
	pid_t pid = child_that_waits();
	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	auto_close int fd = openat(-1, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_close int dir = proc_dir(fd);
	ok(fd >= 0 && dir >= 0);
	ok(!proc_ended(fd));
	is_int(proc_wait_end(fd, 20), -ETIMEDOUT);
	is_int(proc_signal(fd, SIGKILL), 0);
	is_int(proc_wait_end(fd, -1), 0);
	ok(proc_ended(fd));
	is_int(proc_reap(fd, &st), 0);
	is_int(st.signal, SIGKILL);
	ok(proc_ended(fd));
	is_int(proc_signal(fd, SIGKILL), -ESRCH);
	is_int(proc_reap(fd, &st), -ECHILD);
}

static void a_held_process_has_its_directory(void)
{
	pid_t pid = child_that_waits();
	auto_close int fd = proc_hold(pid);
	auto_close int dir = proc_dir(fd);
	struct exit_status st = { 0 };
	ok(fd >= 0 && dir >= 0 && faccessat(dir, "ns/pid", F_OK, AT_SYMLINK_NOFOLLOW) == 0);
	proc_signal(fd, SIGKILL);
	is_int(proc_reap(fd, &st), 0);
	is_int(proc_dir(fd), -ESRCH);
	is_int(proc_signal(fd, 0), -ESRCH);
}

static void an_exit_code_is_told(void)
{
	pid_t pid = fork();
	if (pid == 0)
		_exit(42);
	auto_close int fd = proc_hold(pid);
	struct exit_status st = { 0 };
	is_int(proc_reap(fd, &st), 0);
	is_int(st.code, 42);
	is_int(st.signal, 0);
}

static void an_end_is_told_while_it_is_known_to_who_does_not_reap(void)
{
	struct exit_status st = { 0 };
	pid_t pid = child_that_waits();
	uint64_t start = proc_start_time(pid, NULL);
	auto_close int fd = proc_hold(pid);
	is_int(proc_how_ended(pid, start, fd, &st), -ENODATA);
	proc_signal(fd, SIGTERM);
	is_int(proc_wait_end(fd, -1), 0);
	is_int(proc_how_ended(pid, start, -1, &st), 0);
	is_int(st.code, 128 + SIGTERM);
	is_int(st.signal, SIGTERM);
	is_int(proc_how_ended(pid, start + 1, -1, &st), -ENODATA);
	is_int(proc_reap(fd, &st), 0);
	is_int(proc_how_ended(pid, start, -1, &st), -ENODATA);
	st = (struct exit_status){ 0 };
	int rc = proc_how_ended(pid, start, fd, &st); /* since Linux 6.15 */
	ok(rc == -ENODATA || (rc == 0 && st.code == 128 + SIGTERM && st.signal == SIGTERM));
}

static void a_session_is_its_leaders(void)
{
	is_int(proc_session(getpid()), getsid(0));
	is_int(proc_session(-1), 0);
}

static void signals_have_names_and_numbers(void)
{
	is_int(signal_parse("SIGTERM"), SIGTERM);
	is_int(signal_parse("term"), SIGTERM);
	is_int(signal_parse("Kill"), SIGKILL);
	is_int(signal_parse("15"), 15);
	is_int(signal_parse("64"), 64);
	is_int(signal_parse("SIGRTMIN"), 34);
	is_int(signal_parse("RTMIN+3"), 37);
	is_int(signal_parse("RTMAX-14"), 50);
	is_int(signal_parse("SIGRTMAX"), 64);
	static const char *const bad[] = { "",	     "SIG",	"0",	      "65",
					   "-9",     "9x",	"NONE",	      "RTMIN+31",
					   "RTMIN+", "RTMAX+1", "SIGSIGTERM", " 9" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (signal_parse(bad[i]) != -EINVAL)
			TAP_FAIL("accepted: '%s' as %d", bad[i], signal_parse(bad[i]));
	is_str(signal_name(SIGHUP), "SIGHUP");
	is_str(signal_name(SIGABRT), "SIGABRT");
}

int main(void)
{
	test(pid_and_start_time_are_an_identity);
	test(a_directory_of_proc_holds_a_process_too);
	test(a_held_process_has_its_directory);
	test(an_exit_code_is_told);
	test(an_end_is_told_while_it_is_known_to_who_does_not_reap);
	test(a_session_is_its_leaders);
	test(signals_have_names_and_numbers);
	return done_testing();
}

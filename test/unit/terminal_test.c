/* terminal_test.c - a real pty copied to a pipe that is slower than it. */
#include "base/sys.h"
#include "tap.h"
#include "ttrpc/terminal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>

static struct {
	struct loop *loop;
	struct terminal *terminal;
	int master, slave, out[2], in[2];
	struct watch reader;
	size_t got, bad;
	bool ended, drained;
	unsigned reads;
} t;

static void finish_when_both(void)
{
	if (t.ended && t.drained)
		loop_stop(t.loop);
}

static void on_reader(void *arg, uint32_t events)
{
	char p[1000];
	(void)arg;
	(void)events;
	ssize_t n = read(t.out[0], p, sizeof(p));
	if (n <= 0) {
		loop_remove(t.loop, &t.reader);
		t.ended = true;
	}
	for (ssize_t i = 0; i < n; i++)
		t.bad += p[i] != 'x';
	t.got += n > 0 ? (size_t)n : 0;
	finish_when_both();
}

static void on_drained(void *arg)
{
	(void)arg;
	t.drained = true;
	finish_when_both();
}

static void set_up(void)
{
	memset(&t, 0, sizeof(t));
	t.loop = loop_new();
	t.master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	ok(t.master >= 0 && !unlockpt(t.master));
	t.slave = open(ptsname(t.master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	ok(t.slave >= 0);
	struct termios raw;
	tcgetattr(t.slave, &raw);
	cfmakeraw(&raw);
	tcsetattr(t.slave, TCSANOW, &raw);
	ok(!pipe2(t.out, O_NONBLOCK | O_CLOEXEC) && !pipe2(t.in, O_NONBLOCK | O_CLOEXEC));
	t.terminal = terminal_new(t.loop, t.master, t.in[0], t.out[1]);
	t.reader = (struct watch){ .fd = t.out[0], .ready = on_reader };
	loop_add(t.loop, &t.reader, EPOLLIN);
}

static void tear_down(void)
{
	terminal_free(t.terminal);
	close(t.out[0]);
	close(t.in[1]);
	loop_free(t.loop);
}

static pid_t writer(size_t total)
{
	pid_t pid = fork();
	if (pid)
		return pid;
	char p[4096];
	memset(p, 'x', sizeof(p));
	while (total) {
		ssize_t n = write(t.slave, p, total < sizeof(p) ? total : sizeof(p));
		if (n <= 0)
			_exit(1);
		total -= (size_t)n;
	}
	_exit(0);
}

struct ending {
	struct watch w;
};

static void on_exit_of_writer(void *arg, uint32_t events)
{
	struct ending *d = arg;
	int status;
	(void)events;
	ok(waitpid(-1, &status, 0) > 0 && status == 0);
	loop_remove(t.loop, &d->w);
	terminal_end(t.terminal, on_drained, NULL);
}

static void no_byte_is_lost_and_the_end_is_seen(void)
{
	set_up();
	pid_t pid = writer(3 << 20);
	close(t.slave);
	struct ending d = { { .fd = sys_pidfd_open(pid), .ready = on_exit_of_writer, .arg = &d } };
	loop_add(t.loop, &d.w, EPOLLIN);
	loop_run(t.loop);
	is_int(t.got, 3 << 20);
	is_int(t.bad, 0);
	close(d.w.fd);
	tear_down();
}

static void input_reaches_the_terminal(void)
{
	char p[8] = "";
	set_up();
	is_int(write(t.in[1], "abc", 3), 3);
	close(t.in[1]);
	t.in[1] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	t.ended = true;
	struct watch w = { .fd = t.slave,
			   .ready = (void (*)(void *, uint32_t))(uintptr_t)loop_stop,
			   .arg = t.loop };
	loop_add(t.loop, &w, EPOLLIN);
	loop_run(t.loop);
	is_int(read(t.slave, p, sizeof(p)), 3);
	is_str(p, "abc");
	loop_remove(t.loop, &w);
	close(t.slave);
	tear_down();
}

static void on_moment(void *arg, uint32_t events)
{
	(void)events;
	loop_stop(arg);
}

/* Lets the terminal do what it can. */
static void run_for_a_moment(void)
{
	struct watch w = { .fd = timer_new(50, 0), .ready = on_moment, .arg = t.loop };
	loop_add(t.loop, &w, EPOLLIN);
	loop_run(t.loop);
	loop_remove(t.loop, &w);
	close(w.fd);
}

/* How many bytes nobody takes out of the terminal, until it takes no more. */
static size_t fill(void)
{
	char p[4096];
	size_t total = 0;
	memset(p, 'a', sizeof(p));
	for (ssize_t n, more = 1; more;) {
		for (more = 0; (n = write(t.in[1], p, sizeof(p))) > 0; total += (size_t)n)
			more = 1;
		run_for_a_moment();
	}
	return total;
}

static void what_is_written_after_the_end_of_input_is_no_input(void)
{
	char p[4096];
	size_t taken = 0, late = 0;
	set_up();
	fcntl(t.slave, F_SETFL, O_NONBLOCK);
	size_t total = fill();
	ssize_t room = read(t.in[0], p, sizeof(p));
	ok(room > 0);
	total -= (size_t)room;
	terminal_close_input(t.terminal);
	is_int(write(t.in[1], "zzz", 3), 3);
	/* All of it, however late a worker of the kernel brings it; then a moment for what is too
	 * much. */
	for (int quiet = 0, moments = 0; quiet < 4 && moments < 600; moments++) {
		for (ssize_t n; (n = read(t.slave, p, sizeof(p))) > 0;) {
			taken += (size_t)n;
			for (ssize_t i = 0; i < n; i++)
				late += p[i] == 'z';
		}
		quiet += taken >= total;
		run_for_a_moment();
	}
	is_int(taken, total);
	is_int(late, 0);
	close(t.slave);
	tear_down();
}

static void a_terminal_has_the_size_that_it_was_given(void)
{
	struct winsize w = { 0 };
	set_up();
	is_int(terminal_resize(t.terminal, 77, 33), 0);
	ioctl(t.slave, TIOCGWINSZ, &w);
	is_int(w.ws_col, 77);
	is_int(w.ws_row, 33);
	close(t.slave);
	tear_down();
}

int main(void)
{
	test(no_byte_is_lost_and_the_end_is_seen);
	test(input_reaches_the_terminal);
	test(what_is_written_after_the_end_of_input_is_no_input);
	test(a_terminal_has_the_size_that_it_was_given);
	return done_testing();
}

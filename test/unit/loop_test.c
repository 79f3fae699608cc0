/* loop_test.c - the event loop, its timers and signals, and fds over sockets. */
#include "tap.h"

#include "base/fdpass.h"
#include "base/file.h"
#include "base/loop.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

struct scene {
	struct loop *l;
	struct watch a, b;
	int a_ran, b_ran;
};

static void on_a(void *arg, uint32_t events)
{
	struct scene *s = arg;
	ok(events & EPOLLIN);
	s->a_ran++;
	loop_remove(s->l, &s->b);
	loop_stop(s->l);
}

static void on_b(void *arg, uint32_t events)
{
	struct scene *s = arg;
	(void)events;
	s->b_ran++;
	loop_remove(s->l, &s->a);
	loop_stop(s->l);
}

static void a_removed_watch_gets_nothing_more(void)
{
	int p[2], q[2];
	struct scene s = { .l = loop_new() };
	ok(s.l && pipe2(p, O_CLOEXEC) == 0 && pipe2(q, O_CLOEXEC) == 0);
	s.a = (struct watch){ p[0], on_a, &s };
	s.b = (struct watch){ q[0], on_b, &s };
	is_int(loop_add(s.l, &s.a, EPOLLIN), 0);
	is_int(loop_add(s.l, &s.b, EPOLLIN), 0);
	is_int(write(p[1], "x", 1) + write(q[1], "x", 1), 2); /* both in one batch */
	is_int(loop_run(s.l), 0);
	is_int(s.a_ran + s.b_ran, 1);
	for (int i = 0; i < 2; i++) {
		close(p[i]);
		close(q[i]);
	}
	loop_free(s.l);
	loop_free(NULL);
}

/* What waits its turn, by its letter; in the order in which they ran. */
struct queue {
	struct loop *l;
	struct watch w[4];
	int pipes[4][2];
	char ran[16];
};

static void take(struct queue *q, int i)
{
	char c;
	ok(read(q->w[i].fd, &c, 1) == 1);
	q->ran[strlen(q->ran)] = "abcd"[i];
}

/* Lengthy; meanwhile c becomes ready again, and what is still to come of d is not any more. */
static void on_lengthy_a(void *arg, uint32_t events)
{
	struct queue *q = arg;
	(void)events;
	take(q, 0);
	ok(write(q->pipes[2][1], "x", 1) == 1);
	loop_remove(q->l, &q->w[3]);
}

static void on_lengthy_b(void *arg, uint32_t events)
{
	struct queue *q = arg;
	(void)events;
	take(q, 1);
	loop_stop(q->l);
}

static void on_quick_c(void *arg, uint32_t events)
{
	(void)events;
	take(arg, 2);
}

static void on_lengthy_d(void *arg, uint32_t events)
{
	(void)events;
	take(arg, 3);
}

/* Runs a loop of n pipes that are all ready, of which the quick one is not lengthy; -1: none is
 * quick. */
static void run_queue(struct queue *q, void (*const ready[])(void *, uint32_t), int n, int quick)
{
	q->l = loop_new();
	ok(q->l != NULL);
	for (int i = 0; i < n; i++) {
		ok(pipe2(q->pipes[i], O_CLOEXEC) == 0);
		q->w[i] = (struct watch){ q->pipes[i][0], ready[i], q, i != quick };
		is_int(loop_add(q->l, &q->w[i], EPOLLIN), 0);
		is_int(write(q->pipes[i][1], "x", 1), 1);
	}
	is_int(loop_run(q->l), 0);
	for (int i = 0; i < n; i++) {
		close(q->pipes[i][0]);
		close(q->pipes[i][1]);
	}
	loop_free(q->l);
}

static void what_is_quick_comes_before_each_that_is_lengthy(void)
{
	void (*const ready[])(void *, uint32_t) = { on_lengthy_a, on_lengthy_b, on_quick_c,
						    on_lengthy_d };
	struct queue q = { 0 };
	run_queue(&q, ready, 4, 2);
	is_str(q.ran, "cacb");
}

/* Which of two lengthy ones that stay ready ran, until they have eight times. */
static void take_turn(void *arg, char which)
{
	struct queue *q = arg;
	size_t n = strlen(q->ran);
	q->ran[n] = which;
	if (n == 7)
		loop_stop(q->l);
}

static void on_turn_a(void *arg, uint32_t events)
{
	(void)events;
	take_turn(arg, 'a');
}

static void on_turn_b(void *arg, uint32_t events)
{
	(void)events;
	take_turn(arg, 'b');
}

static void lengthy_ones_that_stay_ready_take_turns(void)
{
	void (*const ready[])(void *, uint32_t) = { on_turn_a, on_turn_b };
	struct queue q = { 0 };
	run_queue(&q, ready, 2, -1);
	is_str(q.ran, "abababab");
}

static void stop(void *arg, uint32_t events)

{
	(void)events;
	loop_stop(arg);
}

static void a_timer_fires_and_can_be_set_again(void)
{
	struct loop *l = loop_new();
	auto_close int fd = timer_new(1, 0);
	struct watch w = { fd, stop, l };
	uint64_t times;
	is_int(loop_add(l, &w, EPOLLIN), 0);
	is_int(loop_run(l), 0);
	is_int(read(fd, &times, sizeof(times)), sizeof(times));
	is_int(timer_set(fd, 1, 0), 0);
	is_int(loop_run(l), 0);
	is_int(read(fd, &times, sizeof(times)), sizeof(times));
	is_int(timer_set(fd, 0, 0), 0);
	is_int(read(fd, &times, sizeof(times)), -1);
	loop_remove(l, &w);
	is_int(loop_change(l, &w, EPOLLIN), -ENOENT);
	loop_free(l);
}

static void signals_come_as_events(void)
{
	auto_close int fd = signals_fd((const int[]){ SIGUSR1, SIGUSR2, 0 });
	struct signalfd_siginfo info;
	ok(fd >= 0);
	raise(SIGUSR2);
	is_int(read(fd, &info, sizeof(info)), sizeof(info));
	is_int(info.ssi_signo, SIGUSR2);
}

static void fds_travel_with_a_message(void)
{
	int pair[2], p[2], got[FDPASS_MAX];
	char text[8] = "", out[2];
	ok(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0 &&
	   pipe2(p, O_CLOEXEC) == 0);
	is_int(fd_send(pair[0], "hi", 2, p, 2), 0);
	is_int(fd_receive(pair[1], text, sizeof(text), got), 2);
	is_str(text, "hi");
	ok(got[0] >= 0 && got[1] >= 0 && got[2] == -1);
	is_int(fcntl(got[0], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	is_int(write(got[1], "y", 1), 1);
	is_int(read(p[0], out, 1), 1);
	is_int(fd_send(pair[0], "z", 1, p, FDPASS_MAX + 1), -EINVAL);
	close(pair[0]);
	is_int(fd_receive(pair[1], text, sizeof(text), got), 0);
	is_int(fd_send(pair[1], "z", 1, NULL, 0), -EPIPE);
	for (int i = 0; i < 2; i++) {
		close(p[i]);
		close(got[i]);
	}
	close(pair[1]);
}

static void a_socket_may_be_deeper_than_its_address(void)
{
	char top[] = "/tmp/coracle-loop-XXXXXX", deep[600] = "";
	struct err e = { 0 };
	auto_close int base = mkdtemp(top) ? open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	for (int i = 0; i < 10; i++)
		strcat(deep, "a-directory-with-a-long-name/");
	auto_close int dir = dir_make(base, deep, 0700, &e);
	auto_close int listener = unix_listen(dir, "sock", SOCK_STREAM, &e);
	ok(listener >= 0);
	auto_close int client = unix_connect(dir, "sock", SOCK_STREAM, &e);
	ok(client >= 0);
	is_str(e.msg, "");
	is_int(unix_connect(dir, "none", SOCK_STREAM, &e), -ENOENT);
	has_str(e.msg, "connect to socket none");
	is_int(unix_listen(dir, "sock", SOCK_STREAM, &e), -EADDRINUSE);
	is_int(tree_remove(AT_FDCWD, top, &e), 0);
}

int main(void)
{
	test(a_removed_watch_gets_nothing_more);
	test(what_is_quick_comes_before_each_that_is_lengthy);
	test(lengthy_ones_that_stay_ready_take_turns);
	test(a_timer_fires_and_can_be_set_again);
	test(signals_come_as_events);
	test(fds_travel_with_a_message);
	test(a_socket_may_be_deeper_than_its_address);
	return done_testing();
}

/* outlet_test.c - output that goes through a pipe of ours into a FIFO. */
#include "base/file.h"
#include "tap.h"
#include "ttrpc/outlet.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* The second stream is not used: it is none. A pipe is like a FIFO. */
static struct {
	struct loop *loop;
	struct outlet *o;
	int in, out; /* we write, we read */
	int done;
} t;

static void on_done(void *arg)
{
	(void)arg;
	t.done++;
	loop_stop(t.loop);
}

static void set_up(void)
{
	int p[2], q[2];
	memset(&t, 0, sizeof(t));
	ok(pipe2(p, O_CLOEXEC) == 0 && pipe2(q, O_CLOEXEC) == 0);
	t.in = p[1];
	t.out = q[0];
	t.loop = loop_new();
	t.o = outlet_new(t.loop, (int[]){ p[0], -1 }, (int[]){ q[1], -1 });
	ok(t.o != NULL);
}

static void tear_down(void)
{
	outlet_free(t.o);
	put_fd(&t.in, -1);
	put_fd(&t.out, -1);
	loop_free(t.loop);
}

static void say(const char *text)
{
	is_int(write(t.in, text, strlen(text)), (ssize_t)strlen(text));
}

/* What is there now. */
static void is_read(const char *want)
{
	char text[64] = "";
	ok(read(t.out, text, sizeof(text) - 1) > 0);
	is_str(text, want);
}

static int count_unread(void)
{
	int n = 0;
	ioctl(t.out, FIONREAD, &n);
	return n;
}

/* Both have as much as they take: so the rest of what is in the pipe waits. */
static void fill(int *pipe_size)
{
	static const char page[4096];
	*pipe_size = fcntl(t.in, F_GETPIPE_SZ);
	for (int i = 0; i < *pipe_size; i += (int)sizeof(page))
		ok(write(t.in, page, sizeof(page)) == (ssize_t)sizeof(page));
}

static void what_was_written_before_the_end_is_there_at_once_and_the_reader_sees_the_end(void)
{
	set_up();
	say("last words");
	put_fd(&t.in, -1);
	outlet_end(t.o, on_done, NULL);
	is_int(t.done, 1);
	ok(!outlet_is_open(t.o));
	is_read("last words");
	is_int(read(t.out, &(char){ 0 }, 1), 0);
	outlet_drain(t.o, on_done, NULL);
	is_int(t.done, 2);
	tear_down();
}

static void who_keeps_the_pipe_open_is_heard_until_it_is_closed_but_not_waited_for(void)
{
	set_up();
	say("one ");
	outlet_end(t.o, on_done, NULL);
	is_int(t.done, 1);
	ok(outlet_is_open(t.o));
	is_read("one ");
	outlet_drain(t.o, on_done, NULL);
	is_int(t.done, 1);
	say("two");
	put_fd(&t.in, -1);
	loop_run(t.loop);
	is_int(t.done, 2);
	is_read("two");
	is_int(read(t.out, &(char){ 0 }, 1), 0);
	tear_down();
}

static void what_is_freed_has_moved_what_there_is_and_closes_the_pipe(void)
{
	set_up();
	outlet_end(t.o, on_done, NULL);
	say("late");
	outlet_free(t.o);
	t.o = NULL;
	is_read("late");
	is_int(read(t.out, &(char){ 0 }, 1), 0);
	is_int(t.done, 1);
	tear_down();
}

static void a_reader_that_does_not_read_is_waited_for_a_second_and_loses_nothing(void)
{
	int size, got = 0, n;
	char some[4096];
	set_up();
	fill(&size);
	outlet_end(t.o, on_done, NULL);
	is_int(t.done, 1); /* all is in the FIFO */
	is_int(count_unread(), size);
	fill(&size);
	t.done = 0;
	outlet_end(t.o, on_done, NULL);
	is_int(t.done, 0);
	loop_run(t.loop);
	is_int(t.done, 1);
	put_fd(&t.in, -1);
	outlet_drain(t.o, on_done, NULL);
	is_int(t.done, 1);
	for (got = 0; got < size; got += n)
		n = (int)read(t.out, some, sizeof(some));
	loop_run(t.loop);
	is_int(t.done, 2);
	is_int(count_unread(), size);
	tear_down();
}

static int count_open(void)
{
	int n = 0;
	for (int fd = 0; fd < 64; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void who_waits_for_all_waits_for_nothing_else_any_more(void)
{
	char some[4096];
	int size, before = count_open();
	set_up();
	fill(&size);
	outlet_end(t.o, on_done, NULL);
	fill(&size);
	t.done = 0;
	outlet_end(t.o, on_done, NULL);
	outlet_drain(t.o, on_done, NULL);
	put_fd(&t.in, -1);
	for (int got = 0; got < size;)
		got += (int)read(t.out, some, sizeof(some));
	loop_run(t.loop);
	is_int(t.done, 1);
	tear_down();
	is_int(count_open(), before); /* no timer is left */
}

int main(void)
{
	test(what_was_written_before_the_end_is_there_at_once_and_the_reader_sees_the_end);
	test(who_keeps_the_pipe_open_is_heard_until_it_is_closed_but_not_waited_for);
	test(what_is_freed_has_moved_what_there_is_and_closes_the_pipe);
	test(a_reader_that_does_not_read_is_waited_for_a_second_and_loses_nothing);
	test(who_waits_for_all_waits_for_nothing_else_any_more);
	return done_testing();
}

/* leftover_test.c - output that is there before its reader. */
#include "base/file.h"
#include "tap.h"
#include "ttrpc/leftover.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct {
	struct loop *loop;
	char dir[40], fifo[48];
	int hold[2], done;
	struct leftover l;
} t;

static void on_done(void *arg)
{
	(void)arg;
	t.done++;
	loop_stop(t.loop);
}

/* A FIFO with that in it, whose writer has gone. */
static void set_up(const char *text)
{
	memset(&t, 0, sizeof(t));
	strcpy(t.dir, "/tmp/leftover-test-XXXXXX");
	ok(mkdtemp(t.dir) != NULL);
	snprintf(t.fifo, sizeof(t.fifo), "%s/f", t.dir);
	is_int(mkfifo(t.fifo, 0600), 0);
	t.loop = loop_new();
	t.hold[0] = open(t.fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	t.hold[1] = -1;
	auto_close int fd = open(t.fifo, O_WRONLY | O_CLOEXEC);
	is_int(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static void tear_down(void)
{
	leftover_free(&t.l);
	is_int(t.done, 1);
	close_fdp(&t.hold[0]);
	loop_free(t.loop);
	unlink(t.fifo);
	rmdir(t.dir);
}

static int reader(void)
{
	return open(t.fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
}

/* What the reader gets, up to the end. */
static void is_read(int fd, const char *want)
{
	char text[64] = "";
	ok(read(fd, text, sizeof(text) - 1) > 0);
	is_str(text, want);
	is_int(read(fd, text, 1), 0);
}

static void nothing_unread_is_nothing_to_wait_for(void)
{
	set_up("");
	leftover_wait(&t.l, t.loop, t.hold, on_done, NULL);
	is_int(t.done, 1);
	tear_down();
}

static void a_reader_that_is_there_has_it(void)
{
	set_up("out");
	auto_close int fd = reader();
	leftover_wait(&t.l, t.loop, t.hold, on_done, NULL);
	is_int(t.done, 1);
	is_read(fd, "out");
	tear_down();
}

static void a_reader_that_comes_late_has_it_too(void)
{
	set_up("out");
	leftover_wait(&t.l, t.loop, t.hold, on_done, NULL);
	is_int(t.done, 0);
	auto_close int fd = reader();
	loop_run(t.loop);
	is_read(fd, "out");
	tear_down();
}

static void a_reader_that_does_not_come_is_waited_for_a_second(void)
{
	set_up("out");
	leftover_wait(&t.l, t.loop, t.hold, on_done, NULL);
	loop_run(t.loop);
	auto_close int fd = reader();
	leftover_free(&t.l);
	is_read(fd, "out");
	tear_down();
}

int main(void)
{
	test(nothing_unread_is_nothing_to_wait_for);
	test(a_reader_that_is_there_has_it);
	test(a_reader_that_comes_late_has_it_too);
	test(a_reader_that_does_not_come_is_waited_for_a_second);
	return done_testing();
}

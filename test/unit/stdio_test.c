/* stdio_test.c - bytes carried from one fd to another, at the pace of the slower. */
#include "tap.h"

#include "base/file.h"
#include "base/loop.h"
#include "monitor/stdio.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

/* A relay from a pipe to a pipe, and the ends that are ours. */
struct bench {
	struct loop *loop;
	struct relay r;
	int in, out;  /* we write, we read */
	int from, to; /* the relay's */
};

static void begin(struct bench *b)
{
	int p[2], q[2];
	memset(b, 0, sizeof(*b));
	ok(pipe2(p, O_CLOEXEC) == 0 && pipe2(q, O_CLOEXEC | O_NONBLOCK) == 0);
	b->from = p[0];
	b->in = p[1];
	b->out = q[0];
	b->to = q[1];
	b->loop = loop_new();
}

static void end(struct bench *b)
{
	relay_stop(&b->r);
	loop_free(b->loop);
	put_fd(&b->in, -1);
	put_fd(&b->out, -1);
	put_fd(&b->from, -1);
	put_fd(&b->to, -1);
}

/* Reads what comes, and stops the loop at the end or when enough is there. */
struct reader {
	struct watch w;
	struct bench *b;
	struct buf got;
	size_t enough;
};

static void on_out(void *arg, uint32_t events)
{
	struct reader *r = arg;
	char text[1000];
	(void)events;
	ssize_t n = read(r->w.fd, text, sizeof(text));
	if (n > 0)
		buf_add(&r->got, text, (size_t)n);
	if (n <= 0 || r->got.len >= r->enough)
		loop_stop(r->b->loop);
}

static void collect(struct bench *b, struct reader *r, size_t enough)
{
	*r = (struct reader){ .w = { b->out, on_out, r }, .b = b, .enough = enough };
	ok(loop_add(b->loop, &r->w, EPOLLIN) == 0);
	ok(loop_run(b->loop) == 0);
	loop_remove(b->loop, &r->w);
}

static void what_goes_in_comes_out(void)
{
	struct bench b;
	struct reader r;
	begin(&b);
	ok(relay_start(&b.r, b.loop, b.from, b.to, NULL) == 0);
	ok(write(b.in, "hello", 5) == 5);
	collect(&b, &r, 5);
	is_str(r.got.p, "hello");
	buf_free(&r.got);
	end(&b);
}

static void more_than_the_pipe_holds_waits_and_loses_nothing(void)
{
	struct bench b;
	struct reader r;
	size_t n = 300000;
	char *text = malloc(n);
	begin(&b);
	for (size_t i = 0; i < n; i++)
		text[i] = (char)(i * 7 / 3);
	pid_t pid = fork();
	if (pid == 0) {
		close(b.out);
		write_all(b.in, text, n);
		_exit(0);
	}
	ok(relay_start(&b.r, b.loop, b.from, b.to, NULL) == 0);
	collect(&b, &r, n);
	is_int(r.got.len, n);
	ok(r.got.len == n && !memcmp(r.got.p, text, n));
	buf_free(&r.got);
	free(text);
	end(&b);
}

static void the_end_of_input_says_farewell(void)
{
	struct bench b;
	struct reader r;
	begin(&b);
	b.r.farewell = 4;
	ok(write(b.in, "x", 1) == 1);
	put_fd(&b.in, -1);
	ok(relay_start(&b.r, b.loop, b.from, b.to, NULL) == 0);
	collect(&b, &r, 2);
	is_str(r.got.p, "x\004");
	ok(b.r.ended);
	buf_free(&r.got);
	end(&b);
}

static void a_file_is_always_ready(void)
{
	struct bench b;
	struct reader r;
	char name[] = "/tmp/stdio_test.XXXXXX";
	size_t n = 200000;
	char *text = calloc(1, n);
	begin(&b);
	int file = mkstemp(name);
	memset(text, 'f', n);
	ok(write_all(file, text, n) == 0 && lseek(file, 0, SEEK_SET) == 0);
	ok(relay_start(&b.r, b.loop, file, b.to, NULL) == 0);
	collect(&b, &r, n);
	is_int(r.got.len, n);
	ok(b.r.ended || b.r.len == 0);
	close(file);
	unlink(name);
	free(text);
	buf_free(&r.got);
	end(&b);
}

static void a_reader_that_goes_away_does_not_stop_the_writer(void)
{
	struct bench b;
	char text[40000];
	begin(&b);
	signal(SIGPIPE, SIG_IGN);
	memset(text, 'z', sizeof(text));
	put_fd(&b.out, -1);
	ok(write_all(b.in, text, sizeof(text)) == 0);
	put_fd(&b.in, -1);
	b.r.loop = b.loop;
	ok(relay_start(&b.r, b.loop, b.from, b.to, NULL) == 0);
	relay_finish(&b.r);
	ok(b.r.error == EPIPE && b.r.ended);
	signal(SIGPIPE, SIG_DFL);
	end(&b);
}

static void finishing_carries_what_is_there_and_stops(void)
{
	struct bench b;
	char got[16] = "";
	begin(&b);
	ok(fcntl(b.from, F_SETFL, O_NONBLOCK) == 0);
	ok(relay_start(&b.r, b.loop, b.from, b.to, NULL) == 0);
	ok(write(b.in, "last", 4) == 4);
	relay_finish(&b.r);
	is_int(read(b.out, got, sizeof(got) - 1), 4);
	is_str(got, "last");
	ok(b.r.ended);
	end(&b);
}

static void a_pipe_is_no_terminal_and_stays_as_it_is(void)
{
	struct terminal t;
	int p[2];
	ok(pipe(p) == 0);
	is_int(terminal_raw(&t, p[0], NULL), 0);
	is_int(t.fd, -1);
	terminal_restore(&t);
	close(p[0]);
	close(p[1]);
}

static void a_terminal_is_raw_and_then_as_it_was(void)
{
	struct terminal t;
	struct termios before, raw, after;
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	ok(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
	int slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	ok(slave >= 0 && tcgetattr(slave, &before) == 0);
	is_int(terminal_raw(&t, slave, NULL), 0);
	ok(tcgetattr(slave, &raw) == 0 && !(raw.c_lflag & (ICANON | ECHO | ISIG)));
	terminal_restore(&t);
	ok(tcgetattr(slave, &after) == 0 && after.c_lflag == before.c_lflag &&
	   after.c_oflag == before.c_oflag && after.c_iflag == before.c_iflag);
	close(slave);
	close(master);
}

int main(void)
{
	test(what_goes_in_comes_out);
	test(more_than_the_pipe_holds_waits_and_loses_nothing);
	test(the_end_of_input_says_farewell);
	test(a_file_is_always_ready);
	test(a_reader_that_goes_away_does_not_stop_the_writer);
	test(finishing_carries_what_is_there_and_stops);
	test(a_pipe_is_no_terminal_and_stays_as_it_is);
	test(a_terminal_is_raw_and_then_as_it_was);
	return done_testing();
}

/* progress_test.c - what a terminal is told of a pull, whatever the manifest says. */
#include "image/progress.h"
#include "tap.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* A terminal; its other end is *other. */
static int terminal(int *other)
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || grantpt(fd) < 0 || unlockpt(fd) < 0)
		return -1;
	*other = open(ptsname(fd), O_RDWR | O_NOCTTY | O_CLOEXEC);
	return fd;
}

/* The next line of the terminal, for which a worker of the kernel may have to run first. */
static const char *line(int fd, char text[static 256])
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	size_t len = 0;
	while (len < 255 && poll(&ready, 1, 10000) > 0 && read(fd, text + len, 1) == 1)
		if (text[len++] == '\n')
			break;
	text[len] = 0;
	return text;
}

static void a_size_beyond_all_time_is_left_out_of_the_time_left(void)
{
	char text[256];
	int other = -1, fd = terminal(&other);
	struct descriptor d = { .digest = "sha256:0123456789abcdef", .size = INT64_MAX };
	struct fetch_progress p = { .layers = 1, .blob = &d, .state = LAYER_RUNNING };
	struct progress g = { .fd = other };
	ok(fd >= 0 && other >= 0);
	progress_layer(&g, &p);
	has_str(line(fd, text), "0 B of ");
	g.layers[0].began -= 1000000000;
	g.last = 0;
	p.bytes = 100;
	progress_layer(&g, &p);
	has_str(line(fd, text), "100 B of ");
	ok(!strstr(text, "left"));
	g.last = 0;
	d.size = 7300;
	progress_layer(&g, &p);
	has_str(line(fd, text), " left\r\n");
	close(other);
	close(fd);
}

/* The widest line there is, on a terminal of so many columns. */
static void running_on(unsigned short columns, char text[static 256])
{
	int other = -1, fd = terminal(&other);
	struct winsize w = { .ws_row = 24, .ws_col = columns };
	struct descriptor d = { .digest = "sha256:0123456789abcdef", .size = 999900000 };
	struct fetch_progress p = { .layers = 1, .blob = &d, .state = LAYER_RUNNING };
	struct progress g = { .fd = other };
	ok(fd >= 0 && other >= 0 && ioctl(other, TIOCSWINSZ, &w) == 0);
	progress_layer(&g, &p);
	line(fd, text);
	g.layers[0].began -= 1000000000;
	g.last = 0;
	p.bytes = 999900;
	progress_layer(&g, &p);
	line(fd, text);
	close(other);
	close(fd);
}

static void a_line_is_as_wide_as_the_terminal_at_the_most(void)
{
	char text[256];
	running_on(80, text);
	const char *from = strstr(text, "\033[K"), *end = strstr(text, " left\r\n");
	ok(from && end && strchr(text + 20, '[') && end + 5 - (from + 3) <= 80);
	running_on(20, text);
	has_str(text, "0123456789ab 999.9 kB of ");
	running_on(0, text);
	has_str(text, "0123456789ab [>                             ] 999.9 kB of ");
}

static void a_dumb_terminal_gets_a_line_when_a_layer_is_done(void)
{
	char text[256];
	int other = -1, fd = terminal(&other);
	struct descriptor d = { .digest = "sha256:0123456789abcdef", .size = 1000 };
	struct fetch_progress p = { .layers = 1, .blob = &d, .state = LAYER_RUNNING };
	struct progress g = { .fd = other };
	ok(fd >= 0 && other >= 0 && setenv("TERM", "dumb", 1) == 0);
	progress_layer(&g, &p);
	p.state = LAYER_DONE;
	progress_layer(&g, &p);
	is_str(line(fd, text), "layer 1 of 1, 0123456789ab, 1.0 kB: done\r\n");
	unsetenv("TERM");
	close(other);
	close(fd);
}

static struct progress many;
static struct descriptor blobs[6];

/* One of six layers, the i-th, is so far. */
static void step(size_t i, enum layer_state state, int64_t bytes)
{
	const struct fetch_progress p = {
		.layer = i, .layers = 6, .blob = &blobs[i], .state = state, .bytes = bytes
	};
	many.last = 0;
	progress_layer(&many, &p);
}

/* Of six layers, five of 1000 bytes, on a terminal of so many lines. */
static int six_layers(unsigned short lines)
{
	static const char *const digests[] = { "sha256:0aaaaaaaaaaaaa", "sha256:1aaaaaaaaaaaaa",
					       "sha256:2aaaaaaaaaaaaa", "sha256:3aaaaaaaaaaaaa",
					       "sha256:4aaaaaaaaaaaaa", "sha256:5aaaaaaaaaaaaa" };
	int other = -1, fd = terminal(&other);
	struct winsize w = { .ws_row = lines, .ws_col = 80 };
	ok(fd >= 0 && other >= 0 && ioctl(other, TIOCSWINSZ, &w) == 0);
	for (size_t i = 0; i < 6; i++)
		blobs[i] = (struct descriptor){ .digest = digests[i], .size = i ? 1000 : 5000 };
	memset(&many, 0, sizeof(many));
	many.fd = other;
	return fd;
}

static void a_terminal_of_few_lines_shows_what_runs_and_a_sum(void)
{
	char text[256];
	int fd = six_layers(4);
	step(4, LAYER_RUNNING, 100);
	ok(!strstr(line(fd, text), "\033[3A"));
	has_str(text, "0aaaaaaaaaaa waiting");
	has_str(line(fd, text), "4aaaaaaaaaaa [");
	has_str(line(fd, text), "0 of 6 layers, 100 B of 10.0 kB\r\n");
	step(1, LAYER_DONE, 1000);
	has_str(line(fd, text), "\033[3A");
	has_str(text, "0aaaaaaaaaaa waiting");
	has_str(line(fd, text), "4aaaaaaaaaaa [");
	has_str(line(fd, text), "1 of 6 layers, 1.1 kB of 10.0 kB\r\n");
	step(5, LAYER_RUNNING, 500);
	has_str(line(fd, text), "4aaaaaaaaaaa [");
	has_str(line(fd, text), "5aaaaaaaaaaa [");
	has_str(line(fd, text), "1 of 6 layers, ");
	close(many.fd);
	close(fd);
}

static void a_terminal_of_enough_lines_shows_every_layer(void)
{
	char text[256];
	int fd = six_layers(7);
	step(4, LAYER_RUNNING, 100);
	for (int i = 0; i < 6; i++)
		ok(strstr(line(fd, text), "aaaaaaaaaaa ") != NULL);
	step(4, LAYER_DONE, 1000);
	has_str(line(fd, text), "\033[6A");
	/* And as soon as it has fewer, those that fit. */
	for (int i = 1; i < 6; i++)
		line(fd, text);
	ok(ioctl(many.fd, TIOCSWINSZ, &(struct winsize){ .ws_row = 2 }) == 0);
	step(5, LAYER_DONE, 1000);
	has_str(line(fd, text), "2 of 6 layers, ");
	step(3, LAYER_DONE, 1000);
	has_str(line(fd, text), "\033[1A");
	has_str(text, "3 of 6 layers, ");
	close(many.fd);
	close(fd);
}

/* A terminal as most are today: what was one line when it was written is as many rows as it needs
 * by now. */
static struct {
	char text[32][128];
	size_t n, at, row, column; /* the cursor's line, and row of it */
	size_t width;
} screen;

static size_t rows(size_t i)
{
	size_t n = strlen(screen.text[i]);
	return n ? (n + screen.width - 1) / screen.width : 1;
}

static void up(size_t n)
{
	for (; n; n--)
		if (screen.row)
			screen.row--;
		else if (screen.at)
			screen.row = rows(--screen.at) - 1;
}

static void down(size_t n)
{
	for (; n; n--)
		if (screen.row + 1 < rows(screen.at))
			screen.row++;
		else if (screen.at + 1 < screen.n)
			screen.at++, screen.row = 0;
}

/* What is written to is a line of its own. */
static void cut(void)
{
	while (rows(screen.at) > 1) {
		char *from = screen.text[screen.at];
		memmove(from + sizeof(screen.text[0]), from,
			(screen.n++ - screen.at) * sizeof(screen.text[0]));
		memmove(screen.text[screen.at + 1], from + screen.width,
			strlen(from + screen.width) + 1);
		from[screen.width] = 0;
		if (!screen.row)
			return;
		screen.row--;
		screen.at++;
	}
}

static void control(size_t n, char what)
{
	if (what == 'A')
		up(n);
	if (what == 'B')
		down(n);
	if (what != 'K' && what != 'J')
		return;
	cut();
	screen.text[screen.at][screen.column] = 0;
	if (what == 'J')
		screen.n = screen.at + 1;
}

static void shown(char c)
{
	if (c == '\r') {
		screen.column = 0;
	} else if (c == '\n') {
		if (screen.at + 1 == screen.n)
			screen.text[screen.n++][0] = 0;
		down(1);
	} else {
		cut();
		char *to = screen.text[screen.at];
		if (!to[screen.column])
			to[screen.column + 1] = 0;
		to[screen.column] = c;
		screen.column += screen.column + 1 < screen.width;
	}
}

/* Reads what was written to the terminal, its other end. */
static void show(int fd, int other)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	size_t n = 0;
	char c, before = 0;
	ok(write(other, "\a", 1) == 1);
	while (poll(&ready, 1, 10000) > 0 && read(fd, &c, 1) == 1 && c != '\a') {
		if (c == '\033' || before == '\033') {
			n = 0;
			before = c == '\033' ? c : '[';
		} else if (before && ((c >= '0' && c <= '9') || c == '?')) {
			n = 10 * n + (size_t)(c - '0');
		} else if (before) {
			control(n, c);
			before = 0;
		} else {
			shown(c);
		}
	}
}

static void resize(int other, unsigned short columns)
{
	const struct winsize w = { .ws_row = 24, .ws_col = columns };
	ok(ioctl(other, TIOCSWINSZ, &w) == 0);
	screen.width = columns;
}

static void what_is_drawn_is_no_more_lines_whatever_becomes_of_the_terminal(void)
{
	static const unsigned short columns[] = { 100, 40, 100, 25, 12, 90 };
	int other = -1, fd = terminal(&other);
	memset(&screen, 0, sizeof(screen));
	memset(&many, 0, sizeof(many));
	screen.n = 1;
	many.fd = other;
	blobs[0] = blobs[1] = (struct descriptor){ .digest = "sha256:0123456789abcdef",
						   .size = 100000 };
	resize(other, 100);
	ok(fd >= 0 && write(other, "before\n", 7) == 7);
	for (size_t i = 0; i < 12; i++) {
		const struct fetch_progress p = { .layer = i % 2,
						  .layers = 2,
						  .blob = &blobs[i % 2],
						  .state = LAYER_RUNNING,
						  .bytes = 5000 * (int64_t)i };
		resize(other, columns[i / 2]);
		many.last = 0;
		progress_layer(&many, &p);
		show(fd, other);
		is_str(screen.text[0], "before");
		is_int(screen.n, 4);
		ok(!strncmp(screen.text[1], "0123456789a", 11));
		ok(!strncmp(screen.text[2], "0123456789a", 11));
	}
	progress_end(&many);
	ok(write(other, "after", 5) == 5);
	show(fd, other);
	is_str(screen.text[3], "after");
	close(other);
	close(fd);
}

int main(void)
{
	unsetenv("TERM");
	test(a_line_is_as_wide_as_the_terminal_at_the_most);
	test(a_dumb_terminal_gets_a_line_when_a_layer_is_done);
	test(a_size_beyond_all_time_is_left_out_of_the_time_left);
	test(a_terminal_of_few_lines_shows_what_runs_and_a_sum);
	test(a_terminal_of_enough_lines_shows_every_layer);
	test(what_is_drawn_is_no_more_lines_whatever_becomes_of_the_terminal);
	return done_testing();
}

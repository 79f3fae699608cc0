/* progress_test.c - what a terminal is told of a pull, whatever the manifest says. */
#include "image/progress.h"
#include "tap.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
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

int main(void)
{
	test(a_size_beyond_all_time_is_left_out_of_the_time_left);
	return done_testing();
}

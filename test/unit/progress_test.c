/* progress_test.c - what a terminal is told of a pull, whatever the manifest says. */
#include "image/progress.h"
#include "tap.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* A terminal of which the other end is read without a wait. */
static int terminal(int *other)
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || grantpt(fd) < 0 || unlockpt(fd) < 0)
		return -1;
	*other = open(ptsname(fd), O_RDWR | O_NOCTTY | O_CLOEXEC);
	return fd;
}

static void a_size_beyond_all_time_is_left_out_of_the_time_left(void)
{
	char text[1024] = "";
	int other = -1, fd = terminal(&other);
	struct descriptor d = { .digest = "sha256:0123456789abcdef", .size = INT64_MAX };
	struct fetch_progress p = { .layers = 1, .blob = &d, .state = LAYER_RUNNING };
	struct progress g = { .fd = other };
	ok(fd >= 0 && other >= 0);
	progress_layer(&g, &p);
	g.layers[0].began -= 1000000000;
	g.last = 0;
	p.bytes = 100;
	progress_layer(&g, &p);
	ok(read(fd, text, sizeof(text) - 1) > 0);
	has_str(text, "100 B of ");
	ok(!strstr(text, "left"));
	g.last = 0;
	d.size = 7300;
	progress_layer(&g, &p);
	memset(text, 0, sizeof(text));
	ok(read(fd, text, sizeof(text) - 1) > 0);
	has_str(text, " left");
	close(other);
	close(fd);
}

int main(void)
{
	test(a_size_beyond_all_time_is_left_out_of_the_time_left);
	return done_testing();
}

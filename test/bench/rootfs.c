/* rootfs.c - rootfs IMAGE N: the median of N times that a container's root file system takes to be
 * made of an image that is in the store, in milliseconds. */
#include "base/file.h"
#include "image/image.h"
#include "image/mountset.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* From the image's name on. */
static int measure(const struct store *s, const char *name, double *ms, struct err *e)
{
	struct image *im;
	auto_arena *a = arena_new(ARENA_IMAGE);
	double start = now();
	int rc = a ? image_open(s, name, a, &im, e) : fail(e, ENOMEM, "measure");
	auto_close int fd = rc < 0 ? rc : image_mount(s, im, "bench-rootfs", e);
	*ms = now() - start;
	if (fd < 0)
		return fd;
	put_fd(&fd, -1);
	return image_release(s, "bench-rootfs", e);
}

int main(int argc, char **argv)
{
	struct store s;
	struct err e = { 0 };
	int n = argc == 3 ? atoi(argv[2]) : 0, rc = n < 1 ? -1 : store_open(NULL, &s, &e);
	double *ms = calloc((size_t)(n < 1 ? 1 : n), sizeof(*ms));
	for (int i = 0; rc == 0 && i < n; i++)
		rc = measure(&s, argv[1], &ms[i], &e);
	if (rc < 0) {
		fprintf(stderr, "rootfs: %s\n", n < 1 ? "usage: rootfs IMAGE N" : e.msg);
		return 1;
	}
	qsort(ms, (size_t)n, sizeof(*ms), ascending);
	printf("%.2f\n", ms[n / 2]);
	free(ms);
	return 0;
}

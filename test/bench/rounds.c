/* rounds.c - rounds N [-b COMMAND]... -- COMMAND ... -- COMMAND ...: runs them in turn, N times
 * each, and prints a line for each: median and least time in microseconds, greatest memory in KiB.
 * A COMMAND may be several with "+" between them, one after the other. -b: a shell command before
 * each run, not counted.
 *
 * In turn, because the noise of a shared machine comes in waves: what is compared must have met the
 * same ones. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MOST 8

extern char **environ;

struct candidate {
	char **argv;
	const char *before;
	double *us;
	long memory;
};

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void die(const char *what, const char *name)
{
	fprintf(stderr, "rounds: %s: %s\n", name, what);
	exit(1);
}

/* All but errors go to /dev/null. */
static double run_one(struct candidate *c, char **argv)
{
	posix_spawn_file_actions_t files;
	struct rusage used;
	pid_t pid;
	int status;
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
	double start = now();
	errno = posix_spawnp(&pid, argv[0], &files, NULL, argv, environ);
	if (errno)
		die(strerror(errno), argv[0]);
	if (wait4(pid, &status, 0, &used) < 0)
		die(strerror(errno), argv[0]);
	double took = now() - start;
	if (status)
		die("failed", argv[0]);
	if (used.ru_maxrss > c->memory)
		c->memory = used.ru_maxrss;
	posix_spawn_file_actions_destroy(&files);
	return took;
}

static double run(struct candidate *c)
{
	double took = 0;
	if (c->before && system(c->before) != 0)
		die("the command before it failed", c->before);
	for (char **argv = c->argv; *argv; argv++) {
		char **end = argv;
		while (*end && strcmp(*end, "+") != 0)
			end++;
		char *plus = *end;
		*end = NULL;
		took += run_one(c, argv);
		*end = plus;
		argv = plus ? end : end - 1;
	}
	return took;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	struct candidate c[MOST] = { 0 };
	const char *before[MOST] = { 0 };
	int count = 0, befores = 0, n = argc > 1 ? atoi(argv[1]) : 0, i = 2;
	for (; i + 1 < argc && !strcmp(argv[i], "-b") && befores < MOST; i += 2)
		before[befores++] = argv[i + 1];
	for (; i < argc && count < MOST; i++)
		if (!strcmp(argv[i], "--")) {
			argv[i] = NULL;
			c[count].before = before[count];
			c[count].us = calloc((size_t)n, sizeof(double));
			c[count++].argv = &argv[i + 1];
		}
	if (n < 1 || !count)
		die("usage: rounds N [-b COMMAND]... -- COMMAND...", "arguments");
	for (int round = -1; round < n; round++) /* the first warms the caches */
		for (int k = 0; k < count; k++) {
			/* The order turns too: whoever comes first after a pause pays for it. */
			struct candidate *one = &c[(k + round + 1) % count];
			double us = run(one);
			if (round >= 0)
				one->us[round] = us;
		}
	for (int k = 0; k < count; k++) {
		qsort(c[k].us, (size_t)n, sizeof(double), ascending);
		double median = (c[k].us[(n - 1) / 2] + c[k].us[n / 2]) / 2;
		printf("%.0f %.0f %ld\n", median, c[k].us[0], c[k].memory);
	}
	return 0;
}

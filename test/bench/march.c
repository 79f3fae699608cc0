/* march.c - march SHIM BUNDLE N one|each: N containers one after another, from create to delete:
 * all in one shim, or each in a shim of its own that is started, ended and cleaned up after as
 * containerd does. Prints a line after the first tenth and one at the end: private dirty KiB and
 * fds of the shim (0 for each), what there is with the bundle's name among the machine's mounts,
 * cgroups, state and sockets, and the KiB that the kernel cannot reclaim; then the milliseconds of
 * a container. */
#include "call.h"

#include <dirent.h>
#include <ftw.h>

static const char *name; /* of the bundle: all ids begin with it */
static int left;

static int count_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	left += strstr(path + ftw->base, name) != NULL;
	return 0;
}

/* The sum of the numbers after a key in a file's lines; with column 0 the lines that have it. */
static long sum(const char *path, const char *key, int column)
{
	char line[4096];
	long total = 0;
	FILE *f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		const char *at = strstr(line, key);
		if (at)
			total += column ? strtol(at + strlen(key), NULL, 10) : 1;
	}
	if (f)
		fclose(f);
	return total;
}

static int count_fds(const char *path)
{
	int n = 0;
	DIR *d = opendir(path);
	for (struct dirent *at; d && (at = readdir(d));)
		n += at->d_name[0] != '.';
	if (d)
		closedir(d);
	return n;
}

static void report(pid_t shim)
{
	static const char *const where[] = { "/sys/fs/cgroup", "/run/coracle",
					     "/run/containerd/s" };
	char path[64];
	long dirty = 0;
	int fds = 0;
	if (shim) {
		snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)shim);
		dirty = sum(path, "Private_Dirty:", 1);
		snprintf(path, sizeof(path), "/proc/%d/fd", (int)shim);
		fds = count_fds(path);
	}
	left = 0;
	for (size_t i = 0; i < sizeof(where) / sizeof(where[0]); i++)
		nftw(where[i], count_entry, 16, FTW_PHYS);
	left += (int)sum("/proc/self/mounts", name, 0);
	printf("%ld %d %d %ld\n", dirty, fds, left,
	       sum("/proc/meminfo", "SUnreclaim:", 1) + sum("/proc/meminfo", "Percpu:", 1));
}

static void live(struct peer *p, const char *id, const char *bundle)
{
	call_create(p, id, bundle);
	call_start(p, id, "");
	if (!call_wait(p, id, ""))
		die("Wait", "is not answered");
	call_delete(p, id, "");
}

int main(int argc, char **argv)
{
	struct peer p = { .fd = -1 };
	int n = argc == 5 ? atoi(argv[3]) : 0;
	bool each = n > 0 && !strcmp(argv[4], "each");
	char id[300];
	pid_t shim = 0;
	if (n < 10)
		return fprintf(stderr, "usage: march SHIM BUNDLE N one|each, N from 10\n"), 2;
	name = name_of(argv[2]);
	if (!each)
		shim_open(&p, argv[1], name, argv[2]);
	double begun = now_ms();
	for (int i = 0; i < n; i++) {
		snprintf(id, sizeof(id), "%s-%d", name, i);
		if (each)
			shim_open(&p, argv[1], id, argv[2]);
		live(&p, id, argv[2]);
		if (!each && !shim)
			shim = call_pid(&p, id);
		if (each) {
			shim_close(&p, id);
			free(shim_run(argv[1], id, argv[2], "delete"));
		}
		if (i + 1 != n / 10 && i + 1 != n)
			continue;
		if (!each)
			call_pid(&p, id); /* once it answers it is done with all before */
		report(shim);
	}
	printf("%.2f\n", (now_ms() - begun) / n);
	if (!each)
		shim_close(&p, name);
	return 0;
}

/* keep.c - the descriptors that a new process keeps. */
#include "box/keep.h"
#include "base/file.h"
#include "base/sys.h"

#include <fcntl.h>
#include <stdbool.h>

void keep_add(struct keep *k, int fd)
{
	if (fd < 0 || k->n > KEEP_MAX)
		return;
	if (k->n < KEEP_MAX) {
		size_t at = k->n;
		for (; at > 0 && k->v[at - 1] > fd; at--)
			k->v[at] = k->v[at - 1];
		k->v[at] = fd;
	}
	k->n++;
}

static bool has(const struct keep *k, int fd)
{
	for (size_t i = 0; i < k->n; i++)
		if (k->v[i] == fd)
			return true;
	return false;
}

int keep_only(struct keep *k, int preserved)
{
	int from = 3 + preserved;
	if (k->n > KEEP_MAX)
		return fds_close((unsigned)from, ~0u, CLOSE_RANGE_CLOEXEC);
	/* What the caller gave to be passed on is not closed by execve; ours are. */
	for (int fd = 3; fd < from; fd++)
		if (!has(k, fd) && fcntl(fd, F_GETFD) > 0)
			close(fd);
	for (size_t i = 0; i < k->n; i++) {
		if (k->v[i] < from)
			continue;
		if (k->v[i] > from)
			fds_close((unsigned)from, (unsigned)k->v[i] - 1, 0);
		from = k->v[i] + 1;
	}
	return fds_close((unsigned)from, ~0u, 0);
}

void keep_take(struct keep *k, int *fd)
{
	if (k->n < KEEP_MAX)
		keep_add(k, take_fd(fd));
	else
		put_fd(fd, -1);
}

void keep_close(const struct keep *k)
{
	struct fd_run run = { 0 };
	for (size_t i = 0; i < k->n; i++)
		fd_run_close(&run, k->v[i]);
	fd_run_close(&run, -1);
}

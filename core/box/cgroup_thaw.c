/* cgroup_thaw.c - what of a container is frozen, wherever it is: v1's frozen processes do not die.
 */
#include "base/file.h"
#include "box/cgroup_inner.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

static int thaw_below(int fd);

static int thaw_child(int dir, const char *name, void *arg)
{
	(void)arg;
	auto_close int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? 0 : thaw_below(fd);
}

/* As far as it can: one may be removed meanwhile. */
static int thaw_below(int fd)
{
	file_put(fd, "freezer.state", "THAWED");
	return cgroup_each_child(fd, thaw_child, NULL);
}

/* Its group in the hierarchy that d is of: "4:freezer:/path", of the lines of its processes. */
static int open_place(const struct cgroup_dir *d, pid_t pid)
{
	char name[32], path[PATH_MAX];
	auto_buf text = { .max = 1 << 16 };
	snprintf(name, sizeof(name), "/proc/%d/cgroup", (int)pid);
	if (file_read(-1, name, &text, NULL) < 0 || !text.p)
		return -ENOENT;
	for (char *line = text.p; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		const char *controllers = strchr(line, ':'), *where = NULL;
		size_t n = strlen(d->controllers);
		if (controllers && !strncmp(++controllers, d->controllers, n) &&
		    controllers[n] == ':')
			where = controllers + n + 1;
		if (!where)
			continue;
		int len = snprintf(path, sizeof(path), "%.*s%.*s", (int)d->mount, d->path,
				   (int)strcspn(where, "\n"), where);
		int fd = len >= (int)sizeof(path)
				 ? -1
				 : openat(-1, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		return fd < 0 ? -ENOENT : fd;
	}
	return -ENOENT;
}

void cgroup_thaw_all(const struct cgroup *cg, pid_t pid)
{
	const struct cgroup_dir *d = cgroup_v1_dir(cg, "freezer");
	if (!d)
		return;
	if (d->fd >= 0)
		thaw_below(d->fd);
	auto_close int place = pid > 0 ? open_place(d, pid) : -1;
	if (place >= 0)
		file_put(place, "freezer.state", "THAWED");
}

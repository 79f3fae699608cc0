/* oom.c - hearing that the kernel killed in a cgroup for lack of memory. */
#include "box/oom.h"
#include "base/file.h"
#include "box/cgroup_inner.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

/* v1: an eventfd, registered by a write. */
static int open_v1(int dir)
{
	char text[32];
	auto_close int control = openat(dir, "memory.oom_control", O_RDONLY | O_CLOEXEC);
	auto_close int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (control < 0 || fd < 0)
		return -errno;
	snprintf(text, sizeof(text), "%d %d", fd, control);
	int rc = file_put(dir, "cgroup.event_control", text);
	return rc < 0 ? rc : take_fd(&fd);
}

static int open_v2(int dir)
{
	char path[64];
	auto_close int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (fd < 0)
		return -errno;
	snprintf(path, sizeof(path), "/proc/self/fd/%d/memory.events", dir);
	if (inotify_add_watch(fd, path, IN_MODIFY) < 0)
		return -errno;
	return take_fd(&fd);
}

int oom_open(const struct cgroup *cg)
{
	const struct cgroup_dir *d = cgroup_v1_dir(cg, "memory");
	if (d)
		return d->fd < 0 ? -ENOENT : open_v1(d->fd);
	d = cgroup_unified(cg);
	return !d || d->fd < 0 ? -ENOENT : open_v2(d->fd);
}

int oom_counter(const struct cgroup *cg)
{
	const struct cgroup_dir *d = cgroup_v1_dir(cg, "memory");
	const char *file = d ? "memory.oom_control" : "memory.events";
	if (!d)
		d = cgroup_unified(cg);
	int fd = d && d->fd >= 0 ? openat(d->fd, file, O_RDONLY | O_CLOEXEC) : -1;
	return fd >= 0 ? fd : d && d->fd >= 0 ? -errno : -ENOENT;
}

/* How often allocations there met its own limit. */
static int64_t hits(const char *path, bool v2)
{
	char text[32];
	auto_close int dir = openat(-1, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return 0;
	if (v2)
		return cgroup_get_key(dir, "memory.events.local", "oom");
	return cgroup_get(dir, "memory.failcnt", text, sizeof(text)) > 0 ? atoll(text) : 0;
}

void oom_limit(const struct cgroup *cg, char *out, size_t size)
{
	const struct cgroup_dir *d = cgroup_v1_dir(cg, "memory");
	bool v2 = !d;
	if (!d)
		d = cgroup_unified(cg);
	size_t n = d ? strlen(d->path) : 0;
	*out = 0;
	while (d && n > d->mount && n < size) {
		memcpy(out, d->path, n);
		out[n] = 0;
		if (hits(out, v2) > 0)
			return;
		while (n > d->mount && d->path[--n] != '/')
			;
		*out = 0;
	}
}

int64_t oom_count(int counter)
{
	char text[1024];
	ssize_t n = pread(counter, text, sizeof(text) - 1, 0);
	if (n < 0)
		return -errno;
	text[n] = 0;
	int64_t kills = cgroup_key_in(text, "oom_kill");
	return kills < 0 ? 0 : kills;
}

bool oom_changed(int fd, uint64_t *times)
{
	_Alignas(struct inotify_event) char events[sizeof(struct inotify_event) * 8];
	bool changed = false;
	uint64_t one;
	*times = 0;
	for (ssize_t n; (n = read(fd, events, sizeof(events))) > 0;) {
		if (n == sizeof(one)) { /* an eventfd's */
			memcpy(&one, events, sizeof(one));
			*times += one;
		}
		for (size_t at = 0; at + sizeof(struct inotify_event) <= (size_t)n;) {
			const struct inotify_event *event = (const void *)(events + at);
			changed |= (event->mask & IN_MODIFY) != 0;
			at += sizeof(*event) + event->len;
		}
	}
	return changed;
}

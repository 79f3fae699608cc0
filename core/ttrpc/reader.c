/* reader.c - when nobody reads a pipe, and its writer is not to wait: room is made in it. */
#include "ttrpc/reader.h"
#include "base/file.h"
#include "base/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>

#define PATIENCE_MS 1000
#define SLACK	    16

static int count_unread(const struct reader *r)
{
	int n = 0;
	return ioctl(r->written.fd, FIONREAD, &n) < 0 ? 0 : n;
}

/* The first wake tells of what is there already. */
static void watch_writes(struct reader *r)
{
	r->before = r->unread = count_unread(r);
	r->wakes = 0;
	if (!r->watching)
		r->watching = loop_add(r->loop, &r->written, EPOLLIN | (uint32_t)EPOLLET) == 0;
}

static void ignore_writes(struct reader *r)
{
	if (r->watching)
		loop_remove(r->loop, &r->written);
	r->watching = false;
}

static void report(struct reader *r)
{
	if (r->lost)
		log_warn("container %s: %llu bytes of its %s were dropped, which nobody read",
			 r->id, (unsigned long long)r->lost, r->what);
	r->lost = 0;
}

static void somebody_reads(struct reader *r)
{
	r->dropping = false;
	timer_set(r->patience.fd, 0, 0);
	ignore_writes(r);
	report(r);
}

/* Down to a quarter, so that the newest is there for who comes. */
static void drop(struct reader *r)
{
	char rest[4096];
	for (int n = count_unread(r) - r->capacity / 4; n > 0;) {
		size_t want = (size_t)n < sizeof(rest) ? (size_t)n : sizeof(rest);
		ssize_t got = read(r->written.fd, rest, want);
		if (got <= 0)
			break;
		r->lost += (uint64_t)got;
		n -= (int)got;
	}
	watch_writes(r);
}

/* One write wakes twice at most, and is one byte at least. */
static bool is_read(const struct reader *r, int unread)
{
	return unread < r->unread || r->wakes > 2 * (uint64_t)(unread - r->before) + SLACK;
}

static void on_written(void *arg, uint32_t events)
{
	struct reader *r = arg;
	int unread = count_unread(r);
	r->wakes++;
	if (r->closed.fd >= 0 && is_read(r, unread)) {
		somebody_reads(r);
		return;
	}
	r->unread = unread;
	if (unread >= r->capacity / 2 && r->dropping) {
		drop(r);
	} else if (unread >= r->capacity / 2) {
		ignore_writes(r);
		timer_set(r->patience.fd, PATIENCE_MS, 0);
	} else if (events & EPOLLHUP) { /* nobody writes */
		ignore_writes(r);
	}
}

static void on_patience(void *arg, uint32_t events)
{
	struct reader *r = arg;
	uint64_t times;
	(void)events;
	if (read(r->patience.fd, &times, sizeof(times)) <= 0)
		return;
	if (count_unread(r) < r->unread) {
		somebody_reads(r);
		return;
	}
	r->dropping = true;
	drop(r);
}

static void on_closed(void *arg, uint32_t events)
{
	struct reader *r = arg;
	char text[1024];
	(void)events;
	if (read(r->closed.fd, text, sizeof(text)) > 0 && !r->dropping)
		watch_writes(r);
}

static int watch(struct reader *r, struct watch *w, int fd, void (*ready)(void *, uint32_t))
{
	*w = (struct watch){ fd, ready, r };
	return fd < 0 ? fd : loop_add(r->loop, w, EPOLLIN);
}

static int watch_closes(struct reader *r)
{
	char path[32];
	int rc = watch(r, &r->closed, inotify_init1(IN_NONBLOCK | IN_CLOEXEC), on_closed);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", r->written.fd);
	if (rc == 0 && inotify_add_watch(r->closed.fd, path, IN_CLOSE_NOWRITE) < 0)
		rc = -errno;
	return rc;
}

int reader_start(struct reader *r, struct loop *l, int hold, bool dead)
{
	r->loop = l;
	r->written = (struct watch){ hold, on_written, r };
	r->capacity = fcntl(hold, F_GETPIPE_SZ);
	int rc = r->capacity < 0 ? -errno : watch(r, &r->patience, timer_new(0, 0), on_patience);
	if (rc == 0 && !dead)
		rc = watch_closes(r);
	if (rc < 0) {
		reader_stop(r);
		return rc;
	}
	r->dropping = dead;
	watch_writes(r);
	return 0;
}

static void unwatch(struct reader *r, struct watch *w)
{
	if (w->fd >= 0)
		loop_remove(r->loop, w);
	put_fd(&w->fd, -1);
}

void reader_stop(struct reader *r)
{
	ignore_writes(r);
	report(r);
	unwatch(r, &r->closed);
	unwatch(r, &r->patience);
}

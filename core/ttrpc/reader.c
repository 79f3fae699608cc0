/* reader.c - when nobody reads a pipe, and its writer is not to wait: room is made in it. */
#include "ttrpc/reader.h"
#include "base/file.h"
#include "base/log.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>

#define PATIENCE_MS 1000
#define DROP_MS	    50
#define SLACK	    16
#define PATH_SIZE   32

static void name_of(const struct reader *r, char path[PATH_SIZE])
{
	snprintf(path, PATH_SIZE, "/proc/self/fd/%d", r->written.fd);
}

/* What was spliced into it keeps its pages, however little is in each: only a write end knows. */
static bool is_full(const struct reader *r)
{
	char path[PATH_SIZE];
	name_of(r, path);
	auto_close int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	return fd >= 0 && poll(&p, 1, 0) == 0;
}

static int count_unread(const struct reader *r)
{
	int n = 0;
	return ioctl(r->written.fd, FIONREAD, &n) < 0 ? 0 : n;
}

/* The first wake tells of what is there already. */
static void watch_writes(struct reader *r)
{
	r->before = r->unread = count_unread(r);
	r->ticked = -1;
	r->wakes = 0;
	if (!r->watching)
		r->watching = loop_add(r->loop, &r->written, EPOLLIN | (uint32_t)EPOLLET) == 0;
}

static void ignore_writes(struct reader *r)
{
	if (r->watching)
		loop_remove(r->loop, &r->written);
	r->watching = r->ticking = false;
	timer_set(r->tick.fd, 0, 0);
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
	ignore_writes(r);
	report(r);
}

/* All of it: the kernel is sure to wake us for the next byte in an empty pipe only. */
static void drop(struct reader *r)
{
	char rest[4096];
	ssize_t n;
	for (int most = r->capacity; most > 0; most -= (int)n) {
		n = read(r->written.fd, rest, sizeof(rest));
		if (n <= 0)
			break;
		r->lost += (uint64_t)n;
	}
	watch_writes(r);
}

/* One write wakes twice at most, and is one byte at least. */
static bool is_read(const struct reader *r, int unread)
{
	if (r->closed.fd < 0)
		return false;
	return unread < r->unread || r->wakes > 2 * (uint64_t)(unread - r->before) + SLACK;
}

/* Who fills a pipe with one write that is longer than the room in it waits without waking us. */
static void tick_while_unread(struct reader *r)
{
	unsigned ms = r->dropping ? DROP_MS : PATIENCE_MS;
	bool wanted = r->unread > 0;
	if (wanted != r->ticking)
		timer_set(r->tick.fd, wanted ? ms : 0, ms);
	r->ticking = wanted;
}

static void on_written(void *arg, uint32_t events)
{
	struct reader *r = arg;
	int unread = count_unread(r);
	r->wakes++;
	if (is_read(r, unread)) {
		somebody_reads(r);
		return;
	}
	r->unread = unread;
	if (r->dropping && unread >= r->capacity / 2)
		drop(r);
	else if (events & EPOLLHUP) /* nobody writes any more */
		ignore_writes(r);
	if (r->watching)
		tick_while_unread(r);
}

static void on_tick(void *arg, uint32_t events)
{
	struct reader *r = arg;
	int unread = count_unread(r);
	uint64_t times;
	(void)events;
	if (read(r->tick.fd, &times, sizeof(times)) <= 0)
		return;
	if (is_read(r, unread)) {
		somebody_reads(r);
		return;
	}
	bool stuck = unread > 0 && (r->dropping || unread == r->ticked) &&
		     (unread >= r->capacity / 2 || is_full(r));
	r->unread = r->ticked = unread;
	if (stuck && !r->dropping)
		r->ticking = false; /* and begins again, faster */
	r->dropping = r->dropping || stuck;
	if (stuck)
		drop(r);
	tick_while_unread(r);
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
	char path[PATH_SIZE];
	int rc = watch(r, &r->closed, inotify_init1(IN_NONBLOCK | IN_CLOEXEC), on_closed);
	name_of(r, path);
	if (rc == 0 && inotify_add_watch(r->closed.fd, path, IN_CLOSE_NOWRITE) < 0)
		rc = -errno;
	return rc;
}

int reader_start(struct reader *r, struct loop *l, int hold, bool dead)
{
	r->loop = l;
	r->written = (struct watch){ hold, on_written, r };
	r->capacity = fcntl(hold, F_GETPIPE_SZ);
	int rc = r->capacity < 0 ? -errno : watch(r, &r->tick, timer_new(0, 0), on_tick);
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
	unwatch(r, &r->tick);
}

/* exit.c - how a container ended: recorded, and waited for. */
#include "monitor/exit.h"
#include "base/clock.h"
#include "base/file.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>

#define EXIT_FILE "exit"

int exit_begin(const struct container *c, struct err *e)
{
	int fd = openat(c->dir, EXIT_FILE, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
			0600);
	return fd < 0 ? fail(e, errno, "create %s of container %s", EXIT_FILE, c->id) : fd;
}

int exit_record(struct container *c, int fd, struct exit_status st, struct err *e)
{
	char text[64];
	int rc = container_record_exit(c, st, container_oom(c), e);
	if (rc == -ENOENT)
		rc = 0;
	int n = snprintf(text, sizeof(text), "%d %d\n", st.code, st.signal);
	int wrote = write_all(fd, text, (size_t)n);
	if (rc == 0 && wrote < 0)
		rc = fail(e, wrote, "write %s of container %s", EXIT_FILE, c->id);
	return rc;
}

/* What a wait watches. */
struct waiting {
	struct container *c;
	int events;	/* inotify: of the exit file and of the state directory */
	int file;	/* the exit file, or -1 */
	int owner;	/* holds who will record the end, or -1 */
	int init;	/* holds it, or -1 */
	int timeout_ms; /* -1: none */
	uint64_t deadline;
};

static bool read_file(int fd, struct exit_status *out)
{
	char text[64] = "";
	ssize_t n = fd < 0 ? 0 : pread(fd, text, sizeof(text) - 1, 0);
	return n > 0 && strchr(text, '\n') && sscanf(text, "%d %d", &out->code, &out->signal) == 2;
}

/* 1: known now; 0: not yet; -ENODATA: nobody will record it. Looks at who lives before it looks at
 * the record. */
static int look(struct waiting *w, struct exit_status *out, struct err *e)
{
	bool owner = w->owner >= 0 && !proc_ended(w->owner);
	bool init = w->init >= 0 && !proc_ended(w->init);
	if (read_file(w->file, out))
		return 1;
	if (container_reload(w->c, NULL) == 0 && w->c->state.has_exit) {
		out->code = w->c->state.exit_code;
		out->signal = w->c->state.exit_signal;
		return 1;
	}
	if (owner || init)
		return 0;
	/* The kernel tells who held it before its end. */
	if (w->init >= 0 &&
	    proc_how_ended(w->c->state.pid, w->c->state.start_time, w->init, out) == 0)
		return 1;
	return refuse(e, ENODATA, "container %s has ended, but %s", w->c->id,
		      w->c->state.owner ? "its monitor died before it could record how"
					: "nobody was there to record how");
}

static int remaining(const struct waiting *w)
{
	uint64_t now = clock_monotonic_ns();
	if (w->timeout_ms < 0)
		return -1;
	return now >= w->deadline ? 0 : (int)((w->deadline - now + 999999) / 1000000);
}

/* Sleeps until something happens. While an owner lives, the end of init alone tells nothing. */
static int rest(struct waiting *w, struct err *e)
{
	char drop[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	bool owner = w->owner >= 0 && !proc_ended(w->owner);
	struct pollfd p[] = {
		{ .fd = w->events, .events = POLLIN },
		{ .fd = owner ? w->owner : -1, .events = PROC_END },
		{ .fd = owner ? -1 : w->init, .events = PROC_END },
	};
	int n = proc_poll(p, 3, remaining(w));
	if (n == 0)
		return -ETIMEDOUT;
	if (n < 0 && errno != EINTR)
		return fail(e, errno, "wait for container %s", w->c->id);
	if (p[0].revents && read(w->events, drop, sizeof(drop)) < 0 && errno != EINTR)
		return fail(e, errno, "wait for container %s", w->c->id);
	return 0;
}

static int watch(struct waiting *w, struct err *e)
{
	char path[32];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", w->c->dir);
	/* Before anything is looked at: what happens from now on wakes us. */
	int rc = inotify_add_watch(w->events, path,
				   IN_MODIFY | IN_MOVED_TO | IN_CREATE | IN_DELETE_SELF);
	if (rc >= 0 && w->file >= 0) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", w->file);
		rc = inotify_add_watch(w->events, path, IN_MODIFY | IN_CLOSE_WRITE);
	}
	return rc < 0 ? fail(e, errno, "watch container %s", w->c->id) : 0;
}

int exit_wait(struct container *c, int timeout_ms, struct exit_status *out, struct err *e)
{
	auto_close int events = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	auto_close int file = openat(c->dir, EXIT_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	auto_close int owner = proc_open(c->state.owner, c->state.owner_start_time, NULL);
	auto_close int init = proc_open(c->state.pid, c->state.start_time, NULL);
	struct waiting w = { c,
			     events,
			     file,
			     owner,
			     init,
			     timeout_ms,
			     clock_monotonic_ns() + (uint64_t)timeout_ms * 1000000 };
	if (events < 0)
		return fail(e, errno, "inotify");
	int rc = watch(&w, e);
	while (rc == 0) {
		rc = look(&w, out, e);
		if (rc == 0)
			rc = rest(&w, e);
	}
	return rc > 0 ? 0 : rc;
}

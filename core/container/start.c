/* start.c - releasing a created container's init. */
#include "base/fdpass.h"
#include "base/file.h"
#include "base/log.h"
#include "box/child.h"
#include "container/inside.h"
#include "container/lifecycle.h"

#include <signal.h>
#include <string.h>
#include <sys/socket.h>

/* It has ended since we looked. */
static bool is_dead(int errnum)
{
	return errnum == ECONNRESET || errnum == EPIPE || errnum == ECONNREFUSED;
}

static int not_started(struct container *c, int errnum, struct err *e)
{
	if (errnum == ECONNREFUSED && container_waits(c->dir))
		return refuse(e, ENOTSUP, "container %s was made by runc, which has to start it",
			      c->id);
	return is_dead(errnum) ? lifecycle_check(STATUS_STOPPED, EV_START, c->id, e)
			       : fail(e, errnum, "start container %s", c->id);
}

/* The next message of init's; 0: it has executed its program. */
static int hear(struct container *c, int fd, struct child_message *m, struct err *e)
{
	size_t got = 0;
	while (got < sizeof(*m)) {
		ssize_t n = read(fd, (char *)m + got, sizeof(*m) - got);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return not_started(c, errno, e);
		if (n == 0)
			break;
		got += (size_t)n;
	}
	if (got && got < sizeof(*m))
		return refuse(e, EPROTO, "start container %s: half an answer", c->id);
	m->what[sizeof(m->what) - 1] = m->words[sizeof(m->words) - 1] = 0;
	return got != 0;
}

/* One byte starts it; the end of the stream is a successful execve, a message is a failed one, or
 * wants a limit first. */
static int release(struct container *c, struct err *e)
{
	struct child_message m;
	auto_close int fd = unix_connect(c->dir, START_SOCKET, SOCK_STREAM, e);
	if (fd < 0)
		return is_dead(-fd) ? not_started(c, -fd, e)
				    : within(e, "start container %s", c->id);
	if (send(fd, "s", 1, MSG_NOSIGNAL) != 1)
		return not_started(c, errno, e);
	int rc;
	while ((rc = hear(c, fd, &m, e)) > 0) {
		if (m.kind != CHILD_LIMIT)
			return child_failure(&m, e);
		rc = child_limit(c->state.pid, fd, &m);
		if (rc < 0)
			return fail(e, rc, "process.rlimits: set those of container %s", c->id);
	}
	return rc;
}

int container_poststart(struct container *c, struct err *e)
{
	const struct spec *spec;
	if (!c->state.hooks)
		return 0;
	auto_arena *a = arena_new(SPEC_MAX * 16);
	int rc = a ? container_spec(c, a, &spec, e) : -ENOMEM;
	if (rc < 0 || !spec->hooks)
		return rc;
	rc = container_hooks(c, &spec->hooks->poststart, "poststart", e);
	c->poststart_failed = rc < 0;
	if (rc < 0 && container_kill(c, SIGKILL, false, NULL) == 0) /* the spec */
		proc_wait_end(c->pidfd, -1);
	return rc;
}

int container_start(struct container *c, struct err *e)
{
	auto_close int lock = container_lock(c, 0, e);
	if (lock < 0)
		return lock;
	int rc = container_reload(c, e);
	if (rc == 0)
		rc = lifecycle_check(container_status(c), EV_START, c->id, e);
	if (rc == 0)
		rc = release(c, e);
	if (rc < 0)
		return rc;
	log_debug("container %s: process %d has executed its program", c->id, (int)c->state.pid);
	c->state.status = status_name(STATUS_RUNNING);
	c->state.started = clock_now();
	unlinkat(c->dir, START_SOCKET, 0);
	rc = container_save(c, e);
	return rc == 0 ? container_poststart(c, e) : rc;
}

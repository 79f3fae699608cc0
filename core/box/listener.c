/* listener.c - loading a filter of system calls, and handing its listener to the parent. */
#include "base/clock.h"
#include "base/file.h"
#include "base/sys.h"
#include "box/apply.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>

#define LISTENER_MS 5000

/* The child may be forbidden, or have to wait for, any call that comes after its filter: so it
 * tells before which number the listener will have, and the parent fetches it. */
int apply_seccomp(struct self *s, const struct op *o)
{
	struct sock_fprog program = { .len = o->seccomp.length, .filter = o->seccomp.program };
	bool listener = o->seccomp.flags & SECCOMP_FILTER_FLAG_NEW_LISTENER;
	if (listener) {
		int number = fcntl(s->sync, F_DUPFD_CLOEXEC, 0); /* the lowest is the next */
		struct child_message m = { .kind = CHILD_LISTENER, .error = number };
		if (number < 0 || close(number) < 0 || write(s->sync, &m, sizeof(m)) < 0)
			return -errno;
	}
	long fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, o->seccomp.flags, &program);
	if (fd < 0)
		return -errno;
	int rc = listener ? await_go(s->sync) : 0;
	if (listener)
		close((int)fd);
	return rc;
}

/* The listener that a child is about to make. Nothing tells when it is there: it is a matter of
 * microseconds, and the child waits. 0: it failed, as its next message will say. */
int listener_take(const struct child *c, int number, struct err *e)
{
	const uint64_t until = clock_monotonic_ns() + LISTENER_MS * 1000000ull;
	for (;;) {
		struct pollfd p = { .fd = c->sync, .events = POLLIN };
		int fd = sys_pidfd_getfd(c->pidfd, number);
		if (fd >= 0)
			return fd;
		if (errno == ENOSYS || (errno == EBADF && clock_monotonic_ns() > until))
			return refuse(
				e, ENOTSUP,
				"linux.seccomp: SCMP_ACT_NOTIFY needs Linux 5.6 (pidfd_getfd)");
		if (errno != EBADF)
			return fail(e, errno, "take the seccomp listener");
		if (poll(&p, 1, 0) > 0)
			return 0;
		sched_yield();
	}
}

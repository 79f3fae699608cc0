/* ferry.c - a source whose bytes come from another process, through memory that both have. Of two
 * sockets each has one: a byte one way is a slot that was filled, one the other way a slot that may
 * be filled again. */
#include "image/ferry.h"
#include "base/file.h"

#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define SLOTS 4

struct slot {
	ssize_t n; /* as a source's read says it */
	char bytes[SOURCE_CHUNK];
};

struct ferry_shared {
	atomic_bool unwanted, doubt;
	struct err e;
	struct slot slots[SLOTS];
};

static bool hear(int fd)
{
	char c;
	ssize_t n;
	do {
		n = read(fd, &c, 1);
	} while (n < 0 && errno == EINTR);
	return n == 1;
}

/* Who has gone does not hear it, and is not heard any more. */
static void say(int fd)
{
	write_all(fd, "", 1);
}

/* What the other process may yet change is read once. */
static ssize_t take(struct ferry *r, const void **p, struct err *e)
{
	const struct slot *s = &r->shared->slots[r->n++ % SLOTS];
	ssize_t n = *(const volatile ssize_t *)&s->n;
	if (n > SOURCE_CHUNK)
		return refuse(e, EIO, "a process gives more than there is room for");
	r->over = n <= 0;
	if (n > 0) {
		memcpy(r->bytes, s->bytes, (size_t)n);
		say(r->ends[1]);
		*p = r->bytes;
	}
	if (n >= 0)
		return n;
	*e = r->shared->e;
	e->msg[sizeof(e->msg) - 1] = 0;
	e->code = e->code > 0 ? e->code : EIO;
	return r->failed = -e->code;
}

static ssize_t ferry_read(struct source *source, const void **p, struct err *e)
{
	struct ferry *r = (struct ferry *)source;
	if (r->over)
		return r->failed;
	if (!hear(r->ends[1])) {
		r->gone = true;
		return refuse(e, EIO, "the process that unpacks has gone");
	}
	return take(r, p, e);
}

int ferry_init(struct ferry *r, struct err *e)
{
	*r = (struct ferry){ .source.read = ferry_read };
	r->shared = mmap(NULL, sizeof(*r->shared), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (r->shared == MAP_FAILED ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, r->ends) < 0)
		return fail(e, errno, "make what two processes share");
	return 0;
}

void ferry_gives(struct ferry *r)
{
	put_fd(&r->ends[1], -1);
}

void ferry_takes(struct ferry *r)
{
	signal(SIGPIPE, SIG_IGN); /* that who gives has gone is heard */
	put_fd(&r->ends[0], -1);
}

void ferry_wait(const struct ferry *r)
{
	struct pollfd given = { .fd = r->ends[1], .events = POLLIN };
	while (poll(&given, 1, -1) < 0 && errno == EINTR)
		;
}

/* The next slot that is free. Nobody is left to say anything to when there is none. */
static struct slot *room(struct ferry *r)
{
	if (r->n >= SLOTS && !hear(r->ends[0]))
		_exit(1);
	return &r->shared->slots[r->n++ % SLOTS];
}

int ferry_give(struct ferry *r, struct source *from, struct err *e)
{
	const char *p;
	ssize_t n;
	while ((n = source_read(from, (const void **)&p, e)) > 0)
		while (n) {
			struct slot *s = room(r);
			s->n = n < SOURCE_CHUNK ? n : SOURCE_CHUNK;
			memcpy(s->bytes, p, (size_t)s->n);
			p += s->n;
			n -= s->n;
			say(r->ends[0]);
			if (atomic_load(&r->shared->unwanted))
				return refuse(e, EIO, "nobody wants more");
		}
	return (int)n;
}

void ferry_doubt(struct ferry *r)
{
	atomic_store(&r->shared->doubt, true);
}

void ferry_end(struct ferry *r, int rc, const struct err *e)
{
	struct slot *s = room(r);
	s->n = rc;
	r->shared->e = *e;
	say(r->ends[0]);
}

int ferry_stop(struct ferry *r, struct err *e)
{
	struct err said = { 0 };
	atomic_store(&r->shared->unwanted, true);
	if (source_drain(&r->source, &said) >= 0 || !r->failed || !atomic_load(&r->shared->doubt))
		return 0;
	*e = said;
	return r->failed;
}

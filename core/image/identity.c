/* identity.c - an identity token that processes hand round, as it may be good for once. */
#include "image/identity.h"
#include "base/fdpass.h"
#include "base/file.h"
#include "base/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define IDENTITY_MAX 65536

int identity_put(struct identity *i, const char *token, const char *whose, struct err *e)
{
	int rc = fd_send(i->box[0], token, strlen(token), &i->hold, 1);
	put_fd(&i->hold, -1);
	return rc < 0 ? fail(e, rc, "keep the identity token of %s", whose) : 0;
}

/* The end of the pipe that goes with it is in the box, or in who has it, and nowhere else. */
static int wait_for_it(const struct identity *i, const char *whose, struct err *e)
{
	struct pollfd fds[3] = { { .fd = i->box[1], .events = POLLIN },
				 { .fd = i->alive },
				 { .fd = i->heard, .events = POLLIN } };
	if (poll(fds, 3, -1) < 0 && errno != EINTR)
		return fail(e, errno, "wait for the identity token of %s", whose);
	if (fds[1].revents)
		return refuse(e, EIO, "the process that had the identity token of %s was killed",
			      whose);
	return fds[2].revents ? refuse(e, EINTR, "%s: interrupted", whose) : 0;
}

int identity_take(struct identity *i, const char *whose, struct arena *a, const char **token,
		  struct err *e)
{
	char text[IDENTITY_MAX];
	int n, fds[FDPASS_MAX];
	while ((n = fd_receive(i->box[1], text, sizeof(text), fds)) == -EAGAIN) {
		int rc = wait_for_it(i, whose, e);
		if (rc < 0)
			return rc;
	}
	i->hold = fds[0];
	*token = n > 0 ? arena_strn(a, text, (size_t)n) : NULL;
	return *token ? 0 : fail(e, n < 0 ? n : E2BIG, "get the identity token of %s", whose);
}

int identity_share(struct identity *i, const char *token, const char *whose, struct err *e)
{
	int ends[2];
	sigset_t set;
	/* Of messages, so that a token comes whole. */
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, i->box) < 0)
		return fail(e, errno, "make a pair of sockets");
	i->alive = i->hold = i->heard = -1;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return fail(e, errno, "make a pipe");
	i->alive = ends[0];
	i->hold = ends[1];
	signals_ending(&set);
	i->heard = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return i->heard < 0 ? fail(e, errno, "wait for signals") : identity_put(i, token, whose, e);
}

void identity_close(struct identity *i)
{
	if (!i->box[0])
		return;
	close(i->box[0]);
	close(i->box[1]);
	put_fd(&i->alive, -1);
	put_fd(&i->hold, -1);
	put_fd(&i->heard, -1);
	i->box[0] = 0;
}

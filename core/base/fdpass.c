/* fdpass.c - unix sockets that carry fds. */
#include "base/fdpass.h"
#include "base/file.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int) * FDPASS_MAX)];
};

int fd_send(int sock, const void *p, size_t n, const int *fds, size_t nfds)
{
	union control c = { 0 };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)p, .iov_len = n };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	if (nfds > FDPASS_MAX)
		return -EINVAL;
	if (nfds) {
		m.msg_control = c.bytes;
		m.msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
		struct cmsghdr *h = CMSG_FIRSTHDR(&m);
		h->cmsg_level = SOL_SOCKET;
		h->cmsg_type = SCM_RIGHTS;
		h->cmsg_len = CMSG_LEN(sizeof(int) * nfds);
		memcpy(CMSG_DATA(h), fds, sizeof(int) * nfds);
	}
	ssize_t done;
	do {
		done = sendmsg(sock, &m, MSG_NOSIGNAL);
	} while (done < 0 && errno == EINTR);
	return done < 0 ? -errno : 0;
}

int fd_receive(int sock, void *p, size_t n, int fds[FDPASS_MAX])
{
	union control c = { 0 };
	struct iovec iov = { .iov_base = p, .iov_len = n };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = c.bytes,
			    .msg_controllen = sizeof(c.bytes) };
	for (size_t i = 0; i < FDPASS_MAX; i++)
		fds[i] = -1;
	ssize_t got;
	do {
		got = recvmsg(sock, &m, MSG_CMSG_CLOEXEC);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h))
		if (h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS)
			memcpy(fds, CMSG_DATA(h), h->cmsg_len - CMSG_LEN(0));
	return (int)got;
}

/* A socket, and the address of that name below dir. */
static int open_socket(int dir, const char *name, int type, struct sockaddr_un *un, struct err *e)
{
	*un = (struct sockaddr_un){ .sun_family = AF_UNIX };
	int n = dir < 0 ? snprintf(un->sun_path, sizeof(un->sun_path), "%s", name)
			: snprintf(un->sun_path, sizeof(un->sun_path), "/proc/self/fd/%d/%s", dir,
				   name);
	if (n < 0 || (size_t)n >= sizeof(un->sun_path))
		return fail(e, ENAMETOOLONG, "socket %s", name);
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	return fd < 0 ? fail(e, errno, "make a socket") : fd;
}

int unix_connect(int dir, const char *name, int type, struct err *e)
{
	struct sockaddr_un un;
	auto_close int fd = open_socket(dir, name, type, &un, e);
	if (fd < 0)
		return fd;
	if (connect(fd, (struct sockaddr *)&un, sizeof(un)) < 0)
		return fail(e, errno, "connect to socket %s", name);
	return take_fd(&fd);
}

int unix_listen(int dir, const char *name, int type, struct err *e)
{
	struct sockaddr_un un;
	auto_close int fd = open_socket(dir, name, type, &un, e);
	if (fd < 0)
		return fd;
	if (fchmod(fd, 0600) < 0 || bind(fd, (struct sockaddr *)&un, sizeof(un)) < 0 ||
	    listen(fd, 64) < 0)
		return fail(e, errno, "listen on socket %s", name);
	return take_fd(&fd);
}

/* agent.c - agent SOCKET: answers for a seccomp profile. Takes one listener after the other from
 * SOCKET, prints the state that came with each as a line, and answers its calls until the process
 * is gone: mkdir and mkdirat of a path that ends in -bar is made by us as it is asked for without
 * it (in the process's root), chmod is ENOMEDIUM, all else goes on. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#define MOST 16

/* Prints the state, and returns the listener that came with it. */
static int take(int server)
{
	char text[8192], control[CMSG_SPACE(sizeof(int) * 4)];
	struct iovec iov = { text, sizeof(text) - 2 };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };
	int fd = -1, peer = accept(server, NULL, NULL);
	ssize_t n = peer < 0 ? -1 : recvmsg(peer, &m, 0);
	struct cmsghdr *h = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;
	if (!h || h->cmsg_type != SCM_RIGHTS)
		exit(1);
	memcpy(&fd, CMSG_DATA(h), sizeof(fd));
	close(peer);
	text[n] = '\n';
	if (write(1, text, (size_t)n + 1) < 0)
		exit(1);
	return fd;
}

/* The path that the process gave, below its root. */
static int asked(const struct seccomp_notif *q, unsigned long at, char *out, size_t size)
{
	char name[64], text[256] = "";
	snprintf(name, sizeof(name), "/proc/%u/mem", q->pid);
	int mem = open(name, O_RDONLY);
	ssize_t n = mem < 0 ? -1 : pread(mem, text, sizeof(text) - 1, (off_t)at);
	close(mem);
	return n > 0 && snprintf(out, size, "/proc/%u/root%s", q->pid, text) > 0 ? 0 : -1;
}

static int make(const struct seccomp_notif *q)
{
	char path[512];
	int by_fd = q->data.nr == SYS_mkdirat;
	if (asked(q, q->data.args[by_fd], path, sizeof(path)) < 0)
		return -EIO;
	strcat(path, "-bar");
	return mkdir(path, 0755) < 0 ? -errno : 0;
}

/* False: the process has gone. */
static int answer(int fd)
{
	struct seccomp_notif q = { 0 };
	if (ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &q) < 0)
		return errno == EINTR || errno == ENOENT;
	struct seccomp_notif_resp a = { .id = q.id };
	switch (q.data.nr) {
#ifdef SYS_mkdir
	case SYS_mkdir:
#endif
	case SYS_mkdirat:
		a.error = make(&q);
		break;
#ifdef SYS_chmod
	case SYS_chmod:
#endif
	case SYS_fchmodat:
		a.error = -ENOMEDIUM;
		break;
	default:
		a.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	}
	ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &a);
	return 1;
}

int main(int argc, char **argv)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct pollfd p[MOST] = { { .fd = socket(AF_UNIX, SOCK_STREAM, 0), .events = POLLIN } };
	nfds_t n = 1;
	if (argc != 2 || strlen(argv[1]) >= sizeof(un.sun_path))
		return 2;
	strcpy(un.sun_path, argv[1]);
	if (bind(p[0].fd, (struct sockaddr *)&un, sizeof(un)) < 0 || listen(p[0].fd, 8) < 0)
		return 1;
	for (;;) {
		if (poll(p, n, -1) < 0)
			return 1;
		for (nfds_t i = 1; i < n; i++)
			if (p[i].revents & POLLIN ? !answer(p[i].fd) : p[i].revents != 0) {
				close(p[i].fd);
				p[i--] = p[--n];
			}
		if (p[0].revents && n < MOST)
			p[n++] = (struct pollfd){ .fd = take(p[0].fd), .events = POLLIN };
	}
}

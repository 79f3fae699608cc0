/* console.c - console SOCKET COMMAND...: listens there for a terminal's master, runs the command,
 * is the terminal's other end (our stdin and stdout) until the terminal is closed, and ends as the
 * command ended. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static int die(const char *what)
{
	fprintf(stderr, "console: %s: %s\n", what, strerror(errno));
	return 99;
}

static int receive(int sock)
{
	char name[256];
	union {
		struct cmsghdr h;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { name, sizeof(name) };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	struct cmsghdr *c;
	int fd = -1;
	if (recvmsg(sock, &m, MSG_CMSG_CLOEXEC) <= 0 || !(c = CMSG_FIRSTHDR(&m)) ||
	    c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(sizeof(int)))
		return -1;
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

static void relay(int master)
{
	char text[4096];
	struct pollfd p[2] = { { .fd = master, .events = POLLIN }, { .fd = 0, .events = POLLIN } };
	for (;;) {
		if (poll(p, 2, -1) < 0)
			return;
		if (p[0].revents) {
			ssize_t n = read(master, text, sizeof(text));
			if (n <= 0 || write(1, text, (size_t)n) != n)
				return;
		}
		if (p[1].revents) {
			ssize_t n = read(0, text, sizeof(text));
			if (n <= 0)
				p[1].fd = -1;
			else if (write(master, text, (size_t)n) != n)
				return;
		}
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int status, sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (argc < 3 || strlen(argv[1]) >= sizeof(a.sun_path))
		return 99;
	strcpy(a.sun_path, argv[1]);
	if (bind(sock, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(sock, 1) < 0)
		return die(argv[1]);
	pid_t pid = fork();
	if (pid == 0) {
		execvp(argv[2], argv + 2);
		_exit(die(argv[2]));
	}
	struct pollfd p[2] = { { .fd = sock, .events = POLLIN },
			       { .fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN } };
	if (poll(p, 2, -1) > 0 && p[0].revents) {
		int conn = accept4(sock, NULL, NULL, SOCK_CLOEXEC), master = receive(conn);
		struct winsize w = { 0 };
		if (master < 0)
			return die("receive a terminal");
		if (ioctl(master, TIOCGWINSZ, &w) < 0)
			return die("what was received is no terminal");
		relay(master);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* pidfd.c - pidfd SOCKET COMMAND...: listens there for a pidfd, runs the command to its end, and
 * prints what came with the pidfd and whose it is. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static int receive(int sock, char *name, size_t size)
{
	char control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { name, size - 1 };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };
	int fd = -1;
	ssize_t n = recvmsg(sock, &m, MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;
	name[n > 0 ? n : 0] = 0;
	if (c && c->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

int main(int argc, char **argv)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	char name[100], path[64], line[100];
	int status = 0, sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (argc < 3 || strlen(argv[1]) >= sizeof(at.sun_path))
		return 99;
	strcpy(at.sun_path, argv[1]);
	if (bind(sock, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(sock, 1) < 0)
		return 99;
	pid_t child = fork();
	if (child == 0) {
		execvp(argv[2], argv + 2);
		_exit(99);
	}
	waitpid(child, &status, 0);
	int with = accept4(sock, NULL, NULL, SOCK_CLOEXEC);
	int fd = with < 0 ? -1 : receive(with, name, sizeof(name));
	if (fd < 0)
		return 98;
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	FILE *info = fopen(path, "re");
	while (info && fgets(line, sizeof(line), info))
		if (!strncmp(line, "Pid:", 4))
			printf("%s %d\n", name, atoi(line + 4));
	return WEXITSTATUS(status);
}

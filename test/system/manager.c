/* manager.c - a service manager's notification socket. manager listen SOCKET: prints each message
 * as a line, and closes what came with it. manager tell MESSAGE: sends it to $NOTIFY_SOCKET. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void hear(int fd)
{
	char text[4096], control[CMSG_SPACE(sizeof(int) * 4)];
	struct iovec iov = { text, sizeof(text) - 1 };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(fd, &m, 0);
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);
	int with = -1;
	if (n < 0)
		exit(1);
	text[n] = 0;
	text[strcspn(text, "\n")] = 0;
	if (h && h->cmsg_type == SCM_RIGHTS)
		memcpy(&with, CMSG_DATA(h), sizeof(with));
	printf("%s%s\n", text, with >= 0 ? " with a file" : "");
	fflush(stdout);
	close(with);
}

int main(int argc, char **argv)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0), tell = argc == 3 && !strcmp(argv[1], "tell");
	const char *path = argc != 3 ? NULL : tell ? getenv("NOTIFY_SOCKET") : argv[2];
	if (!path || strlen(path) >= sizeof(un.sun_path))
		return 2;
	strcpy(un.sun_path, path);
	if (tell)
		return sendto(fd, argv[2], strlen(argv[2]), 0, (struct sockaddr *)&un, sizeof(un)) <
		       0;
	if (bind(fd, (struct sockaddr *)&un, sizeof(un)) < 0)
		return 1;
	for (;;)
		hear(fd);
}

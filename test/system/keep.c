/* keep.c - keep WHAT WHERE: takes hold of something that a checkpoint has to know of, and then is a
 * counter: asked by a line in the FIFO /tmp/q, it says in the FIFO /tmp/a how often it was. WHAT is
 * `lock`, of the file WHERE; `datagrams`, to the unix socket WHERE; `connection`, to the TCP port
 * WHERE of this host; or `connections`, both ends of one. What it is asked goes through a socket
 * first, and the answer is what comes back, where something does. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(99);
}

static void lock(const char *path)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (fd < 0 || fcntl(fd, F_SETLK, &whole) < 0)
		die(path);
}

static int datagrams(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		die(path);
	return fd;
}

/* peer: gets the other end, when it is to be ours too. */
static int connection(const char *port, int *peer)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons((in_port_t)atoi(port)),
				 .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (peer &&
	    (setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	     bind(listener, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(listener, 1) < 0))
		die(port);
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		die(port);
	if (peer && (*peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) < 0)
		die(port);
	close(listener);
	return fd;
}

int main(int argc, char **argv)
{
	char text[128];
	int fd = -1, peer = -1;
	const char *what = argc == 3 ? argv[1] : "";
	if (!strcmp(what, "lock"))
		lock(argv[2]);
	else if (!strcmp(what, "datagrams"))
		fd = datagrams(argv[2]);
	else if (!strcmp(what, "connection"))
		fd = connection(argv[2], NULL);
	else if (!strcmp(what, "connections"))
		fd = connection(argv[2], &peer);
	else
		die("keep lock|datagrams|connection|connections WHERE");
	for (int n = 1;; n++) {
		FILE *q = fopen("/tmp/q", "re"), *a;
		if (!q || !fgets(text, sizeof(text), q))
			die("/tmp/q");
		fclose(q);
		snprintf(text, sizeof(text), "%d\n", n);
		ssize_t len = (ssize_t)strlen(text);
		if (fd >= 0 && send(fd, text, (size_t)len, MSG_NOSIGNAL) != len)
			die("send");
		if (peer >= 0)
			len = recv(peer, text, sizeof(text) - 1, 0);
		else if (fd >= 0 && *what == 'c')
			len = recv(fd, text, sizeof(text) - 1, 0);
		a = len > 0 ? fopen("/tmp/a", "we") : NULL;
		if (!a || fwrite(text, 1, (size_t)len, a) != (size_t)len || fclose(a) != 0)
			die("answer");
	}
}

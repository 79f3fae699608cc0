/* notify.c - LISTEN_FDS and NOTIFY_SOCKET, passed on to a container. */
#include "container/notify.h"
#include "base/fdpass.h"
#include "base/file.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define DIRECTORY  "notify" /* in the state directory */
#define SOCKET	   "notify.sock"
#define SEEN_AS	   "/run/notify"
#define BARRIER_MS 30000

/* Environment and mount as runc's, which programs know. */
static int add_env(const struct create_request *r, struct arena *a, struct spec_process *p)
{
	size_t n = p->env.n;
	const char **v = list_grow(a, p->env.v, n, 3, sizeof(*v));
	if (!v)
		return -E2BIG;
	if (r->listen_fds) {
		v[n++] = arena_printf(a, "LISTEN_FDS=%d", r->listen_fds);
		v[n++] = "LISTEN_PID=1";
	}
	if (r->notify)
		v[n++] = "NOTIFY_SOCKET=" SEEN_AS "/" SOCKET;
	p->env = (struct strs){ v, n };
	return !r->listen_fds || v[n - 2 - (r->notify ? 1 : 0)] ? 0 : -E2BIG;
}

static int add_mount(struct container *c, struct arena *a, struct spec *spec)
{
	static const char *options[] = { "bind", "nosuid", "noexec", "nodev", "ro" };
	struct spec_mount *to = LIST_ADD(a, &spec->mounts);
	char *source = arena_printf(a, "%s/%s/" DIRECTORY, c->root, c->id);
	if (!to || !source)
		return -E2BIG;
	*to = (struct spec_mount){
		.destination = SEEN_AS, .type = "bind", .source = source, .options = { options, 5 }
	};
	return 0;
}

int notify_add(const struct create_request *r, struct container *c, struct arena *a,
	       struct spec *spec, struct err *e)
{
	if (!r->listen_fds && !r->notify)
		return 0;
	struct spec_process *p = arena_alloc(a, sizeof(*p));
	if (!p)
		return fail(e, E2BIG, "process");
	*p = *spec->process;
	int rc = add_env(r, a, p);
	if (rc == 0 && r->notify)
		rc = add_mount(c, a, spec);
	if (rc < 0)
		return fail(e, rc, "pass on the service manager's sockets");
	spec->process = p;
	if (!r->notify)
		return 0;
	auto_close int dir = dir_make(c->dir, DIRECTORY, 0755, e);
	if (dir < 0)
		return dir;
	return fchmod(dir, 0755) < 0 ? fail(e, errno, "NOTIFY_SOCKET") : 0;
}

int notify_bind(struct container *c, struct err *e)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	auto_close int dir = openat(c->dir, DIRECTORY, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return errno == ENOENT ? -ENOENT : fail(e, errno, "NOTIFY_SOCKET");
	snprintf(un.sun_path, sizeof(un.sun_path), "/proc/self/fd/%d/" SOCKET, dir);
	auto_close int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	unlinkat(dir, SOCKET, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&un, sizeof(un)) < 0 ||
	    fchmodat(dir, SOCKET, 0777, 0) < 0)
		return fail(e, errno, "NOTIFY_SOCKET: bind it for container %s", c->id);
	return take_fd(&fd);
}

static int host_connect(const struct notify_host *host, struct err *e)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	size_t n = strlen(host->socket);
	if (n >= sizeof(un.sun_path))
		return fail(e, ENAMETOOLONG, "NOTIFY_SOCKET %s", host->socket);
	memcpy(un.sun_path, host->socket, n);
	if (un.sun_path[0] == '@')
		un.sun_path[0] = 0;
	auto_close int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + !!un.sun_path[0]);
	if (fd < 0 || connect(fd, (struct sockaddr *)&un, size) < 0)
		return fail(e, errno, "NOTIFY_SOCKET: connect to %s", host->socket);
	return take_fd(&fd);
}

/* The manager closes the pipe when it has taken in what came before it. barrier: our end. */
static int tell(const struct notify_host *host, const char *line, size_t n, int *barrier,
		struct err *e)
{
	char text[4096];
	int pipe[2];
	auto_close int fd = host_connect(host, e);
	if (fd < 0)
		return take_fd(&fd);
	int len = snprintf(text, sizeof(text), "%.*s\n", (int)n, line);
	int rc = fd_send(fd, text, (size_t)len, NULL, 0);
	len = snprintf(text, sizeof(text), "MAINPID=%d\n", (int)host->main);
	if (rc == 0)
		rc = fd_send(fd, text, (size_t)len, NULL, 0);
	if (rc == 0 && pipe2(pipe, O_CLOEXEC) < 0)
		rc = -errno;
	if (rc < 0)
		return fail(e, rc, "NOTIFY_SOCKET: tell %s", host->socket);
	put_fd(barrier, pipe[0]);
	rc = fd_send(fd, "BARRIER=1", strlen("BARRIER=1"), &pipe[1], 1);
	close(pipe[1]);
	return rc < 0 ? fail(e, rc, "NOTIFY_SOCKET: tell %s", host->socket) : 0;
}

static int pass(int socket, const struct notify_host *host, int *barrier, struct err *e)
{
	char text[4096];
	ssize_t n = recv(socket, text, sizeof(text) - 1, MSG_DONTWAIT);
	if (n < 0)
		return -EAGAIN;
	text[n] = 0;
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		if (strncmp(line, "READY=", 6) != 0)
			continue;
		int rc = tell(host, line, strcspn(line, "\n"), barrier, e);
		return rc < 0 ? rc : 1;
	}
	return 0;
}

int notify_pass(int socket, const struct notify_host *host, struct err *e)
{
	auto_close int barrier = -1;
	return pass(socket, host, &barrier, e);
}

int notify_await(struct container *c, int socket, const struct notify_host *host, struct err *e)
{
	auto_close int barrier = -1;
	for (bool ended = false; !ended;) {
		struct pollfd p[] = { { .fd = socket, .events = POLLIN },
				      { .fd = c->pidfd, .events = PROC_END } };
		if (proc_poll(p, 2, -1) < 0 && errno != EINTR)
			return fail(e, errno, "NOTIFY_SOCKET");
		ended = p[1].revents; /* what it said before is there by now */
		int rc = pass(socket, host, &barrier, e);
		if (rc < 0 && rc != -EAGAIN)
			return rc;
		struct pollfd taken = { .fd = barrier };
		if (rc > 0)
			return poll(&taken, 1, BARRIER_MS) < 0 ? fail(e, errno, "NOTIFY_SOCKET")
							       : 0;
	}
	return 0;
}

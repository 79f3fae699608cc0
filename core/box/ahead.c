/* ahead.c - a network namespace made ahead of its container. */
#include "box/ahead.h"
#include "base/fdpass.h"
#include "base/file.h"
#include "base/proc.h"
#include "box/ns.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>

bool ahead_fits(const struct spec *s)
{
	const struct spec_namespace *net = spec_namespace(s, "network");
	bool own = net && (!net->path || !*net->path);
	return own && !spec_namespace(s, "user") && !s->linux_->net_devices.n;
}

static _Noreturn void make(int sock)
{
	int fd = unshare(CLONE_NEWNET) < 0 ? -1
					   : openat(-1, "/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		fd_send(sock, "n", 1, &fd, 1);
	_exit(0);
}

void ahead_begin(struct ahead *out)
{
	int pair[2];
	*out = (struct ahead){ .sock = -1 };
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return;
	/* Without a signal: nobody but ahead_end() is to hear of its end. */
	pid_t pid = proc_clone(&(struct clone_args){ 0 }, NULL);
	if (pid == 0)
		make(pair[1]);
	close(pair[1]);
	*out = (struct ahead){ pid > 0 ? pid : 0, pair[0] };
}

int ahead_enter(int sock)
{
	char byte;
	int fds[FDPASS_MAX];
	if (fd_receive(sock, &byte, 1, fds) <= 0 || fds[0] < 0)
		return unshare(CLONE_NEWNET) < 0 ? -errno : 0;
	int rc = ns_join(fds[0], CLONE_NEWNET);
	close(fds[0]);
	return rc;
}

bool ahead_wait(struct ahead *a)
{
	bool was = a->pid;
	while (a->pid && waitpid(a->pid, NULL, __WALL) < 0 && errno == EINTR)
		;
	a->pid = 0;
	return was;
}

void ahead_end(struct ahead *a)
{
	ahead_wait(a);
	put_fd(&a->sock, -1);
}

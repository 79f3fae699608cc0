/* ahead.c - a network namespace made ahead of its container. */
#include "box/ahead.h"
#include "base/fdpass.h"
#include "base/file.h"
#include "box/apply.h"
#include "box/ns.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

bool ahead_fits(const struct spec *s)
{
	const struct spec_namespace *net = spec_namespace(s, "network");
	bool own = net && (!net->path || !*net->path);
	/* Who shares his memory may not enter a new time namespace. */
	return own && !spec_namespace(s, "user") && !spec_namespace(s, "time") &&
	       !s->linux_->net_devices.n;
}

/* What is said of it: whether its loopback device is up. */
enum { DOWN = 'd', UP = 'u' };

/* Who makes it shares its parent's memory, where that can be: there is little to copy then, and
 * nothing for its parent to copy later. But errno would be the parent's as well. */
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
#define SHARED CLONE_VM
static long call(long number, long a, long b, long c)
{
	long rc;
	__asm__ volatile("syscall"
			 : "=a"(rc)
			 : "a"(number), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return rc;
}
#else
#define SHARED 0
static long call(long number, long a, long b, long c)
{
	return syscall(number, a, b, c);
}
#endif

#define STACK 8192

struct ahead_maker {
	int sock;
	_Alignas(16) char stack[STACK];
};

#ifndef SIOCGSKNS
#define SIOCGSKNS 0x894c
#endif

static char loopback_up(long sock)
{
	struct ifreq r = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	return sock >= 0 && call(SYS_ioctl, sock, SIOCSIFFLAGS, (long)&r) == 0 ? UP : DOWN;
}

/* By its file of /proc if need be, which takes ten times as long. */
static long own_network(long sock)
{
	static const char name[] = "/proc/self/ns/net";
	long fd = sock < 0 ? -1 : call(SYS_ioctl, sock, SIOCGSKNS, 0);
	return fd >= 0 ? fd : call(SYS_openat, -1, (long)name, O_RDONLY | O_CLOEXEC);
}

static int make(void *arg)
{
	const struct ahead_maker *m = arg;
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .head = { .cmsg_len = CMSG_LEN(sizeof(int)),
				.cmsg_level = SOL_SOCKET,
				.cmsg_type = SCM_RIGHTS } };
	char how;
	struct iovec iov = { .iov_base = &how, .iov_len = 1 };
	const struct msghdr message = { .msg_iov = &iov,
					.msg_iovlen = 1,
					.msg_control = control.bytes,
					.msg_controllen = sizeof(control.bytes) };
	if (call(SYS_unshare, CLONE_NEWNET, 0, 0) < 0)
		return 0;
	long sock = call(SYS_socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	how = loopback_up(sock);
	int fd = (int)own_network(sock);
	if (fd < 0)
		return 0;
	memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	call(SYS_sendmsg, m->sock, (long)&message, MSG_NOSIGNAL);
	return 0;
}

void ahead_begin(struct ahead *out, struct arena *a)
{
	int pair[2];
	*out = (struct ahead){ .sock = -1 };
	struct ahead_maker *m = arena_alloc(a, sizeof(*m));
	if (!m || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return;
	m->sock = pair[1];
	/* Without a signal: nobody but ahead_wait() is to hear of its end. */
	pid_t pid = clone(make, m->stack + STACK, SHARED, m);
	close(pair[1]);
	*out = (struct ahead){ pid > 0 ? pid : 0, pair[0] };
}

int ahead_enter(int sock, bool *up)
{
	char how;
	int fds[FDPASS_MAX];
	*up = false;
	if (fd_receive(sock, &how, 1, fds) <= 0 || fds[0] < 0)
		return unshare(CLONE_NEWNET) < 0 ? -errno : 0;
	close_later int fd = fds[0];
	int rc = ns_join(fd, CLONE_NEWNET);
	*up = rc == 0 && how == UP;
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

/* borrow.c - what a running container has mounted, to be shown in another one. */
#include "box/borrow.h"
#include "base/fdpass.h"
#include "base/file.h"
#include "base/proc.h"
#include "base/sys.h"
#include "box/ns.h"
#include "box/rootfs.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>

/* What it tells of each path. */
struct answer {
	int error; /* 0: the mount comes with it, if there is one */
};

/* Before Linux 5.8 nobody can tell. */
static bool is_mount(const struct statx *st)
{
	return (st->stx_attributes & STATX_ATTR_MOUNT_ROOT) ||
	       !(st->stx_attributes_mask & STATX_ATTR_MOUNT_ROOT);
}

static int clone_one(int root, const struct borrowed *b)
{
	struct statx st;
	struct statfs fs;
	auto_close int at = rootfs_open_real(root, b->path, O_PATH | O_DIRECTORY);
	if (at < 0 || statx(at, "", AT_EMPTY_PATH, STATX_INO, &st) < 0 || !is_mount(&st) ||
	    fstatfs(at, &fs) < 0 || (b->type && (unsigned long)fs.f_type != b->type))
		return -ENOENT;
	auto_close int fd = sys_open_tree(
		at, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	/* Before Linux 5.12 it could not be mounted as others are. */
	const struct sys_mount_attr nothing = { 0 };
	if (fd < 0 || sys_mount_setattr(fd, "", AT_EMPTY_PATH, &nothing) < 0)
		return -errno;
	return take_fd(&fd);
}

/* Only who is in its mount namespace may clone them. */
static _Noreturn void lend(int held, const struct borrowed *v, size_t n, int sock)
{
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	int rc = ns_join(held, CLONE_NEWNS);
	int root = rc < 0 ? -1 : openat(-1, "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < n; i++) {
		int fd = rc < 0 ? rc : clone_one(root, &v[i]);
		const struct answer answer = { fd < 0 && fd != -ENOENT ? -fd : 0 };
		fd_send(sock, &answer, sizeof(answer), &fd, fd >= 0);
	}
	_exit(0);
}

static int receive(int sock, int *out)
{
	struct answer answer;
	int fds[FDPASS_MAX];
	ssize_t got = fd_receive(sock, &answer, sizeof(answer), fds);
	if (got < (ssize_t)sizeof(answer))
		return got < 0 ? (int)got : -ECHILD;
	*out = fds[0];
	return -answer.error;
}

int mounts_borrow(int held, const struct borrowed *v, size_t n, int *out, struct err *e)
{
	int pair[2], rc = 0, child = -1;
	struct exit_status st;
	const struct clone_args args = { .exit_signal = SIGCHLD };
	for (size_t i = 0; i < n; i++)
		out[i] = -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return fail(e, errno, "make a socket pair");
	pid_t pid = proc_clone(&args, &child);
	if (pid == 0)
		lend(held, v, n, pair[1]);
	close(pair[1]);
	if (pid < 0)
		rc = fail(e, pid, "clone a process");
	for (size_t i = 0; rc == 0 && i < n; i++) {
		int got = receive(pair[0], &out[i]);
		if (got < 0)
			rc = fail(e, got, "share /%s", v[i].path);
	}
	close(pair[0]);
	if (pid > 0)
		proc_reap(child, &st);
	put_fd(&child, -1);
	for (size_t i = 0; rc < 0 && i < n; i++)
		put_fd(&out[i], -1);
	return rc;
}

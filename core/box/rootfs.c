/* rootfs.c - paths inside a root file system, resolved by the kernel so that they cannot leave
 * it. */
#include "box/rootfs.h"
#include "base/file.h"
#include "base/walk.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#define LINKS 40 /* as the kernel */

static int open_resolved(int root, const char *path, int flags, uint64_t resolve)
{
	const struct open_how how = { .flags = (uint64_t)(unsigned)flags,
				      .mode = flags & O_CREAT ? 0644 : 0,
				      .resolve = resolve };
	return walk_open(root, *path ? path : "/", &how);
}

int rootfs_open(int root, const char *path, int flags)
{
	return open_resolved(root, path, flags, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

int rootfs_open_real(int root, const char *path, int flags)
{
	return open_resolved(root, path, flags, RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
}

int rootfs_named(int bundle, const char *path, struct err *e)
{
	int fd = open_resolved(bundle, path, O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS);
	if (fd == -ELOOP)
		return refuse(e, ELOOP,
			      "root.path: %s leads through a symbolic link: give the path without, "
			      "as 'readlink -f' tells it",
			      path);
	return fd < 0 ? fail(e, fd, "root.path: root file system %s", path) : fd;
}

int rootfs_open_target(int root, const char *path)
{
	struct statfs fs;
	auto_close int fd = rootfs_open_real(root, path, O_PATH);
	if (fd != -ELOOP)
		return fd < 0 ? fd : take_fd(&fd);
	put_fd(&fd, rootfs_open(root, path, O_PATH));
	if (fd < 0)
		return fd;
	if (fstatfs(fd, &fs) < 0)
		return -errno;
	return fs.f_type == PROC_SUPER_MAGIC ? -EOPNOTSUPP : take_fd(&fd);
}

/* Makes one missing step below the held directory and opens it. */
static int make_step(int at, const char *step, bool directory)
{
	if (directory) {
		if (mkdirat(at, step, 0755) < 0 && errno != EEXIST)
			return -errno;
		int fd = openat(at, step, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		return fd >= 0 ? fd : errno == ENOTDIR ? -ELOOP : -errno;
	}
	auto_close int fd = openat(at, step, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
				   0644);
	if (fd < 0)
		return errno == EEXIST ? -ELOOP : -errno;
	int path = openat(at, step, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return path < 0 ? -errno : path;
}

/* Most often only the last component is missing. */
static int make_last(int root, const char *path, bool directory)
{
	char parent[PATH_MAX];
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : 0;
	if (!slash || !slash[1] || n >= sizeof(parent) || !strcmp(slash, "/..") ||
	    !strcmp(slash, "/."))
		return -ENOENT;
	memcpy(parent, path, n);
	parent[n] = 0;
	auto_close int at = rootfs_open(root, parent, O_PATH | O_DIRECTORY);
	return at < 0 ? at : make_step(at, slash + 1, directory);
}

/* A step that is a link to what does not exist: path becomes where it leads, with what comes after
 * it. 0: it is none. */
static int follow(int at, char *path, size_t start, size_t end)
{
	char target[PATH_MAX], whole[PATH_MAX], step[NAME_MAX + 1];
	if (end - start > NAME_MAX)
		return -ENAMETOOLONG;
	memcpy(step, path + start, end - start);
	step[end - start] = 0;
	ssize_t n = readlinkat(at, step, target, sizeof(target) - 1);
	if (n < 0)
		return errno == ENOENT || errno == EINVAL ? 0 : -errno;
	target[n] = 0;
	int len = snprintf(whole, sizeof(whole), "%.*s/%s%s", *target == '/' ? 0 : (int)start, path,
			   target, path + end);
	if (len >= (int)sizeof(whole))
		return -ENAMETOOLONG;
	memcpy(path, whole, (size_t)len + 1);
	return 1;
}

/* Something is missing: finds the longest prefix that exists, then makes the rest under it. */
static int make_missing(int root, char *path, bool directory, bool *again)
{
	char prefix[PATH_MAX];
	size_t len = strlen(path), end = 0;
	auto_close int at = rootfs_open(root, "/", O_PATH | O_DIRECTORY);
	if (at < 0)
		return at;
	bool making = false;
	while (end < len) {
		size_t start = end + strspn(path + end, "/");
		end = start + strcspn(path + start, "/");
		if (start == end)
			break;
		bool last = !path[end + strspn(path + end, "/")];
		memcpy(prefix, path, end);
		prefix[end] = 0;
		int next = making ? -ENOENT : rootfs_open(root, prefix, O_PATH);
		if (next == -ENOENT) {
			int followed = making ? 0 : follow(at, path, start, end);
			if (followed) {
				*again = followed > 0;
				return followed;
			}
			making = true;
			if (!strcmp(prefix + start, "..") || !strcmp(prefix + start, "."))
				return -EINVAL;
			next = make_step(at, prefix + start, directory || !last);
		}
		if (next < 0)
			return next;
		put_fd(&at, next);
	}
	return take_fd(&at);
}

int rootfs_make(int root, const char *path, bool directory)
{
	char whole[PATH_MAX];
	if (strlen(path) >= sizeof(whole))
		return -ENAMETOOLONG;
	memcpy(whole, path, strlen(path) + 1);
	for (int links = 0; links < LINKS; links++) {
		int fd = rootfs_open(root, whole, O_PATH);
		bool again = false;
		if (fd == -ENOENT)
			fd = make_last(root, whole, directory);
		if (fd == -ENOENT || fd == -ELOOP)
			fd = make_missing(root, whole, directory, &again);
		if (!again)
			return fd;
	}
	return -ELOOP;
}

int rootfs_parent(int root, const char *path, const char **last)
{
	char parent[PATH_MAX];
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : 0;
	if (n >= sizeof(parent))
		return -ENAMETOOLONG;
	memcpy(parent, path, n);
	parent[n] = 0;
	*last = slash ? slash + 1 : path;
	if (!**last || !strcmp(*last, "..") || !strcmp(*last, "."))
		return -EINVAL;
	int fd = rootfs_make(root, n ? parent : "/", true);
	return fd;
}

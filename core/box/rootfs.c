/* rootfs.c - paths inside a root file system, resolved by the kernel so that they cannot leave
 * it. */
#include "box/rootfs.h"
#include "base/file.h"
#include "base/sys.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#define TRIES 16 /* openat2 says EAGAIN when something was renamed meanwhile */

static int open_resolved(int root, const char *path, int flags, uint64_t resolve)
{
	struct open_how how = { .flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
				.resolve = resolve };
	if (flags & O_CREAT)
		how.mode = 0644;
	int fd, tries = 0;
	do {
		fd = sys_openat2(root, *path ? path : "/", &how);
	} while (fd < 0 && (errno == EAGAIN || errno == EINTR) && ++tries < TRIES);
	return fd < 0 ? -errno : fd;
}

int rootfs_open(int root, const char *path, int flags)
{
	return open_resolved(root, path, flags, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

int rootfs_open_real(int root, const char *path, int flags)
{
	return open_resolved(root, path, flags, RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
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

int rootfs_make(int root, const char *path, bool directory)
{
	int whole = rootfs_open(root, path, O_PATH);
	if (whole == -ENOENT)
		whole = make_last(root, path, directory);
	if (whole != -ENOENT)
		return whole;
	/* Something is missing: find the longest prefix that exists, then make the rest under
	 * it. */
	char prefix[PATH_MAX];
	size_t len = strlen(path), end = 0;
	if (len >= sizeof(prefix))
		return -ENAMETOOLONG;
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

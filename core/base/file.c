/* file.c - files as a directory fd and a name: read whole, write, replace, walk. */
#include "base/file.h"
#include "base/arena.h"
#include "base/sys.h"
#include "base/walk.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/vfs.h>

#define FDS_MOST (1u << 20) /* the kernel's own limit, unless somebody raised it */

#define PIECE 8192

/* Most files fit in here, and then take no more memory than they need. */
static ssize_t read_piece(int fd, struct buf *b, size_t most)
{
	char piece[PIECE];
	ssize_t n = read(fd, piece, most < sizeof(piece) ? most : sizeof(piece));
	if (n >= 0)
		buf_add(b, piece, (size_t)n);
	return n;
}

static ssize_t read_more(int fd, struct buf *b, size_t most)
{
	char *to = buf_room(b, b->len < most ? b->len : most);
	ssize_t n = to ? read(fd, to, b->len < most ? b->len : most) : 0;
	if (n > 0)
		b->len += (size_t)n;
	if (to)
		b->p[b->len] = 0;
	return n;
}

int file_read_fd(int fd, const char *name, struct buf *b, struct err *e)
{
	size_t max = b->max ? b->max : (size_t)64 << 20;
	ssize_t n;
	do {
		size_t left = max - b->len;
		if (left < 2)
			return refuse(e, E2BIG, "%s: larger than %zu bytes", name, max);
		n = b->len < 2 * (size_t)PIECE ? read_piece(fd, b, left - 1)
					       : read_more(fd, b, left - 1);
		if (b->failed)
			return fail(e, ENOMEM, "read %s", name);
		if (n < 0 && errno != EINTR)
			return fail(e, errno, "read %s", name);
	} while (n != 0);
	return 0;
}

int file_read(int dir, const char *name, struct buf *b, struct err *e)
{
	auto_close int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return fail(e, errno, "open %s", name);
	return file_read_fd(fd, name, b, e);
}

static void close_or_mark(int fd, unsigned flags)
{
	if (flags & CLOSE_RANGE_CLOEXEC)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	else
		close(fd);
}

/* One by one: those of /proc, or without one all that there may be. */
static int close_each(unsigned from, unsigned to, unsigned flags)
{
	char list[2048] __attribute__((aligned(__alignof__(struct dirent))));
	struct statfs fs;
	struct rlimit limit;
	int dir = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool seen = dir >= 0 && fstatfs(dir, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;
	long n = 0;
	while (seen && (n = syscall(SYS_getdents64, dir, list, sizeof(list))) > 0)
		for (long at = 0; at < n;) {
			const struct dirent *d = (const struct dirent *)(list + at);
			unsigned fd = (unsigned)strtoul(d->d_name, NULL, 10);
			if (*d->d_name != '.' && fd >= from && fd <= to && fd != (unsigned)dir)
				close_or_mark((int)fd, flags);
			at += d->d_reclen;
		}
	if (dir >= 0)
		close(dir);
	if (seen && n == 0)
		return 0;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return -errno;
	for (unsigned fd = from; fd <= to && fd < limit.rlim_cur && fd < FDS_MOST; fd++)
		close_or_mark((int)fd, flags);
	return 0;
}

int fds_close(unsigned from, unsigned to, unsigned flags)
{
	if (sys_close_range(from, to, flags) == 0)
		return 0;
	return errno == ENOSYS || errno == EINVAL ? close_each(from, to, flags) : -errno;
}

void fd_run_close(struct fd_run *r, int fd)
{
	if (fd >= 0 && r->n && fd == r->first + r->n) {
		r->n++;
		return;
	}
	if (r->n == 1)
		close(r->first);
	else if (r->n)
		fds_close((unsigned)r->first, (unsigned)(r->first + r->n - 1), 0);
	*r = (struct fd_run){ fd, fd >= 0 };
}

int write_all(int fd, const void *p, size_t n)
{
	const char *at = p;
	while (n) {
		ssize_t done = write(fd, at, n);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		at += done;
		n -= (size_t)done;
	}
	return 0;
}

int file_put(int dir, const char *name, const char *text)
{
	auto_close int fd = openat(dir, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	size_t n = strlen(text);
	ssize_t done;
	do {
		done = write(fd, text, n);
	} while (done < 0 && errno == EINTR);
	return done < 0 ? -errno : (size_t)done == n ? 0 : -EIO;
}

/* What is there already may be of a crash, or somebody else's: a file to be written in later, a
 * link to one that is not his. It goes, unopened. */
static int create_new(int dir, const char *name, mode_t mode)
{
	int fd, tries = 0;
	do {
		fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	} while (fd < 0 && errno == EEXIST && tries++ < 4 && unlinkat(dir, name, 0) == 0);
	return fd;
}

static int replace(int dir, const char *name, struct iovec what, mode_t mode, bool durable,
		   struct err *e)
{
	char tmp[256];
	if (snprintf(tmp, sizeof(tmp), ".%s.%d", name, (int)getpid()) >= (int)sizeof(tmp))
		return fail(e, ENAMETOOLONG, "write %s", name);
	auto_close int fd = create_new(dir, tmp, mode);
	if (fd < 0)
		return fail(e, errno, "create %s", name);
	int rc = write_all(fd, what.iov_base, what.iov_len);
	if (rc == 0 && ((durable && fsync(fd) < 0) || renameat(dir, tmp, dir, name) < 0))
		rc = -errno;
	if (rc < 0) {
		unlinkat(dir, tmp, 0);
		return fail(e, rc, "write %s", name);
	}
	if (durable)
		fsync(dir); /* the rename itself; file systems that cannot do it need not */
	return 0;
}

int file_replace(int dir, const char *name, const void *p, size_t n, mode_t mode, struct err *e)
{
	return replace(dir, name, (struct iovec){ (void *)(uintptr_t)p, n }, mode, true, e);
}

int file_swap(int dir, const char *name, const void *p, size_t n, mode_t mode, struct err *e)
{
	return replace(dir, name, (struct iovec){ (void *)(uintptr_t)p, n }, mode, false, e);
}

int dir_make(int dir, const char *path, mode_t mode, struct err *e)
{
	int there = openat(dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (there >= 0)
		return there;
	auto_close int at = openat(dir, *path == '/' ? "/" : ".",
				   O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (at < 0)
		return fail(e, errno, "open the directory of %s", path);
	for (const char *p = path; *p;) {
		char step[256];
		size_t n = strcspn(p, "/");
		if (n >= sizeof(step))
			return fail(e, ENAMETOOLONG, "make directory %s", path);
		memcpy(step, p, n);
		step[n] = 0;
		p += n + strspn(p + n, "/");
		if (!n || !strcmp(step, "."))
			continue;
		int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
		int next = openat(at, step, flags);
		if (next < 0 && errno == ENOENT) {
			if (mkdirat(at, step, mode) < 0 && errno != EEXIST)
				return fail(e, errno, "make directory %s", path);
			next = openat(at, step, flags | O_NOFOLLOW);
		}
		if (next < 0)
			return fail(e, errno, "open directory %s", path);
		put_fd(&at, next);
	}
	return take_fd(&at);
}

#define REMOVE_DEPTH 64

static int remove_below(DIR *d, int top, int depth, struct err *e);

/* A directory that is too deep for an fd a level goes up to the top, where its turn comes again: by
 * a name that nobody who filled the tree could have taken. */
static int lift(int dir, const char *name, int top, struct err *e)
{
	char to[32];
	uint64_t random;
	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return fail(e, EIO, "get random bytes");
	snprintf(to, sizeof(to), ".deep-%016llx", (unsigned long long)random);
	return renameat(dir, name, top, to) < 0 ? fail(e, errno, "remove %s", name) : 0;
}

/* A directory that is no mount point. */
static int open_below(int dir, const char *name)
{
	struct open_how how = { .flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
				.resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV };
	return walk_open(dir, name, &how);
}

static int remove_child(int dir, const char *name, int top, int depth, struct err *e)
{
	if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
		return 0;
	int was = errno;
	auto_close int fd = open_below(dir, name);
	if (fd < 0)
		return fail(e, fd == -ENOTDIR ? was : fd, "remove %s", name);
	if (depth == REMOVE_DEPTH && unlinkat(dir, name, AT_REMOVEDIR) < 0)
		return lift(dir, name, top, e);
	if (depth == REMOVE_DEPTH)
		return 0;
	DIR *d = fdopendir(fd);
	if (!d)
		return fail(e, errno, "read directory %s", name);
	take_fd(&fd);
	int rc = remove_below(d, top, depth + 1, e);
	closedir(d);
	if (rc == 0 && unlinkat(dir, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		rc = fail(e, errno, "remove %s", name);
	return rc;
}

static int remove_below(DIR *d, int top, int depth, struct err *e)
{
	int rc = 0;
	for (struct dirent *entry; rc == 0 && (errno = 0, entry = readdir(d));)
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			rc = remove_child(dirfd(d), entry->d_name, top, depth, e);
	return rc == 0 && errno ? fail(e, errno, "read a directory") : rc;
}

int tree_remove(int dir, const char *name, struct err *e)
{
	if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return fail(e, errno, "remove %s", name);
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd = !strchr(name, '/')		       ? open_below(dir, name)
		 : (fd = openat(dir, name, flags)) < 0 ? -errno
						       : fd;
	if (fd < 0)
		return fd == -ENOENT ? 0 : fail(e, fd, "open %s", name);
	DIR *d = fdopendir(fd);
	if (!d) {
		fail(e, errno, "open %s", name);
		close(fd);
		return -ENOMEM;
	}
	int rc;
	do { /* again when something deep has been lifted meanwhile */
		rewinddir(d);
		rc = remove_below(d, fd, 0, e);
		if (rc == 0 && unlinkat(dir, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
			rc = errno == ENOTEMPTY ? 1 : fail(e, errno, "remove %s", name);
	} while (rc > 0);
	closedir(d);
	return rc;
}

char *path_absolute(struct arena *a, const char *path)
{
	char cwd[4096];
	char *out;
	if (*path == '/')
		out = arena_str(a, path);
	else if (getcwd(cwd, sizeof(cwd)))
		out = arena_printf(a, "%s/%s", cwd, !strcmp(path, ".") ? "" : path);
	else
		return NULL;
	if (!out)
		errno = ENOMEM;
	size_t n = out ? strlen(out) : 0;
	while (n > 1 && out[n - 1] == '/')
		out[--n] = 0;
	return out;
}

const char *path_of(int fd, struct arena *a, struct err *e)
{
	char link[32], path[4096];
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, sizeof(path));
	bool whole = n > 0 && n < (ssize_t)sizeof(path);
	const char *out = whole ? arena_strn(a, path, (size_t)n) : NULL;
	if (!out)
		fail(e, errno, "find the path of what is open");
	return out;
}

bool stat_is_null(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(1, 3);
}

bool fd_is_null(int fd)
{
	struct stat st;
	return fstat(fd, &st) == 0 && stat_is_null(&st);
}

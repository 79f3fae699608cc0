/* copyup.c - what a directory holds, copied into another: for a tmpfs over it. */
#include "box/copyup.h"
#include "base/file.h"
#include "base/sys.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define DEPTH_MAX 64 /* directories in one another; each holds two descriptors */
/* Bytes of the names of a file's extended attributes, and of one: the kernel has no more. */
#define NAMES_MAX 65536
#define VALUE_MAX 65536
#define CHUNK	  (1 << 20)

/* As the kernel's getdents64 writes it. */
struct entry {
	uint64_t inode;
	int64_t next;
	unsigned short size;
	unsigned char type;
	char name[];
};

static int copy_tree(int from, int to, int depth);

/* Those that the file system here does not take or does not let us set are left behind. */
static void copy_attributes(int from, int to)
{
	char names[NAMES_MAX], value[VALUE_MAX];
	ssize_t n = flistxattr(from, names, sizeof(names));
	for (ssize_t at = 0; at < n; at += (ssize_t)strlen(names + at) + 1) {
		ssize_t size = fgetxattr(from, names + at, value, sizeof(value));
		if (size >= 0)
			fsetxattr(to, names + at, value, (size_t)size, 0);
	}
}

/* Owner first: changing it clears setuid bits and capabilities. */
static int finish(int from, int to, const struct stat *st)
{
	const struct timespec times[2] = { st->st_atim, st->st_mtim };
	if (fchown(to, st->st_uid, st->st_gid) < 0 || fchmod(to, st->st_mode & 07777) < 0)
		return -errno;
	copy_attributes(from, to);
	return futimens(to, times) < 0 ? -errno : 0;
}

static int copy_directory(int from, int to, const char *name, int depth)
{
	struct stat st;
	auto_close int in = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (in < 0 || fstat(in, &st) < 0)
		return -errno;
	if (mkdirat(to, name, 0700) < 0 && errno != EEXIST)
		return -errno;
	auto_close int out = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int rc = out < 0 ? -errno : copy_tree(in, out, depth + 1);
	return rc < 0 ? rc : finish(in, out, &st);
}

/* A hole stays one. */
static int copy_bytes(int in, int out)
{
	for (off_t at = 0, end;; at = end) {
		ssize_t n = 1;
		off_t data = lseek(in, at, SEEK_DATA);
		if (data < 0 && errno == ENXIO) /* no more */
			return ftruncate(out, lseek(in, 0, SEEK_END)) < 0 ? -errno : 0;
		at = data < 0 ? at : data;
		end = data < 0 ? INT64_MAX : lseek(in, data, SEEK_HOLE);
		if (end < 0 || lseek(out, at, SEEK_SET) < 0)
			return -errno;
		while (at < end && (n > 0 || (n < 0 && errno == EINTR)))
			n = sendfile(out, in, &at, end - at < CHUNK ? (size_t)(end - at) : CHUNK);
		if (n <= 0)
			return n < 0 ? -errno : 0;
	}
}

static int copy_file(int from, int to, const char *name)
{
	struct stat st;
	/* What was a file a moment ago may be a fifo now. */
	auto_close int in = openat(from, name,
				   O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (in < 0 || fstat(in, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -ESTALE;
	auto_close int out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
				    0600);
	int rc = out < 0 ? -errno : copy_bytes(in, out);
	return rc < 0 ? rc : finish(in, out, &st);
}

static int copy_link(int from, int to, const char *name)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(from, name, target, sizeof(target) - 1);
	if (n < 0)
		return -errno;
	target[n] = 0;
	return symlinkat(target, to, name) < 0 ? -errno : 0;
}

static int copy_entry(int from, int to, const char *name, int depth)
{
	struct stat st;
	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (S_ISDIR(st.st_mode))
		return copy_directory(from, to, name, depth);
	if (S_ISREG(st.st_mode))
		return copy_file(from, to, name);
	int rc = S_ISLNK(st.st_mode)				 ? copy_link(from, to, name)
		 : mknodat(to, name, st.st_mode, st.st_rdev) < 0 ? -errno
								 : 0;
	const struct timespec times[2] = { st.st_atim, st.st_mtim };
	if (rc == 0 && (fchownat(to, name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) < 0 ||
			utimensat(to, name, times, AT_SYMLINK_NOFOLLOW) < 0))
		rc = -errno;
	return rc;
}

static int copy_tree(int from, int to, int depth)
{
	_Alignas(struct entry) char buffer[2048];
	long n;
	if (depth == DEPTH_MAX)
		return -ELOOP;
	while ((n = syscall(SYS_getdents64, from, buffer, sizeof(buffer))) > 0) {
		for (long at = 0; at < n;) {
			const struct entry *e = (const void *)(buffer + at);
			int rc = !strcmp(e->name, ".") || !strcmp(e->name, "..")
					 ? 0
					 : copy_entry(from, to, e->name, depth);
			if (rc < 0)
				return rc;
			at += e->size;
		}
	}
	return n < 0 ? -errno : 0;
}

int copyup(int from, int to)
{
	struct stat st;
	auto_close int in = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_close int out = openat(to, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (in < 0 || out < 0 || fstat(in, &st) < 0)
		return -errno;
	int rc = copy_tree(in, out, 0);
	copy_attributes(in, out);
	return rc;
}

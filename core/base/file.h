/* file.h - files as a directory fd and a name: read whole, write, replace, walk. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <sys/types.h>
#include <unistd.h>

static inline void close_fdp(int *fd)
{
	int saved = errno;
	if (*fd >= 0)
		close(*fd);
	errno = saved;
}
/* An fd that closes itself; start it at -1. */
#define auto_close __attribute__((cleanup(close_fdp)))

/* Hands an auto_close fd on to somebody else. */
static inline int take_fd(int *fd)
{
	int out = *fd;
	*fd = -1;
	return out;
}

/* Closes what is there and puts fd in its place. */
static inline void put_fd(int *slot, int fd)
{
	if (*slot >= 0)
		close(*slot);
	*slot = fd;
}

/* Whether it is the null device, whatever it is called. */
struct stat;
bool stat_is_null(const struct stat *st);
bool fd_is_null(int fd);

/* Appends the whole file to b; more than b->max (or 64 MiB) is E2BIG. A file without a size works
 * too. dir may be AT_FDCWD only in applets. */
int file_read(int dir, const char *name, struct buf *b, struct err *e);

/* Reads to the end of an open fd, from where it is. */
int file_read_fd(int fd, const char *name, struct buf *b, struct err *e);

/* close_range(2), also before Linux 5.9 (or 5.11, with CLOSE_RANGE_CLOEXEC). System calls only. */
int fds_close(unsigned from, unsigned to, unsigned flags);

/* Closes descriptors of which many are neighbours in few calls: each is added, then -1. System
 * calls only. */
struct fd_run {
	int first, n;
};
void fd_run_close(struct fd_run *r, int fd);

/* Writes all of p, going on after short writes and EINTR. 0 or -errno. */
int write_all(int fd, const void *p, size_t n);

/* Opens an existing file and writes to it in one write, as control files of the kernel want. 0 or
 * -errno. */
int file_put(int dir, const char *name, const char *text);

/* Replaces name by rename of a synced temporary file: readers see the old or the new, also after a
 * crash. */
int file_replace(int dir, const char *name, const void *p, size_t n, mode_t mode, struct err *e);

/* The same without waiting for the disk: whole after a crash of any process, lost at worst when the
 * machine goes. */
int file_swap(int dir, const char *name, const void *p, size_t n, mode_t mode, struct err *e);

/* mkdir -p below dir, each step held by fd; what is there already may be a link. The last is
 * returned open. path may be absolute when dir is the root. */
int dir_make(int dir, const char *path, mode_t mode, struct err *e);

/* Removes name below dir and all it holds; never follows links nor crosses into a mount, which
 * name, unless it is a path, may not be either. Absent is success. */
int tree_remove(int dir, const char *name, struct err *e);

/* A copy of a path without trailing slashes, made absolute against the working directory. NULL with
 * errno: no memory, or that directory was removed. */
struct arena;
char *path_absolute(struct arena *a, const char *path);

/* Where what is open is. NULL with e said. */
const char *path_of(int fd, struct arena *a, struct err *e);

#endif

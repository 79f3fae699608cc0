/* tree.h - the tree of one layer, written entry by entry below a directory that nothing in it can
 * lead out of. */
#ifndef IMAGE_TREE_H
#define IMAGE_TREE_H

#include "base/buf.h"
#include "base/err.h"
#include "image/limits.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#define TREE_XATTRS_MAX 64

struct tree_xattr {
	const char *name;
	const void *value;
	size_t size;
};

struct tree_entry {
	const char *path; /* as the archive has it */
	const char *link; /* a symlink's text, or what a hard link is to */
	bool hard_link;
	mode_t mode; /* type and permissions */
	uid_t uid;
	gid_t gid;
	dev_t device;
	struct timespec mtime;
	struct tree_xattr xattrs[TREE_XATTRS_MAX];
	size_t xattrs_n;
};

struct tree {
	int root; /* the caller's */
	const struct limits *limits;
	struct usage *usage;
	bool owners;	    /* give files their owners, which only root can */
	bool plain;	    /* new files belong to 0:0 by themselves */
	bool shaped;	    /* a new directory that nobody describes has its mode by itself */
	mode_t mask;	    /* the umask */
	struct buf dirs;    /* directories whose mode and time are set last */
	struct buf implied; /* paths of those that no entry described, each ended by a NUL; after
			       tree_end */
	struct buf parent;  /* path of the open parent; with parent_fd, the last one used */
	int parent_fd;
	int64_t end; /* of the file being written */
};

/* Everything goes below root, an O_PATH or readable directory that is empty. Limits and usage are
 * the caller's. */
void tree_begin(struct tree *t, int root, const struct limits *l, struct usage *u);

/* Makes what the entry says, in the place of whatever is there. Paths are taken as inside a root:
 * "/" is the tree's own, ".." stops there, a link that stands for a parent is followed inside the
 * tree only. A name that climbs above the root is refused. `.wh.NAME` becomes overlayfs' whiteout,
 * `.wh..wh..opq` its opaque directory. Returns 0, or 1 when *file is a new regular file to be
 * filled and then given to tree_file_end. -errno. */
int tree_add(struct tree *t, const struct tree_entry *n, int *file, struct err *e);

/* Writes at an offset; holes stay holes. */
int tree_file_write(struct tree *t, int file, const void *p, size_t n, int64_t at, struct err *e);

/* Sets size, owner, mode, attributes and time, in the order in which they survive; closes file in
 * any case. */
int tree_file_end(struct tree *t, const struct tree_entry *n, int file, int64_t size,
		  struct err *e);

/* Sets what directories had to wait for. */
int tree_end(struct tree *t, struct err *e);

/* Whether a directory of a tree hides all that is below it in other trees. */
bool tree_opaque(int dir);

/* Of n trees those in which the first len bytes of a path are a directory, in the same order; their
 * number. */
size_t tree_having(const int *trees, size_t n, const char *path, size_t len, int *out);

/* What an implied directory looks like is up to the layers below: gives it the owner, mode, time
 * and attributes that it has in the topmost of n lower trees that has it. */
int tree_adopt(int root, const char *path, const int *lower, size_t n, struct err *e);

void tree_free(struct tree *t);

/* A path without ".", "..", double or outer slashes, in out (PATH_MAX bytes). -EINVAL when it
 * climbs out. */
int path_clean(const char *path, char *out, struct err *e);

#endif

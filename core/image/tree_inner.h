/* tree_inner.h - what tree.c and treeend.c share. */
#ifndef IMAGE_TREE_INNER_H
#define IMAGE_TREE_INNER_H

#include "image/tree.h"

#define ACL_DEFAULT	    "system.posix_acl_default"
#define OVERLAY_OPAQUE	    "trusted.overlay.opaque"
#define OVERLAY_OPAQUE_USER "user.overlay.opaque" /* with the mount option userxattr */

/* Bytes of the names of a file's attributes, and of the value of one: the kernel has no more. */
#define XATTR_MOST 65536

/* What a directory gets at the end, when nothing is put into it any more. */
struct late {
	mode_t mode;
	struct timespec mtime;
	bool implied; /* no entry described it */
	const void
		*acl; /* its default ACL, which what comes into it must not inherit; NULL: none */
	size_t acl_size;
};
int tree_late(struct tree *t, const char *path, const struct late *l, struct err *e);

/* Opens a directory of a tree: links in the path are followed as a process with that root would.
 * The fd or -errno. */
int tree_open(int root, const char *path, int flags);

/* Takes from a directory that is there what those that come into it would inherit, and what a
 * second entry of it may not have: its mode becomes 0700, its attributes go. */
int tree_bare(int root, const char *path, struct err *e);

/* Sets what an entry has of those attributes that a container may own, but for a default ACL. */
int tree_xattrs(const struct tree_entry *n, int fd, struct err *e);

#endif

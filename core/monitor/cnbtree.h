/* cnbtree.h - the files that a build of Cloud Native Buildpacks is given and leaves. */
#ifndef MONITOR_CNBTREE_H
#define MONITOR_CNBTREE_H

#include "base/err.h"
#include "image/image.h"

/* Gives all below the directory, and itself, to that user. What is neither file, directory nor link
 * (a socket, a fifo) is removed: no build has a use for it. */
int tree_give(int dir, uid_t uid, gid_t gid, struct err *e);

/* Gives the file or directory (O_PATH will do) to that user, with all below it but what is mounted
 * there; links themselves, never what they lead to. */
int tree_own(int fd, uid_t uid, gid_t gid, struct err *e);

/* Refuses what its own owner may not read: a build has no rights, and would fail at its end. */
int tree_readable(int dir, struct err *e);

/* Refuses anything below the directory but files and directories: then every path in it leads to
 * what is in it. */
int tree_check(int dir, struct err *e);

/* Adds what the files below the directory take of the disk, those with several names a share for
 * each; those without a name are not seen. What comes and goes meanwhile is counted or not. */
int tree_usage(int dir, int64_t *bytes, struct err *e);

/* Makes a layout of one image in the empty directory dir, its blobs shared with the store's, of
 * which it must be on the file system. */
int layout_lend(const struct store *s, const struct image *im, int dir, struct err *e);

/* NAME=VALUE as a file of that name in dir; NAME has our own value, and without one there is none.
 */
int env_write(int dir, const char *variable, struct err *e);

#endif

/* walk.h - paths that may not lead out of a directory: openat2, or the same step by step on a
 * kernel before 5.6. System calls only: also for a child. */
#ifndef BASE_WALK_H
#define BASE_WALK_H

#include "base/sys.h"

/* As openat2 does it (RESOLVE_IN_ROOT, RESOLVE_BENEATH or neither, and with them NO_SYMLINKS,
 * NO_MAGICLINKS, NO_XDEV; O_CLOEXEC goes without saying), again when something was renamed
 * meanwhile. The fd, or -errno. */
int walk_open(int dir, const char *path, const struct open_how *how);

/* Without openat2: every directory on the way is held by fd, ".." goes back to the one before,
 * links are read and followed here. What is swapped meanwhile changes which file it is, never that
 * it is inside, where there is an inside. */
int walk_steps(int dir, const char *path, const struct open_how *how);

/* The kernel's number of the mount that an open file is on (of /proc/self/mountinfo); -errno. */
int mount_id(int fd);

#endif

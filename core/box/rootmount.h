/* rootmount.h - a root file system from a list of mounts, as one detached mount. */
#ifndef BOX_ROOTMOUNT_H
#define BOX_ROOTMOUNT_H

#include "base/arena.h"
#include "base/err.h"
#include "base/list.h"

/* As containerd's snapshotters describe it: {"overlay", "overlay", {"lowerdir=..:..",
 * "upperdir=..", ...}},
 * {"bind", "/path", {"rbind", "rw"}}, {"ext4", "/dev/dm-3", {...}}; of one alone the ids are
 * mapped with {"uidmap=0:100000:65536", "gidmap=..."}. */
struct root_mount {
	const char *type, *source;
	struct strs options;
};

/* Mounts m[0..n) one over the other and returns the result, attached nowhere: closing the fd, or
 * the end of the process, unmounts it. Where the kernel or the list permits no detached mount
 * (several mounts; before 5.2) it is mounted at the directory `place` for a moment, and taken off
 * again before this returns. */
int rootmount_new(const struct root_mount *m, size_t n, const char *place, struct arena *a,
		  struct err *e);

#endif

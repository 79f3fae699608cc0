/* borrow.h - what a running container has mounted, to be shown in another one. */
#ifndef BOX_BORROW_H
#define BOX_BORROW_H

#include "base/err.h"

#include <stddef.h>

/* A place in it, and of what type of file system (statfs) it has to be; 0: of any. */
struct borrowed {
	const char *path;
	unsigned long type;
};

/* A detached mount for each of n such places of the container whose process is held: with all that
 * is mounted below it. -1 in the place of one where nothing is mounted, or something else. */
int mounts_borrow(int held, const struct borrowed *v, size_t n, int *out, struct err *e);

#endif

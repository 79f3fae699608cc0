/* keep.h - the descriptors that a new process keeps. */
#ifndef BOX_KEEP_H
#define BOX_KEEP_H

#include <stddef.h>

/* A set of descriptors; those below 0 are none. */
#define KEEP_MAX 512
struct keep {
	int v[KEEP_MAX];
	size_t n;
};

void keep_add(struct keep *k, int fd);

/* Closes all but these and 0, 1, 2 and those that the caller left open for execve in the first
 * `preserved` after them. Too many to know them all: they are closed by execve instead. */
int keep_only(struct keep *k, int preserved);

/* Takes one to be closed with others by keep_close(): neighbours take one call. */
void keep_take(struct keep *k, int *fd);
void keep_close(const struct keep *k);

#endif

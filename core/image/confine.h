/* confine.h - a process that reads foreign bytes gives up what it will not need. */
#ifndef IMAGE_CONFINE_H
#define IMAGE_CONFINE_H

#include "base/err.h"
#include "base/list.h"

#include <stdbool.h>

struct confinement {
	int write;	   /* a directory: below it alone files are made, changed and removed; -1 */
	int read;	   /* another one to read from; -1: none */
	bool network;	   /* connections over IP, and the certificates and names they need */
	int view;	   /* with network: of confine_view */
	struct strs files; /* more to read */
};

/* All that is mounted here, once more and read-only: to be the root of confined processes that need
 * the network. It is dear where much is mounted, so make it once. -errno: there is none. */
int confine_view(void);

/* From now on this process and its children can do no more than that: Landlock has the files,
 * seccomp the system calls, and for who may mount names lead to nothing else that he could change;
 * nothing is executed, no other process is touched. What is open stays open; the two directories
 * lead nowhere else, so other ones should be closed. What this kernel has not is left as it is. */
int confine(const struct confinement *c, struct err *e);

#endif

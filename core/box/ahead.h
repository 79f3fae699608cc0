/* ahead.h - a network namespace made ahead of its container: the kernel needs for it about as long
 * as we for all until init is born. */
#ifndef BOX_AHEAD_H
#define BOX_AHEAD_H

#include "oci/spec.h"

#include <stdbool.h>
#include <sys/types.h>

struct ahead {
	pid_t pid; /* who makes it; 0: nobody */
	int sock;  /* where init is to get it; -1 */
};

/* Whether the spec has one that may be: not one that is to belong to a user namespace that is yet
 * to come, or to be given something before init goes there. */
bool ahead_fits(const struct spec *s);

/* Has it made by a process of its own, which ends with that, and whose stack is in the arena until
 * then. Whether that can be is left open: ahead_enter() makes do. */
void ahead_begin(struct ahead *out, struct arena *a);

/* In the new process, with system calls only: waits for it and enters it; where there is none,
 * makes one. 0 or -errno; *up: its loopback device is up already. What it opens is left to whoever
 * closes all. */
int ahead_enter(int sock, bool *up);

/* Waits for the end of who makes it; false when he was gone already. */
bool ahead_wait(struct ahead *a);

#endif

/* ending.h - the note in a bundle of how its container ended, which outlives the container's record
 * as long as somebody may still ask. */
#ifndef TTRPC_ENDING_H
#define TTRPC_ENDING_H

#include "base/err.h"

#include <stdbool.h>
#include <time.h>

struct ending {
	int pid, status; /* exit code, or 128 + signal */
	struct timespec when;
};

/* Before the record goes: from then on no container is to be there any more. */
int ending_write(const char *bundle, const struct ending *n, struct err *e);

/* Whether there is one; out may be NULL. */
bool ending_read(const char *bundle, struct ending *out);

/* A new life begins in that bundle. */
void ending_clear(const char *bundle);

#endif

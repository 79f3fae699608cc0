/* run.h - a container out of an image, a directory, or nothing at all, run to its end or left to a
 * monitor. */
#ifndef MONITOR_RUN_H
#define MONITOR_RUN_H

#include "monitor/runspec.h"

#include <stdint.h>

struct run_request {
	struct run_options options;
	struct strs args; /* IMAGE and its command; none: the embedded image */
	uint64_t started; /* clock_monotonic_ns() when the program began */
};

/* Foreground: the container's exit status. Detached: 0 once it has been started. id gets its id.
 * -errno. */
int run(const struct run_request *r, struct arena *a, const char **id, struct err *e);

#endif

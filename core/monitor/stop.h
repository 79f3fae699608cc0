/* stop.h - ending containers: politely, then not. */
#ifndef MONITOR_STOP_H
#define MONITOR_STOP_H

#include "base/arena.h"
#include "base/err.h"
#include "base/list.h"

#include <stdbool.h>

struct stop_request {
	const char *root;
	struct strs ids;
	const char *signal;	/* NULL: what the container was made with, or TERM */
	struct opt_i64 seconds; /* between that and KILL; -1: never KILL; not set: what the
				 * container was made with, or 10 */
	bool absent;		/* one that is not there is no error */
	void (*stopped)(void *arg, const char *id); /* each one, when it has ended */
	void *arg;
};

/* Signals all of them, then waits for each. One that does not run is stopped already. The first
 * error is reported, after the others have been dealt with. */
int stop(const struct stop_request *r, struct arena *a, struct err *e);

#endif

/* sweep.h - finding and removing all that a crash left: containers without owner, cgroups, files.
 */
#ifndef MONITOR_SWEEP_H
#define MONITOR_SWEEP_H

#include "base/arena.h"
#include "base/err.h"
#include "base/list.h"

#include <stdbool.h>

/* Something that was left. */
struct found {
	const char *kind;      /* "process", "mount", "cgroup", "state", "data" */
	const char *what;      /* the process's id, a path, or words */
	const char *container; /* the id that it was made for */
};

struct sweep_request {
	const char *root; /* one state root; NULL: all that we have, and what belongs to none */
	struct strs ids;  /* these, in whatever state they are; none: what a crash left */
	bool dry_run;	  /* only say */
	void (*found)(void *arg, const struct found *f);
	void *arg;
};

/* What lives and has a living owner is not touched. Goes on after an error; the first one is
 * reported. */
int sweep(const struct sweep_request *r, struct arena *a, struct err *e);

#endif

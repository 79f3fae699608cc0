/* sweep.h - finding and removing all that a crash left: containers without owner, cgroups, files. */
#ifndef MONITOR_SWEEP_H
#define MONITOR_SWEEP_H

#include "base/arena.h"
#include "base/err.h"
#include "base/list.h"

#include <stdbool.h>

struct sweep_request {
	const char *root; /* one state root; NULL: all in RUN_ROOT, and what belongs to none */
	struct strs ids;  /* these, in whatever state they are; none: what a crash left */
	bool dry_run;	  /* only say */
	/* Is told of each thing found: "container", "cgroup", "data", its name, and what it is. */
	void (*found)(void *arg, const char *kind, const char *name, const char *text);
	void *arg;
};

/* What lives and has a living owner is not touched. Goes on after an error; the first one is reported. */
int sweep(const struct sweep_request *r, struct arena *a, struct err *e);

#endif

/* restore.h - a container's processes out of files, in place of a new process. */
#ifndef CONTAINER_RESTORE_H
#define CONTAINER_RESTORE_H

#include "box/child.h"
#include "container/container.h"

/* A container that has its record and its groups, with open doors, and no process yet. */
struct restoring {
	const struct create_request *r;
	struct container *c;
	const struct spec *spec;
	const struct cgroup *cgroup;
	int bundle;	     /* directory */
	int *console;	     /* gets the master of its terminal, if it has one */
	struct child *child; /* gets the restored init: pid and pidfd */
	struct arena *arena;
};

/* Restores it as r->restore says; the hooks that make its network run meanwhile. */
int restore_init(const struct restoring *s, struct err *e);

#endif

/* filter.h - a container's seccomp filter, compiled once: the library takes longer for a large one
 * than all the rest of an exec. */
#ifndef CONTAINER_FILTER_H
#define CONTAINER_FILTER_H

#include "box/plan.h"
#include "container/container.h"

/* Puts the filter of init's plan, if it is a large one, into the state directory. It only saves
 * time: what fails does not matter. */
void filter_keep(const struct container *c, const struct plan *p);

/* That filter, in a; NULL: there is none. */
const struct op_seccomp *filter_kept(const struct container *c, struct arena *a);

#endif

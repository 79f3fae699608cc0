/* oom.h - hearing that the kernel killed in a cgroup for lack of memory. */
#ifndef BOX_OOM_H
#define BOX_OOM_H

#include "box/cgroup.h"

/* An fd that becomes readable when it may have happened; oom_count() tells how often it did.
 * -ENOENT where no hierarchy counts memory. */
int oom_open(const struct cgroup *cg);

/* After it was readable: reads what waits. *times: how often it told of it, 0 where only the
 * counter tells; v1 tells before it kills, when the counter does not know yet. True: v2's counters
 * changed. They go with their cgroup, which systemd removes as soon as it is empty: then this is
 * all that is left of them. */
bool oom_changed(int fd, uint64_t *times);

/* The kernel's own counter, held open: -ENOENT where no hierarchy counts memory. */
int oom_counter(const struct cgroup *cg);

/* Whose limit it was: the nearest cgroup, this or one above it, that has reached its own. "": none
 * of them has, so the machine's. */
void oom_limit(const struct cgroup *cg, char *out, size_t size);

/* How often it has killed there; -ENODEV when the counter is gone with its cgroup. */
int64_t oom_count(int counter);

#endif

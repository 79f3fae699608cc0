/* oom.h - hearing that the kernel killed in a cgroup for lack of memory. */
#ifndef BOX_OOM_H
#define BOX_OOM_H

#include "box/cgroup.h"

/* An fd that becomes readable when it may have happened; cgroup_oom_kills() tells how often it did.
 * -ENOENT where no hierarchy counts memory. */
int oom_open(const struct cgroup *cg);

/* After it was readable. */
void oom_clear(int fd);

#endif

/* ps.h - processes as ps(1) shows them. */
#ifndef CONTAINER_PS_H
#define CONTAINER_PS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"

/* What `ps ARGS` (none: -ef) prints of these processes, and its title. */
int ps_table(const struct u32s *pids, const struct strs *args, struct arena *a, struct buf *out,
	     struct err *e);

/* The lines of ps's output, which it cuts up, whose PID is one of these, and the title. For tests.
 */
int ps_filter(char *text, const struct u32s *pids, struct buf *out, struct err *e);

#endif

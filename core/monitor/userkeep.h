/* userkeep.h - the user namespace of a user's container: himself in it as himself, or not at all.
 */
#ifndef MONITOR_USERKEEP_H
#define MONITOR_USERKEEP_H

#include "monitor/runspec.h"

/* Whether it is --userns keep-id or nomap. */
bool userkeep_wanted(const struct run_options *o);

/* Refuses what is not to be had here. */
int userkeep_check(const struct run_options *o, struct err *e);

/* Before the spec is made: who its process is, unless the options say so, and that /etc/passwd and
 * /etc/group of the root file system, which is the container's own (rootfs -1: it is not), know
 * him. */
int userkeep_begin(struct run_options *o, int rootfs, struct arena *a, struct err *e);

/* Gives the spec the namespace. */
int userkeep_apply(struct spec *s, const struct run_options *o, struct arena *a, struct err *e);

#endif

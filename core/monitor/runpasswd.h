/* runpasswd.h - who is known in a container: lines of its own /etc/passwd and /etc/group. */
#ifndef MONITOR_RUNPASSWD_H
#define MONITOR_RUNPASSWD_H

#include "monitor/runspec.h"

struct person {
	const char *name, *group, *full, *home;
	uint32_t uid, gid;
};

/* A line for him and one for his group, where the root file system has none yet: those of
 * --passwd-entry and --group-entry, or ours. */
int passwd_add(const struct run_options *o, int rootfs, const struct person *p, struct arena *a,
	       struct err *e);

/* With one of those options the same for a user (NULL: root) who is but a number. rootfs -1: it is
 * not the container's own, and not to be changed. */
int passwd_apply(const struct run_options *o, const char *user, int rootfs, struct arena *a,
		 struct err *e);

#endif

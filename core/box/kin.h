/* kin.h - the processes that no cgroup tells: who is in a container's namespaces, and a process's
 * children. */
#ifndef BOX_KIN_H
#define BOX_KIN_H

#include "base/arena.h"
#include "base/err.h"
#include "base/list.h"

#include <sys/types.h>

/* Whose: an init, who holds it, and which of the namespaces "pid" and "user" are its own. */
struct kin_of {
	pid_t init; /* 0: nobody's */
	int held;
	const struct strs *own;
};

/* The pids of all that share one of those namespaces with it, and of all that descend from them or
 * from it; as seen from here, in order. Without namespaces of its own, its descendants. */
int kin_pids(const struct kin_of *of, struct arena *a, struct u32s *out, struct err *e);

/* Signals all of them; new ones that are born meanwhile too, as long as there are some. Init, as
 * whose kin they are known, comes last. With SIGKILL waits for their end. */
int kin_signal(const struct kin_of *of, int sig, struct err *e);

/* Kills a process and all that descend from it, and waits for their end. They are stopped first, so
 * that none is born of another's end. */
int kin_kill(pid_t pid, int pidfd, struct err *e);

#endif

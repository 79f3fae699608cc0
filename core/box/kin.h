/* kin.h - the processes that no cgroup tells: who is in a container's namespaces, and a process's
 * children. */
#ifndef BOX_KIN_H
#define BOX_KIN_H

#include "base/arena.h"
#include "base/err.h"
#include "base/list.h"

#include <sys/types.h>

/* The pids of all that share one of these namespaces (of "pid" and "user", which must be the
 * container's own) with its init, and of all that descend from them or from it; as seen from here,
 * in order. Without init's own namespaces, its descendants. */
int kin_pids(pid_t init, const struct strs *own, struct arena *a, struct u32s *out, struct err *e);

/* Signals all of them; new ones that are born meanwhile too, as long as there are some. Init, as
 * whose kin they are known, comes last. With SIGKILL waits for their end. */
int kin_signal(pid_t init, int init_pidfd, const struct strs *own, int sig, struct err *e);

/* Kills a process and all that descend from it, and waits for their end. They are stopped first, so
 * that none is born of another's end. */
int kin_kill(pid_t pid, int pidfd, struct err *e);

#endif

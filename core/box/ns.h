/* ns.h - namespaces: their names and their flags. */
#ifndef BOX_NS_H
#define BOX_NS_H

#include <stdint.h>
#include <sys/types.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif
#define CLONE_NEWANY                                                                               \
	(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWUSER | \
	 CLONE_NEWCGROUP | CLONE_NEWTIME)

/* "pid" to CLONE_NEWPID; 0 for an unknown name. */
uint64_t ns_flag(const char *type);
const char *ns_type(uint64_t flag); /* and back; "" */

/* The CLONE_NEW* of those namespaces that process pid has and we have not; known: of some it is
 * known already. -errno when one cannot be looked at, as of a process that has ended: to join fewer
 * would be to run outside. */
int ns_different(pid_t pid, uint64_t known, uint64_t *out);

/* Joins a namespace by its own fd, or those of `flags` of a process that is held. System calls
 * only. 0 or -errno. */
int ns_join(int fd, uint64_t flags);

/* What our own namespace of one CLONE_NEW* is. 0 or -errno. */
struct stat;
int ns_own(uint64_t flag, struct stat *out);

/* Brings up the loopback device of our own network namespace, where there is such. System calls
 * only. 0 or -errno. */
int ns_loopback_up(void);

/* The CLONE_NEW* of the namespace that a sysctl that may be set (path below /proc/sys) is of. */
uint64_t ns_of_sysctl(const char *path);

#endif

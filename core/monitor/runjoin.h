/* runjoin.h - what a container has together with another one that runs: "container:ID" of --network
 * and such, and "ns:PATH" of --userns. */
#ifndef MONITOR_RUNJOIN_H
#define MONITOR_RUNJOIN_H

#include "base/arena.h"
#include "base/err.h"
#include "oci/spec.h"

#include <stdbool.h>

/* Mounts that show what a namespace has. */
enum shared { SHARED_SYS, SHARED_PROC, SHARED_MQUEUE, SHARED_SHM, SHARED };

struct joined {
	int fds[7 + SHARED]; /* held open until the container has them */
	size_t n;
	/* The other's, as paths of the fds; "" where it has none, NULL of what is not joined. */
	const char *shown[SHARED];
	bool users; /* so is a user namespace, which has these ids */
	struct spec_id_mappings uids, gids;
	const char *owner; /* the container that it is of; NULL: it was given by its path */
	int owner_held;	   /* its init */
};

struct run_options;

/* Before anything else of a run: a user's container that joins another one is made in that one's
 * namespace of all ids, which owns its others; all others in one of their own (subid_enter). */
int join_enter(const struct run_options *o, const char *root, struct err *e);

/* Makes of each "container:ID" the "ns:PATH" of what that container has; of root's state directory
 * `root`. Of a user namespace that was given by its path the ids are read. Nobody else gets the
 * numbers of its processes meanwhile. */
int join_all(struct run_options *o, const char *root, struct arena *a, struct joined *out,
	     struct err *e);

/* Lets go of all. */
void join_end(struct joined *j);

#endif

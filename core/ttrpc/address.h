/* address.h - the socket of a shim: where it is, and whether somebody serves on it. */
#ifndef TTRPC_ADDRESS_H
#define TTRPC_ADDRESS_H

#include "base/arena.h"
#include "base/err.h"

#define ADDRESS_DIR "/run/containerd/s" /* unless containerd names another */

struct shim_address {
	const char *path, *uri; /* /run/containerd/s/HEX, unix:///run/containerd/s/HEX */
};

/* dir/HEX, where HEX is the SHA-256 of containerd's address, the namespace and the group, joined as
 * a path: what containerd's own shims use. */
int address_of(const char *dir, const char *grpc, const char *namespace_, const char *group,
	       struct arena *a, struct shim_address *out, struct err *e);

/* Listens on it, and makes its directory. The fd, or -EADDRINUSE when a living shim serves there.
 * One that died left a socket that is replaced. */
int address_listen(const struct shim_address *ad, struct err *e);

/* Removes the socket unless a living shim serves there. */
void address_clean(const char *uri);

#endif

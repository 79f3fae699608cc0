/* podfiles.h - what the containers of a pod share as files: its names, its DNS, its shared memory.
 * With a pause container containerd makes and mounts them; with a sandbox of our own it leaves both
 * to us. */
#ifndef TTRPC_PODFILES_H
#define TTRPC_PODFILES_H

#include "ttrpc/podconfig.h"

/* Writes hostname, hosts and resolv.conf into the sandbox's bundle, to be mounted in /etc, and for
 * a pod that has an ipc namespace of its own mounts its /dev/shm on the bundle's rootfs. */
int podfiles_make(const char *bundle, const pod_config *c, struct arena *a, struct err *e);

/* Where that /dev/shm is. NULL at the arena's cap. */
char *podfiles_shm(const char *bundle, struct arena *a);

/* s with mounts of all that, for a container of the pod: what it mounts there itself stays. */
int podfiles_add(const struct spec *s, const char *bundle, bool shm, struct arena *a,
		 const struct spec **out, struct err *e);

#endif

/* netdevice.h - network devices of the host that a container gets for itself. */
#ifndef BOX_NETDEVICE_H
#define BOX_NETDEVICE_H

#include "base/err.h"
#include "oci/spec.h"

#include <sys/types.h>

/* Moves the devices of linux.netDevices into the network namespace of the process pid, or into the
 * one that the spec names, with their new names and permanent addresses, and up. Who gives them
 * back is the kernel, when the namespace ends. A device that cannot be moved is as it was. */
int netdevices_move(const struct spec *s, pid_t pid, struct err *e);

#endif

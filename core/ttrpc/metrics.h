/* metrics.h - what a container uses, as containerd's cgroup metrics. */
#ifndef TTRPC_METRICS_H
#define TTRPC_METRICS_H

#include "container/container.h"
#include "pb/any.pb-c.h"

/* io.containerd.cgroups.v1.Metrics or v2.Metrics, as this machine's cgroups are: what is not
 * counted is 0. RPC_NOT_FOUND for one without cgroups, or NULL. */
int metrics_read(const struct container *c, struct arena *a, Google__Protobuf__Any **out,
		 struct err *e);

/* The same of all that is in these cgroups, which are given by their directories, with the network
 * of a process; 0: without. */
int metrics_read_all(const struct strs *cgroups, pid_t network, struct arena *a,
		     Google__Protobuf__Any **out, struct err *e);

#endif

/* metrics.h - what a container uses, as containerd's cgroup metrics. */
#ifndef TTRPC_METRICS_H
#define TTRPC_METRICS_H

#include "container/container.h"
#include "pb/any.pb-c.h"

/* io.containerd.cgroups.v1.Metrics or v2.Metrics, as this machine's cgroups are: what is not
 * counted is 0. RPC_NOT_FOUND for one without cgroups, or NULL. */
int metrics_read(const struct container *c, struct arena *a, Google__Protobuf__Any **out,
		 struct err *e);

#endif

/* metrics_inner.h - what the two kinds of cgroup metrics share. */
#ifndef TTRPC_METRICS_INNER_H
#define TTRPC_METRICS_INNER_H

#include "base/pb.h"
#include "box/stats.h"
#include "box/stats_extra.h"
#include "pb/cgroup1_metrics.pb-c.h"

#define V1(name_) Io__Containerd__Cgroups__V1__##name_

/* All that was read. */
struct used {
	struct stats s;
	struct stats_extra x; /* v2 only */
	struct stats_links links;
};

/* The encoded message, in a. NULL: over its cap. */
void *metrics_v1(const struct used *u, struct arena *a, size_t *n);
void *metrics_v2(const struct used *u, struct arena *a, size_t *n);

/* A message of its own, empty; NULL at the arena's cap, which every caller takes for "not counted".
 */
void *metrics_new(const ProtobufCMessageDescriptor *type, struct arena *a);

/* Lines of a file of counters by their names, into a message of uint64 fields. */
struct metrics_line {
	const char *key; /* NULL: the last */
	size_t offset;
};
void metrics_fill(void *m, const struct metrics_line *lines, const struct counters *c);

/* What the two have in common, message for message; NULL: not counted. */
V1(PidsStat) * metrics_pids(uint64_t current, uint64_t limit, struct arena *a);
V1(RdmaStat) * metrics_rdma(const struct stats *s, struct arena *a);
V1(NetworkStat) * *metrics_links(const struct stats_links *s, struct arena *a, size_t *n);

static inline char *metrics_text(const char *s)
{
	return (char *)(uintptr_t)s;
}

#endif

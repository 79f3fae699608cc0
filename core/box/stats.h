/* stats.h - what a container has used, read from its cgroups. */
#ifndef BOX_STATS_H
#define BOX_STATS_H

#include "base/arena.h"
#include "base/err.h"
#include "box/cgroup.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* "key number" lines of one of the kernel's files, as they are. */
struct counter {
	const char *key;
	uint64_t value;
};
struct counters {
	struct counter *v;
	size_t n;
};

/* The value of key, or 0. */
uint64_t counters_get(const struct counters *c, const char *key);

struct stats_cpu { /* nanoseconds */
	uint64_t total, user, kernel;
	uint64_t periods, throttled_periods, throttled;
	uint64_t bursts, burst; /* v2 only */
	uint64_t *per_cpu;	/* v1 only */
	size_t cpus;
};

/* One kind of memory. No limit is UINT64_MAX. */
struct stats_use {
	uint64_t usage, max, limit, failures;
	bool limited; /* its limit could be read, whatever it is */
};
struct stats_memory {
	struct stats_use usage;
	struct stats_use swap;		     /* v1: memory and swap together; v2: swap alone */
	struct stats_use kernel, kernel_tcp; /* v1 only */
	struct counters raw;		     /* memory.stat */
	struct counters events;		     /* v2: memory.events; v1: memory.oom_control */
};

struct stats_io {
	uint64_t major, minor;
	const char *device; /* "/dev/sda", by stats_name_devices */
	const char
		*op; /* Read, Write, Sync, Async, Discard, Total; v2: rbytes, wbytes, rios, ... */
	uint64_t value;
};
struct stats_ios {
	struct stats_io *v;
	size_t n;
};

struct stats_hugepages {
	const char *page_size; /* "2MB" */
	struct stats_use use;
};

struct stats_rdma { /* of a device; no limit is UINT32_MAX */
	const char *device;
	uint32_t handles, objects;
};
struct stats_rdmas {
	struct stats_rdma *v;
	size_t n;
};

/* What a network interface has counted. */
struct stats_link {
	const char *name;
	uint64_t rx_bytes, rx_packets, rx_errors, rx_dropped;
	uint64_t tx_bytes, tx_packets, tx_errors, tx_dropped;
};
struct stats_links {
	struct stats_link *v;
	size_t n;
};

struct stats {
	bool v2;
	struct stats_cpu cpu;
	struct stats_memory memory;
	struct {
		uint64_t current, limit; /* UINT64_MAX: none */
	} pids;
	struct stats_ios io_bytes, io_count; /* v2: all in io_bytes */
	struct {
		struct stats_hugepages *v;
		size_t n;
	} hugepages;
	struct stats_rdmas rdma, rdma_limit;
	uint64_t oom_kills;
};

/* What no controller of this machine counts is 0. */
int stats_read(const struct cgroup *cg, struct arena *a, struct stats *out, struct err *e);

/* The name of each one's device, as far as the machine knows one. 0 or -ENOMEM. */
int stats_name_devices(struct stats_ios *s, struct arena *a);

/* The interfaces of a process's network namespace, without lo. 0 or -ENOMEM; whose process is gone
 * has none. */
int stats_links_read(pid_t pid, struct arena *a, struct stats_links *out);

/* The parsers, for tests: "key number" lines; "8:0 Read 12" lines; "8:0 rbytes=1 wios=2" lines;
 * "mlx4_0 hca_handle=2 hca_object=max" lines; /proc/net/dev; /proc/partitions. 0 or -ENOMEM. */
int counters_parse(char *text, struct arena *a, struct counters *out);
int stats_parse_io(char *text, struct arena *a, struct stats_ios *out);
int stats_parse_rdma(const char *text, struct arena *a, struct stats_rdmas *out);
int stats_parse_links(const char *text, struct arena *a, struct stats_links *out);
int stats_parse_partitions(const char *text, struct arena *a, struct stats_ios *out);

#endif

/* stats_extra.h - what stats.h leaves out since only the events of `runtime` tell it. */
#ifndef BOX_STATS_EXTRA_H
#define BOX_STATS_EXTRA_H

#include "base/arena.h"
#include "base/list.h"
#include "box/cgroup.h"

#include <stdint.h>

struct stats_cpuset { /* v1 only */
	struct u32s cpus, mems;
	uint64_t cpu_exclusive, mem_hardwall, mem_exclusive, memory_migrate, memory_spread_page,
		memory_spread_slab, memory_pressure, sched_load_balance;
	int64_t sched_relax_domain_level;
};

/* One line of a *.pressure file; the averages as the kernel wrote them. */
struct stats_stall {
	const char *avg10, *avg60, *avg300;
	uint64_t total;
};
struct stats_pressure {
	struct stats_stall some, full;
};

struct stats_extra {
	uint64_t *user_per_cpu, *kernel_per_cpu; /* v1 only */
	size_t cpus;
	struct stats_cpuset cpuset;
	struct stats_pressure *cpu, *memory, *io; /* v2; NULL where the kernel does not tell */
};

/* 0 or -ENOMEM. What is not there stays empty. */
int stats_extra_read(const struct cgroup *cg, struct arena *a, struct stats_extra *out);

/* The parsers, for tests: "0-2,7"; "some avg10=0.00 avg60=0.00 avg300=0.00 total=0" lines. */
int cpu_list_parse(const char *text, struct arena *a, struct u32s *out);
int stats_parse_pressure(const char *text, struct arena *a, struct stats_pressure *out);

#endif

/* stats_extra.c - what stats.h leaves out since only the events of `runtime` tell it. */
#include "box/stats_extra.h"
#include "base/file.h"
#include "box/cgroup_inner.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CPUS_MAX 8192

int cpu_list_parse(const char *text, struct arena *a, struct u32s *out)
{
	size_t n = 0;
	uint32_t *v = NULL;
	/* First counted, then filled in. */
	for (int pass = 0; pass < 2; pass++) {
		char *at = (char *)(uintptr_t)text;
		if (pass && !(v = arena_array(a, n, sizeof(*v))))
			return -ENOMEM;
		n = 0;
		while (*at >= '0' && *at <= '9') {
			unsigned long first = strtoul(at, &at, 10), last = first;
			if (*at == '-')
				last = strtoul(at + 1, &at, 10);
			for (; first <= last && n < CPUS_MAX; first++, n++)
				if (v)
					v[n] = (uint32_t)first;
			at += *at == ',';
		}
	}
	*out = (struct u32s){ v, n };
	return 0;
}

static int stall_parse(const char *line, struct arena *a, struct stats_stall *out)
{
	char avg[3][24];
	uint64_t total;
	if (sscanf(line, "%*s avg10=%23[0-9.] avg60=%23[0-9.] avg300=%23[0-9.] total=%" SCNu64,
		   avg[0], avg[1], avg[2], &total) != 4)
		return 0;
	*out = (struct stats_stall){ arena_str(a, avg[0]), arena_str(a, avg[1]),
				     arena_str(a, avg[2]), total };
	return out->avg10 && out->avg60 && out->avg300 ? 0 : -ENOMEM;
}

int stats_parse_pressure(const char *text, struct arena *a, struct stats_pressure *out)
{
	int rc = 0;
	*out = (struct stats_pressure){ { "0", "0", "0", 0 }, { "0", "0", "0", 0 } };
	for (const char *p = text; rc == 0 && *p; p += strcspn(p, "\n"), p += *p == '\n') {
		if (!strncmp(p, "some ", 5))
			rc = stall_parse(p, a, &out->some);
		else if (!strncmp(p, "full ", 5))
			rc = stall_parse(p, a, &out->full);
	}
	return rc;
}

static int pressure_read(const struct cgroup_dir *d, const char *file, struct arena *a,
			 struct stats_pressure **out)
{
	char text[256];
	if (cgroup_get(d->fd, file, text, sizeof(text)) <= 0) /* also where it is off: EOPNOTSUPP */
		return 0;
	struct stats_pressure *p = arena_alloc(a, sizeof(*p));
	int rc = p ? stats_parse_pressure(text, a, p) : -ENOMEM;
	if (rc == 0)
		*out = p;
	return rc;
}

static int cpuset_read(const struct cgroup_dir *d, struct arena *a, struct stats_cpuset *out)
{
	char text[4096];
	const struct {
		const char *file;
		uint64_t *to;
	} flags[] = {
		{ "cpuset.cpu_exclusive", &out->cpu_exclusive },
		{ "cpuset.mem_hardwall", &out->mem_hardwall },
		{ "cpuset.mem_exclusive", &out->mem_exclusive },
		{ "cpuset.memory_migrate", &out->memory_migrate },
		{ "cpuset.memory_spread_page", &out->memory_spread_page },
		{ "cpuset.memory_spread_slab", &out->memory_spread_slab },
		{ "cpuset.memory_pressure", &out->memory_pressure },
		{ "cpuset.sched_load_balance", &out->sched_load_balance },
	};
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (cgroup_get(d->fd, flags[i].file, text, sizeof(text)) > 0)
			*flags[i].to = strtoull(text, NULL, 10);
	if (cgroup_get(d->fd, "cpuset.sched_relax_domain_level", text, sizeof(text)) > 0)
		out->sched_relax_domain_level = strtoll(text, NULL, 10);
	int rc = 0;
	if (cgroup_get(d->fd, "cpuset.cpus", text, sizeof(text)) > 0)
		rc = cpu_list_parse(text, a, &out->cpus);
	if (rc == 0 && cgroup_get(d->fd, "cpuset.mems", text, sizeof(text)) > 0)
		rc = cpu_list_parse(text, a, &out->mems);
	return rc;
}

/* "cpu user system", and a line of these three for each. */
static int per_cpu_read(const struct cgroup_dir *d, struct arena *a, struct stats_extra *out)
{
	auto_buf text = { .max = 1 << 20 };
	size_t lines = 0;
	if (file_read(d->fd, "cpuacct.usage_all", &text, NULL) < 0 || !text.p)
		return 0;
	for (const char *p = text.p; *p; p++)
		lines += *p == '\n';
	out->user_per_cpu = arena_array(a, lines, sizeof(uint64_t));
	out->kernel_per_cpu = arena_array(a, lines, sizeof(uint64_t));
	if (!out->user_per_cpu || !out->kernel_per_cpu)
		return -ENOMEM;
	for (const char *p = text.p; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		uint64_t user, kernel;
		if (sscanf(p, "%*u %" SCNu64 " %" SCNu64, &user, &kernel) != 2)
			continue;
		out->user_per_cpu[out->cpus] = user;
		out->kernel_per_cpu[out->cpus++] = kernel;
	}
	return 0;
}

int stats_extra_read(const struct cgroup *cg, struct arena *a, struct stats_extra *out)
{
	const struct cgroup_dir *account = cgroup_v1_dir(cg, "cpuacct"),
				*set = cgroup_v1_dir(cg, "cpuset"),
				*u = cg->v2 ? cgroup_unified(cg) : NULL;
	struct stats_extra x = { 0 };
	int rc = 0;
	if (account && account->fd >= 0)
		rc = per_cpu_read(account, a, &x);
	if (rc == 0 && set && set->fd >= 0)
		rc = cpuset_read(set, a, &x.cpuset);
	if (u && u->fd >= 0) {
		rc = pressure_read(u, "cpu.pressure", a, &x.cpu);
		if (rc == 0)
			rc = pressure_read(u, "memory.pressure", a, &x.memory);
		if (rc == 0)
			rc = pressure_read(u, "io.pressure", a, &x.io);
	}
	if (rc == 0)
		*out = x;
	return rc;
}

/* metrics_v2.c - io.containerd.cgroups.v2.Metrics. */
#include "pb/cgroup2_metrics.pb-c.h"
#include "ttrpc/metrics_inner.h"

#include <stdlib.h>
#include <string.h>

#define V2(name_) Io__Containerd__Cgroups__V2__##name_

#define L2(key_, member_) { key_, offsetof(V2(MemoryStat), member_) }
static const struct metrics_line memory2[] = {
	L2("anon", anon),
	L2("file", file),
	L2("kernel_stack", kernel_stack),
	L2("slab", slab),
	L2("sock", sock),
	L2("shmem", shmem),
	L2("file_mapped", file_mapped),
	L2("file_dirty", file_dirty),
	L2("file_writeback", file_writeback),
	L2("anon_thp", anon_thp),
	L2("inactive_anon", inactive_anon),
	L2("active_anon", active_anon),
	L2("inactive_file", inactive_file),
	L2("active_file", active_file),
	L2("unevictable", unevictable),
	L2("slab_reclaimable", slab_reclaimable),
	L2("slab_unreclaimable", slab_unreclaimable),
	L2("pgfault", pgfault),
	L2("pgmajfault", pgmajfault),
	L2("workingset_refault", workingset_refault),
	L2("workingset_activate", workingset_activate),
	L2("workingset_nodereclaim", workingset_nodereclaim),
	L2("pgrefill", pgrefill),
	L2("pgscan", pgscan),
	L2("pgsteal", pgsteal),
	L2("pgactivate", pgactivate),
	L2("pgdeactivate", pgdeactivate),
	L2("pglazyfree", pglazyfree),
	L2("pglazyfreed", pglazyfreed),
	L2("thp_fault_alloc", thp_fault_alloc),
	L2("thp_collapse_alloc", thp_collapse_alloc),
	L2("workingset_refault_anon", workingset_refault_anon),
	L2("workingset_refault_file", workingset_refault_file),
	L2("workingset_activate_anon", workingset_activate_anon),
	L2("workingset_activate_file", workingset_activate_file),
	{ 0 },
};

static V2(PSIData) * stall(const struct stats_stall *s, struct arena *a)
{
	V2(PSIData) *m = metrics_new(&io__containerd__cgroups__v2__psidata__descriptor, a);
	if (!m)
		return NULL;
	m->avg10 = strtod(s->avg10, NULL);
	m->avg60 = strtod(s->avg60, NULL);
	m->avg300 = strtod(s->avg300, NULL);
	m->total = s->total;
	return m;
}

static V2(PSIStats) * pressure(const struct stats_pressure *p, struct arena *a)
{
	V2(PSIStats) *m = p ? metrics_new(&io__containerd__cgroups__v2__psistats__descriptor, a)
			    : NULL;
	if (!m)
		return NULL;
	m->some = stall(&p->some, a);
	m->full = stall(&p->full, a);
	return m;
}

static V2(MemoryStat) * memory_v2(const struct used *u, struct arena *a)
{
	const struct stats_memory *s = &u->s.memory;
	V2(MemoryStat) *m = metrics_new(&io__containerd__cgroups__v2__memory_stat__descriptor, a);
	if (!m)
		return NULL;
	metrics_fill(m, memory2, &s->raw);
	m->usage = s->usage.usage;
	m->usage_limit = s->usage.limited ? s->usage.limit : 0;
	m->max_usage = s->usage.max;
	m->swap_usage = s->swap.usage;
	m->swap_limit = s->swap.limited ? s->swap.limit : 0;
	m->swap_max_usage = s->swap.max;
	m->psi = pressure(u->x.memory, a);
	return m;
}

static V2(CPUStat) * cpu_v2(const struct used *u, struct arena *a)
{
	const struct stats_cpu *s = &u->s.cpu;
	V2(CPUStat) *m = metrics_new(&io__containerd__cgroups__v2__cpustat__descriptor, a);
	if (!m)
		return NULL;
	m->usage_usec = s->total / 1000;
	m->user_usec = s->user / 1000;
	m->system_usec = s->kernel / 1000;
	m->nr_periods = s->periods;
	m->nr_throttled = s->throttled_periods;
	m->throttled_usec = s->throttled / 1000;
	m->nr_bursts = s->bursts;
	m->burst_usec = s->burst / 1000;
	m->psi = pressure(u->x.cpu, a);
	return m;
}

/* A device's lines follow one another. */
static V2(IOStat) * io_v2(const struct stats_ios *s, struct arena *a)
{
	V2(IOStat) *m = metrics_new(&io__containerd__cgroups__v2__iostat__descriptor, a);
	V2(IOEntry) *last = NULL;
	if (m)
		m->usage = arena_array(a, s->n, sizeof(*m->usage));
	for (size_t i = 0; m && m->usage && i < s->n; i++) {
		const struct stats_io *v = &s->v[i];
		if (!last || last->major != v->major || last->minor != v->minor) {
			last = metrics_new(&io__containerd__cgroups__v2__ioentry__descriptor, a);
			if (!last)
				return m;
			last->major = v->major;
			last->minor = v->minor;
			m->usage[m->n_usage++] = last;
		}
		if (!strcmp(v->op, "rbytes"))
			last->rbytes = v->value;
		else if (!strcmp(v->op, "wbytes"))
			last->wbytes = v->value;
		else if (!strcmp(v->op, "rios"))
			last->rios = v->value;
		else if (!strcmp(v->op, "wios"))
			last->wios = v->value;
	}
	return m;
}

static void hugepages_v2(const struct stats *s, struct arena *a, V2(Metrics) * out)
{
	out->hugetlb = arena_array(a, s->hugepages.n, sizeof(*out->hugetlb));
	for (size_t i = 0; out->hugetlb && i < s->hugepages.n; i++) {
		const struct stats_hugepages *h = &s->hugepages.v[i];
		V2(HugeTlbStat) *m = metrics_new(
			&io__containerd__cgroups__v2__huge_tlb_stat__descriptor, a);
		if (!m)
			return;
		m->current = h->use.usage;
		m->max = h->use.limit;
		m->failcnt = h->use.failures;
		m->pagesize = metrics_text(h->page_size);
		out->hugetlb[out->n_hugetlb++] = m;
	}
}

void *metrics_v2(const struct used *u, struct arena *a, size_t *n)
{
	const struct stats *s = &u->s;
	V2(Metrics) *m = metrics_new(&io__containerd__cgroups__v2__metrics__descriptor, a);
	V2(MemoryEvents) *events = metrics_new(
		&io__containerd__cgroups__v2__memory_events__descriptor, a);
	if (!m || !events)
		return NULL;
	events->low = counters_get(&s->memory.events, "low");
	events->high = counters_get(&s->memory.events, "high");
	events->max = counters_get(&s->memory.events, "max");
	events->oom = counters_get(&s->memory.events, "oom");
	events->oom_kill = counters_get(&s->memory.events, "oom_kill");
	events->oom_group_kill = counters_get(&s->memory.events, "oom_group_kill");
	m->pids = metrics_pids(s->pids.current, s->pids.limit, a);
	m->cpu = cpu_v2(u, a);
	m->memory = memory_v2(u, a);
	m->io = io_v2(&s->io_bytes, a);
	if (m->io)
		m->io->psi = pressure(u->x.io, a);
	m->memory_events = events;
	hugepages_v2(s, a, m);
	m->network = metrics_links(&u->links, a, &m->n_network);
	m->rdma = metrics_rdma(s, a);
	return pb_encode(m, a, n);
}

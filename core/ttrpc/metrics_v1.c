/* metrics_v1.c - io.containerd.cgroups.v1.Metrics. Of blkio only what is throttled is counted: the
 * scheduler that counted the rest went with Linux 5.0. */
#include "ttrpc/metrics_inner.h"

#include <string.h>

#define L1(key_, member_) { key_, offsetof(V1(MemoryStat), member_) }
static const struct metrics_line memory1[] = {
	L1("cache", cache),
	L1("rss", rss),
	L1("rss_huge", rss_huge),
	L1("mapped_file", mapped_file),
	L1("dirty", dirty),
	L1("writeback", writeback),
	L1("pgpgin", pg_pg_in),
	L1("pgpgout", pg_pg_out),
	L1("pgfault", pg_fault),
	L1("pgmajfault", pg_maj_fault),
	L1("inactive_anon", inactive_anon),
	L1("active_anon", active_anon),
	L1("inactive_file", inactive_file),
	L1("active_file", active_file),
	L1("unevictable", unevictable),
	L1("hierarchical_memory_limit", hierarchical_memory_limit),
	L1("hierarchical_memsw_limit", hierarchical_swap_limit),
	L1("total_cache", total_cache),
	L1("total_rss", total_rss),
	L1("total_rss_huge", total_rss_huge),
	L1("total_mapped_file", total_mapped_file),
	L1("total_dirty", total_dirty),
	L1("total_writeback", total_writeback),
	L1("total_pgpgin", total_pg_pg_in),
	L1("total_pgpgout", total_pg_pg_out),
	L1("total_pgfault", total_pg_fault),
	L1("total_pgmajfault", total_pg_maj_fault),
	L1("total_inactive_anon", total_inactive_anon),
	L1("total_active_anon", total_active_anon),
	L1("total_inactive_file", total_inactive_file),
	L1("total_active_file", total_active_file),
	L1("total_unevictable", total_unevictable),
	{ 0 },
};

#define NO_LIMIT_V1 \
	UINT64_C(0x7ffffffffffff000) /* as the kernel writes it, which others compare with */

static V1(MemoryEntry) * use1(const struct stats_use *u, struct arena *a)
{
	V1(MemoryEntry) *m = metrics_new(&io__containerd__cgroups__v1__memory_entry__descriptor, a);
	if (!m)
		return NULL;
	m->limit = u->limit < NO_LIMIT_V1 ? u->limit : NO_LIMIT_V1;
	m->usage = u->usage;
	m->max = u->max;
	m->failcnt = u->failures;
	return m;
}

static V1(MemoryStat) * memory_v1(const struct stats_memory *s, struct arena *a)
{
	V1(MemoryStat) *m = metrics_new(&io__containerd__cgroups__v1__memory_stat__descriptor, a);
	if (!m)
		return NULL;
	metrics_fill(m, memory1, &s->raw);
	m->usage = use1(&s->usage, a);
	m->swap = use1(&s->swap, a);
	m->kernel = use1(&s->kernel, a);
	m->kernel_tcp = use1(&s->kernel_tcp, a);
	return m;
}

static V1(CPUStat) * cpu_v1(const struct stats_cpu *s, struct arena *a)
{
	V1(CPUStat) *m = metrics_new(&io__containerd__cgroups__v1__cpustat__descriptor, a);
	V1(CPUUsage) *usage = metrics_new(&io__containerd__cgroups__v1__cpuusage__descriptor, a);
	V1(Throttle) *throttle = metrics_new(&io__containerd__cgroups__v1__throttle__descriptor, a);
	if (!m || !usage || !throttle)
		return NULL;
	usage->total = s->total;
	usage->kernel = s->kernel;
	usage->user = s->user;
	usage->per_cpu = s->per_cpu;
	usage->n_per_cpu = s->cpus;
	throttle->periods = s->periods;
	throttle->throttled_periods = s->throttled_periods;
	throttle->throttled_time = s->throttled;
	m->usage = usage;
	m->throttling = throttle;
	return m;
}

static size_t io_v1(const struct stats_ios *s, struct arena *a, V1(BlkIOEntry) * **out)
{
	size_t n = 0;
	*out = arena_array(a, s->n, sizeof(**out));
	for (size_t i = 0; *out && i < s->n; i++) {
		V1(BlkIOEntry) *m = metrics_new(
			&io__containerd__cgroups__v1__blk_ioentry__descriptor, a);
		if (!m)
			break;
		m->op = metrics_text(s->v[i].op);
		if (s->v[i].device)
			m->device = metrics_text(s->v[i].device);
		m->major = s->v[i].major;
		m->minor = s->v[i].minor;
		m->value = s->v[i].value;
		(*out)[n++] = m;
	}
	return n;
}

static void hugepages_v1(const struct stats *s, struct arena *a, V1(Metrics) * out)
{
	out->hugetlb = arena_array(a, s->hugepages.n, sizeof(*out->hugetlb));
	for (size_t i = 0; out->hugetlb && i < s->hugepages.n; i++) {
		const struct stats_hugepages *h = &s->hugepages.v[i];
		V1(HugetlbStat) *m = metrics_new(
			&io__containerd__cgroups__v1__hugetlb_stat__descriptor, a);
		if (!m)
			return;
		m->usage = h->use.usage;
		m->max = h->use.max;
		m->failcnt = h->use.failures;
		m->pagesize = metrics_text(h->page_size);
		out->hugetlb[out->n_hugetlb++] = m;
	}
}

void *metrics_v1(const struct used *u, struct arena *a, size_t *n)
{
	const struct stats *s = &u->s;
	V1(Metrics) *m = metrics_new(&io__containerd__cgroups__v1__metrics__descriptor, a);
	V1(BlkIOStat) *io = metrics_new(&io__containerd__cgroups__v1__blk_iostat__descriptor, a);
	V1(MemoryOomControl) *oom = metrics_new(
		&io__containerd__cgroups__v1__memory_oom_control__descriptor, a);
	if (!m || !io || !oom)
		return NULL;
	io->n_io_service_bytes_recursive = io_v1(&s->io_bytes, a, &io->io_service_bytes_recursive);
	io->n_io_serviced_recursive = io_v1(&s->io_count, a, &io->io_serviced_recursive);
	oom->oom_kill_disable = counters_get(&s->memory.events, "oom_kill_disable");
	oom->under_oom = counters_get(&s->memory.events, "under_oom");
	oom->oom_kill = counters_get(&s->memory.events, "oom_kill");
	m->pids = metrics_pids(s->pids.current, s->pids.limit == UINT64_MAX ? 0 : s->pids.limit, a);
	m->cpu = cpu_v1(&s->cpu, a);
	m->memory = memory_v1(&s->memory, a);
	m->blkio = io;
	m->memory_oom_control = oom;
	hugepages_v1(s, a, m);
	m->network = metrics_links(&u->links, a, &m->n_network);
	m->rdma = metrics_rdma(s, a);
	return pb_encode(m, a, n);
}

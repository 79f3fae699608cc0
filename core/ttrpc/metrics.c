/* metrics.c - what a container uses, as containerd's cgroup metrics. */
#include "ttrpc/metrics.h"
#include "base/pb.h"
#include "box/stats.h"
#include "pb/cgroup1_metrics.pb-c.h"
#include "pb/cgroup2_metrics.pb-c.h"

#include <string.h>

#define V1(name_) Io__Containerd__Cgroups__V1__##name_
#define V2(name_) Io__Containerd__Cgroups__V2__##name_

static char *text(const char *s)
{
	return (char *)(uintptr_t)s;
}

/* A message of its own, empty; NULL at the arena's cap, which every caller takes for "not counted".
 */
static void *new_message(const ProtobufCMessageDescriptor *type, struct arena *a)
{
	void *m = arena_alloc(a, type->sizeof_message);
	if (m)
		protobuf_c_message_init(type, m);
	return m;
}

/* Lines of memory.stat by their names, into a message of uint64 fields. */
struct line {
	const char *key;
	size_t offset;
};

static void fill(void *m, const struct line *lines, const struct counters *c)
{
	for (; lines->key; lines++) {
		uint64_t value = counters_get(c, lines->key);
		memcpy((char *)m + lines->offset, &value, sizeof(value));
	}
}

#define L1(key_, member_) { key_, offsetof(V1(MemoryStat), member_) }
static const struct line memory1[] = {
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
	V1(MemoryEntry) *m = new_message(&io__containerd__cgroups__v1__memory_entry__descriptor, a);
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
	V1(MemoryStat) *m = new_message(&io__containerd__cgroups__v1__memory_stat__descriptor, a);
	if (!m)
		return NULL;
	fill(m, memory1, &s->raw);
	m->usage = use1(&s->usage, a);
	m->swap = use1(&s->swap, a);
	m->kernel = use1(&s->kernel, a);
	m->kernel_tcp = use1(&s->kernel_tcp, a);
	return m;
}

static V1(CPUStat) * cpu_v1(const struct stats_cpu *s, struct arena *a)
{
	V1(CPUStat) *m = new_message(&io__containerd__cgroups__v1__cpustat__descriptor, a);
	V1(CPUUsage) *usage = new_message(&io__containerd__cgroups__v1__cpuusage__descriptor, a);
	V1(Throttle) *throttle = new_message(&io__containerd__cgroups__v1__throttle__descriptor, a);
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
		V1(BlkIOEntry) *m = new_message(
			&io__containerd__cgroups__v1__blk_ioentry__descriptor, a);
		if (!m)
			break;
		m->op = text(s->v[i].op);
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
		V1(HugetlbStat) *m = new_message(
			&io__containerd__cgroups__v1__hugetlb_stat__descriptor, a);
		if (!m)
			return;
		m->usage = h->use.usage;
		m->max = h->use.max;
		m->failcnt = h->use.failures;
		m->pagesize = text(h->page_size);
		out->hugetlb[out->n_hugetlb++] = m;
	}
}

static void *metrics_v1(const struct stats *s, struct arena *a, size_t *n)
{
	V1(Metrics) *m = new_message(&io__containerd__cgroups__v1__metrics__descriptor, a);
	V1(PidsStat) *pids = new_message(&io__containerd__cgroups__v1__pids_stat__descriptor, a);
	V1(BlkIOStat) *io = new_message(&io__containerd__cgroups__v1__blk_iostat__descriptor, a);
	V1(MemoryOomControl) *oom = new_message(
		&io__containerd__cgroups__v1__memory_oom_control__descriptor, a);
	if (!m || !pids || !io || !oom)
		return NULL;
	pids->current = s->pids.current;
	pids->limit = s->pids.limit == UINT64_MAX ? 0 : s->pids.limit;
	io->n_io_service_bytes_recursive = io_v1(&s->io_bytes, a, &io->io_service_bytes_recursive);
	io->n_io_serviced_recursive = io_v1(&s->io_count, a, &io->io_serviced_recursive);
	oom->oom_kill_disable = counters_get(&s->memory.events, "oom_kill_disable");
	oom->under_oom = counters_get(&s->memory.events, "under_oom");
	oom->oom_kill = counters_get(&s->memory.events, "oom_kill");
	m->pids = pids;
	m->cpu = cpu_v1(&s->cpu, a);
	m->memory = memory_v1(&s->memory, a);
	m->blkio = io;
	m->memory_oom_control = oom;
	hugepages_v1(s, a, m);
	return pb_encode(m, a, n);
}

#define L2(key_, member_) { key_, offsetof(V2(MemoryStat), member_) }
static const struct line memory2[] = {
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
	{ 0 },
};

static V2(MemoryStat) * memory_v2(const struct stats_memory *s, struct arena *a)
{
	V2(MemoryStat) *m = new_message(&io__containerd__cgroups__v2__memory_stat__descriptor, a);
	if (!m)
		return NULL;
	fill(m, memory2, &s->raw);
	m->usage = s->usage.usage;
	m->usage_limit = s->usage.limit;
	m->max_usage = s->usage.max;
	m->swap_usage = s->swap.usage;
	m->swap_limit = s->swap.limit;
	m->swap_max_usage = s->swap.max;
	return m;
}

static V2(CPUStat) * cpu_v2(const struct stats_cpu *s, struct arena *a)
{
	V2(CPUStat) *m = new_message(&io__containerd__cgroups__v2__cpustat__descriptor, a);
	if (!m)
		return NULL;
	m->usage_usec = s->total / 1000;
	m->user_usec = s->user / 1000;
	m->system_usec = s->kernel / 1000;
	m->nr_periods = s->periods;
	m->nr_throttled = s->throttled_periods;
	m->throttled_usec = s->throttled / 1000;
	return m;
}

/* A device's lines follow one another. */
static V2(IOStat) * io_v2(const struct stats_ios *s, struct arena *a)
{
	V2(IOStat) *m = new_message(&io__containerd__cgroups__v2__iostat__descriptor, a);
	V2(IOEntry) *last = NULL;
	if (m)
		m->usage = arena_array(a, s->n, sizeof(*m->usage));
	for (size_t i = 0; m && m->usage && i < s->n; i++) {
		const struct stats_io *v = &s->v[i];
		if (!last || last->major != v->major || last->minor != v->minor) {
			last = new_message(&io__containerd__cgroups__v2__ioentry__descriptor, a);
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
		V2(HugeTlbStat) *m = new_message(
			&io__containerd__cgroups__v2__huge_tlb_stat__descriptor, a);
		if (!m)
			return;
		m->current = h->use.usage;
		m->max = h->use.limit;
		m->pagesize = text(h->page_size);
		out->hugetlb[out->n_hugetlb++] = m;
	}
}

static void *metrics_v2(const struct stats *s, struct arena *a, size_t *n)
{
	V2(Metrics) *m = new_message(&io__containerd__cgroups__v2__metrics__descriptor, a);
	V2(PidsStat) *pids = new_message(&io__containerd__cgroups__v2__pids_stat__descriptor, a);
	V2(MemoryEvents) *events = new_message(
		&io__containerd__cgroups__v2__memory_events__descriptor, a);
	if (!m || !pids || !events)
		return NULL;
	pids->current = s->pids.current;
	pids->limit = s->pids.limit == UINT64_MAX ? 0 : s->pids.limit;
	events->low = counters_get(&s->memory.events, "low");
	events->high = counters_get(&s->memory.events, "high");
	events->max = counters_get(&s->memory.events, "max");
	events->oom = counters_get(&s->memory.events, "oom");
	events->oom_kill = counters_get(&s->memory.events, "oom_kill");
	m->pids = pids;
	m->cpu = cpu_v2(&s->cpu, a);
	m->memory = memory_v2(&s->memory, a);
	m->io = io_v2(&s->io_bytes, a);
	m->memory_events = events;
	hugepages_v2(s, a, m);
	return pb_encode(m, a, n);
}

int metrics_read(const struct container *c, struct arena *a, Google__Protobuf__Any **out,
		 struct err *e)
{
	struct cgroup cg = { 0 };
	struct stats s = { 0 };
	int rc = cgroup_open(&c->state.cgroups, a, &cg, e);
	if (rc == 0)
		rc = stats_read(&cg, a, &s, e);
	cgroup_close(&cg);
	if (rc < 0)
		return rc;
	Google__Protobuf__Any *any = new_message(&google__protobuf__any__descriptor, a);
	if (!any)
		return fail(e, ENOMEM, "metrics of container %s", c->id);
	any->type_url = text(s.v2 ? "io.containerd.cgroups.v2.Metrics"
				  : "io.containerd.cgroups.v1.Metrics");
	any->value.data = s.v2 ? metrics_v2(&s, a, &any->value.len)
			       : metrics_v1(&s, a, &any->value.len);
	if (!any->value.data)
		return fail(e, ENOMEM, "metrics of container %s", c->id);
	*out = any;
	return 0;
}

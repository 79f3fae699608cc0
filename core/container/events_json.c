/* events_json.c - a container's statistics as runc's events have them. */
#include "base/json.h"
#include "box/stats.h"
#include "box/stats_extra.h"
#include "container/events.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* v1's word for no limit, which runc hands on; on v2 it is the largest number. */
#define NO_LIMIT_V1 UINT64_C(9223372036854771712)

/* What is shown; lists and maps of numbers as text. */
struct shown_use {
	uint64_t limit, usage, max, failures;
};
struct shown {
	uint64_t total, kernel, user;
	char *per_cpu, *kernel_per_cpu, *user_per_cpu;
	uint64_t periods, throttled_periods, throttled;
	const struct stats_pressure *cpu_pressure, *memory_pressure, *io_pressure;
	struct stats_cpuset cpuset;
	uint64_t cache;
	struct shown_use usage, swap, kernel_memory, kernel_tcp;
	char *raw;
	uint64_t pids, pids_limit;
	char *io_bytes, *io_count, *hugepages;
	const char *empty, *null;
};

#define KEEP_SUB(type_, struct_, member_, name_, sub_) \
	{ .name = (name_),                             \
	  .type = (type_),                             \
	  .flags = J_KEEP,                             \
	  .offset = offsetof(struct struct_, member_), \
	  .sub = (sub_) }
#define PART(name_, sub_) { .name = (name_), .type = J_STRUCT, .flags = J_KEEP, .sub = (sub_) }

static const struct json_field usage_fields[] = {
	JSON(J_U64, shown, total, "total"),
	JSON(J_RAW, shown, per_cpu, "percpu"),
	JSON(J_RAW, shown, kernel_per_cpu, "percpu_kernel"),
	JSON(J_RAW, shown, user_per_cpu, "percpu_user"),
	JSON_F(J_U64, shown, kernel, "kernel", J_KEEP),
	JSON_F(J_U64, shown, user, "user", J_KEEP),
	{ 0 },
};
static const struct json_field throttling_fields[] = {
	JSON(J_U64, shown, periods, "periods"),
	JSON(J_U64, shown, throttled_periods, "throttledPeriods"),
	JSON(J_U64, shown, throttled, "throttledTime"),
	{ 0 },
};
static const struct json_field stall_fields[] = {
	JSON_F(J_RAW, stats_stall, avg10, "avg10", J_KEEP),
	JSON_F(J_RAW, stats_stall, avg60, "avg60", J_KEEP),
	JSON_F(J_RAW, stats_stall, avg300, "avg300", J_KEEP),
	JSON_F(J_U64, stats_stall, total, "total", J_KEEP),
	{ 0 },
};
static const struct json_field pressure_fields[] = {
	KEEP_SUB(J_STRUCT, stats_pressure, some, "some", stall_fields),
	KEEP_SUB(J_STRUCT, stats_pressure, full, "full", stall_fields),
	{ 0 },
};
static const struct json_field cpu_fields[] = {
	PART("usage", usage_fields),
	PART("throttling", throttling_fields),
	JSON_SUB(J_PTR, shown, cpu_pressure, "psi", pressure_fields, stats_pressure),
	{ 0 },
};
static const struct json_field cpuset_fields[] = {
	JSON(J_U32S, stats_cpuset, cpus, "cpus"),
	JSON_F(J_U64, stats_cpuset, cpu_exclusive, "cpu_exclusive", J_KEEP),
	JSON(J_U32S, stats_cpuset, mems, "mems"),
	JSON_F(J_U64, stats_cpuset, mem_hardwall, "mem_hardwall", J_KEEP),
	JSON_F(J_U64, stats_cpuset, mem_exclusive, "mem_exclusive", J_KEEP),
	JSON_F(J_U64, stats_cpuset, memory_migrate, "memory_migrate", J_KEEP),
	JSON_F(J_U64, stats_cpuset, memory_spread_page, "memory_spread_page", J_KEEP),
	JSON_F(J_U64, stats_cpuset, memory_spread_slab, "memory_spread_slab", J_KEEP),
	JSON_F(J_U64, stats_cpuset, memory_pressure, "memory_pressure", J_KEEP),
	JSON_F(J_U64, stats_cpuset, sched_load_balance, "sched_load_balance", J_KEEP),
	JSON_F(J_I64, stats_cpuset, sched_relax_domain_level, "sched_relax_domain_level", J_KEEP),
	{ 0 },
};
static const struct json_field use_fields[] = {
	JSON_F(J_U64, shown_use, limit, "limit", J_KEEP),
	JSON(J_U64, shown_use, usage, "usage"),
	JSON(J_U64, shown_use, max, "max"),
	JSON_F(J_U64, shown_use, failures, "failcnt", J_KEEP),
	{ 0 },
};
static const struct json_field memory_fields[] = {
	JSON(J_U64, shown, cache, "cache"),
	KEEP_SUB(J_STRUCT, shown, usage, "usage", use_fields),
	KEEP_SUB(J_STRUCT, shown, swap, "swap", use_fields),
	KEEP_SUB(J_STRUCT, shown, kernel_memory, "kernel", use_fields),
	KEEP_SUB(J_STRUCT, shown, kernel_tcp, "kernelTCP", use_fields),
	JSON(J_RAW, shown, raw, "raw"),
	JSON_SUB(J_PTR, shown, memory_pressure, "psi", pressure_fields, stats_pressure),
	{ 0 },
};
static const struct json_field pids_fields[] = {
	JSON(J_U64, shown, pids, "current"),
	JSON(J_U64, shown, pids_limit, "limit"),
	{ 0 },
};
static const struct json_field io_fields[] = {
	JSON(J_RAW, shown, io_bytes, "ioServiceBytesRecursive"),
	JSON(J_RAW, shown, io_count, "ioServicedRecursive"),
	JSON_SUB(J_PTR, shown, io_pressure, "psi", pressure_fields, stats_pressure),
	{ 0 },
};
static const struct json_field stats_fields[] = {
	PART("cpu", cpu_fields),
	KEEP_SUB(J_STRUCT, shown, cpuset, "cpuset", cpuset_fields),
	PART("memory", memory_fields),
	PART("pids", pids_fields),
	PART("blkio", io_fields),
	JSON_F(J_RAW, shown, hugepages, "hugetlb", J_KEEP),
	JSON_F(J_RAW, shown, empty, "intel_rdt", J_KEEP),
	JSON_F(J_RAW, shown, null, "network_interfaces", J_KEEP),
	{ 0 },
};

static void numbers(struct buf *b, const uint64_t *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_printf(b, "%s%" PRIu64, i ? "," : "[", v[i]);
	if (n)
		buf_char(b, ']');
}

/* v1 names what was done, v2 counts by names of its own: those that v1 has too are told in its
 * words. */
static void io_list(struct buf *b, const struct stats_ios *l, bool v2, const char *unit)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct stats_io *io = &l->v[i];
		const char *op = io->op;
		if (v2 && (strcmp(op + 1, unit) != 0 || (*op != 'r' && *op != 'w')))
			continue;
		if (v2)
			op = *op == 'r' ? "Read" : "Write";
		buf_str(b, b->len ? ",{" : "[{");
		if (io->major)
			buf_printf(b, "\"major\":%" PRIu64 ",", io->major);
		if (io->minor)
			buf_printf(b, "\"minor\":%" PRIu64 ",", io->minor);
		buf_str(b, "\"op\":");
		json_string(b, op, strlen(op));
		if (io->value)
			buf_printf(b, ",\"value\":%" PRIu64, io->value);
		buf_char(b, '}');
	}
	if (b->len)
		buf_char(b, ']');
}

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct counter *)a)->key, ((const struct counter *)b)->key);
}

/* Sorted, as maps are in Go's JSON. */
static void counters(struct buf *b, const struct counters *c)
{
	if (c->n)
		qsort(c->v, c->n, sizeof(*c->v), by_key);
	for (size_t i = 0; i < c->n; i++) {
		buf_char(b, i ? ',' : '{');
		json_string(b, c->v[i].key, strlen(c->v[i].key));
		buf_printf(b, ":%" PRIu64, c->v[i].value);
	}
	if (c->n)
		buf_char(b, '}');
}

static void hugepages(struct buf *b, const struct stats *s)
{
	buf_char(b, '{');
	for (size_t i = 0; i < s->hugepages.n; i++) {
		const struct stats_use *u = &s->hugepages.v[i].use;
		if (i)
			buf_char(b, ',');
		json_string(b, s->hugepages.v[i].page_size, strlen(s->hugepages.v[i].page_size));
		buf_str(b, ":{");
		if (u->usage)
			buf_printf(b, "\"usage\":%" PRIu64 ",", u->usage);
		if (u->max)
			buf_printf(b, "\"max\":%" PRIu64 ",", u->max);
		buf_printf(b, "\"failcnt\":%" PRIu64 "}", u->failures);
	}
	buf_char(b, '}');
}

static struct shown_use use(const struct stats *s, const struct stats_use *u)
{
	uint64_t limit = !s->v2 && u->limit == UINT64_MAX ? NO_LIMIT_V1 : u->limit;
	return (struct shown_use){ limit, u->usage, u->max, u->failures };
}

static void show_memory(const struct stats *s, struct shown *v)
{
	v->cache = counters_get(&s->memory.raw, s->v2 ? "file" : "cache");
	v->usage = use(s, &s->memory.usage);
	v->swap = use(s, &s->memory.swap);
	if (s->v2) { /* which counts swap alone */
		v->swap.usage += v->usage.usage;
		v->swap.max = 0;
		if (v->swap.limit != UINT64_MAX && v->usage.limit != UINT64_MAX)
			v->swap.limit += v->usage.limit;
		return;
	}
	v->kernel_memory = use(s, &s->memory.kernel);
	v->kernel_tcp = use(s, &s->memory.kernel_tcp);
}

void stats_json(const struct stats *s, const struct stats_extra *x, struct buf *out)
{
	auto_buf per_cpu = { 0 }, kernel = { 0 }, user = { 0 }, raw = { 0 };
	auto_buf bytes = { 0 }, count = { 0 }, huge = { 0 };
	numbers(&per_cpu, s->cpu.per_cpu, s->cpu.cpus);
	numbers(&kernel, x->kernel_per_cpu, x->cpus);
	numbers(&user, x->user_per_cpu, x->cpus);
	counters(&raw, &s->memory.raw);
	io_list(&bytes, &s->io_bytes, s->v2, "bytes");
	io_list(&count, s->v2 ? &s->io_bytes : &s->io_count, s->v2, "ios");
	hugepages(&huge, s);
	struct shown v = {
		.total = s->cpu.total,
		.kernel = s->cpu.kernel,
		.user = s->cpu.user,
		.per_cpu = per_cpu.p,
		.kernel_per_cpu = kernel.p,
		.user_per_cpu = user.p,
		.periods = s->cpu.periods,
		.throttled_periods = s->cpu.throttled_periods,
		.throttled = s->cpu.throttled,
		.cpu_pressure = x->cpu,
		.memory_pressure = x->memory,
		.io_pressure = x->io,
		.cpuset = x->cpuset,
		.raw = raw.p,
		.pids = s->pids.current,
		.pids_limit = s->pids.limit == UINT64_MAX ? 0 : s->pids.limit,
		.io_bytes = bytes.p,
		.io_count = count.p,
		.hugepages = huge.p,
		.empty = "{}",
		.null = "null",
	};
	show_memory(s, &v);
	json_write(out, stats_fields, &v, 0);
}

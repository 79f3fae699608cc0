/* cgroup_v2.c - limits as writes to the files of cgroup v2. */
#include "box/cgroup_plan.h"

#include <inttypes.h>

static bool given(struct opt_i64 o)
{
	return o.set && o.v;
}

static bool given_u(struct opt_u64 o)
{
	return o.set && o.v;
}

/* A number, or max, which is what is there without us. */
static void add_max(struct limit_plan *p, const char *field, const char *file, int64_t v)
{
	if (v < 0)
		limit_add(p, field, LIMIT_DEFAULT, file, "max");
	else
		limit_add(p, field, 0, file, "%" PRId64, v);
}

/* The spec's swap is memory and swap together; v2 has swap alone. */
static void add_swap(const struct spec_memory *m, struct limit_plan *p)
{
	if (m->swap.v < 0) {
		limit_add(p, "memory.swap", LIMIT_DEFAULT, "memory.swap.max", "max");
	} else if (m->limit.set && m->limit.v < 0) { /* nothing to take away from it */
		limit_add(p, "memory.swap", 0, "memory.swap.max", "%" PRId64, m->swap.v);
	} else if (!given(m->limit)) {
		p->refused = "memory.swap: it limits memory and swap together, "
			     "so it needs a memory.limit";
	} else if (m->swap.v < m->limit.v) {
		p->refused = "memory.swap: it limits memory and swap together, "
			     "so it cannot be below memory.limit";
	} else {
		int64_t v = m->swap.v - m->limit.v;
		limit_add(p, "memory.swap", v ? 0 : LIMIT_DEFAULT, "memory.swap.max", "%" PRId64,
			  v);
	}
}

void limit_v2_memory(const struct spec_resources *r, struct limit_plan *p)
{
	const struct spec_memory *m = r->memory;
	if (!m)
		return;
	/* Swap first: a smaller memory may need the room. */
	if (given(m->swap))
		add_swap(m, p);
	else if (m->limit.set && m->limit.v < 0)
		limit_add(p, "memory.swap", LIMIT_DEFAULT, "memory.swap.max", "max");
	else if (given(m->swap_if_counted))
		limit_add(p, "memory.swap", LIMIT_DEFAULT, "memory.swap.max", "%" PRId64,
			  m->swap_if_counted.v - m->limit.v);
	if (given(m->limit))
		add_max(p, "memory.limit", "memory.max", m->limit.v);
	if (given(m->reservation))
		add_max(p, "memory.reservation", "memory.low", m->reservation.v);
}

static double log_2(uint64_t n)
{
	double x = (double)n, out = 0, bit = 1;
	while (x >= 2) {
		x /= 2;
		out++;
	}
	for (int i = 0; i < 50; i++) {
		x *= x;
		bit /= 2;
		if (x >= 2) {
			x /= 2;
			out += bit;
		}
	}
	return out;
}

/* 2 to 262144 become 1 to 10000, and the default the default: the power of ten that a parabola
 * through these three has, rounded up. */
uint64_t cpu_weight(uint64_t shares)
{
	if (shares <= 2)
		return 1;
	if (shares >= 262144)
		return 10000;
	double l = log_2(shares), power = (l * l + 125 * l) / 612 - 7.0 / 34;
	uint64_t low = 1, high = 10000;
	while (low < high) {
		uint64_t middle = (low + high) / 2;
		if (log_2(middle) / log_2(10) < power - 1e-9)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void add_idle(const struct spec_cpu *c, struct limit_plan *p)
{
	if (c->idle.set)
		limit_add(p, "cpu.idle", c->idle.v ? 0 : LIMIT_DEFAULT, "cpu.idle", "%" PRId64,
			  c->idle.v);
}

void limit_v2_cpu(const struct spec_resources *r, struct limit_plan *p)
{
	const struct spec_cpu *c = r->cpu;
	if (!c)
		return;
	if (!c->idle.v) /* the idle have no weight */
		add_idle(c, p);
	if (given_u(c->shares))
		limit_add(p, "cpu.shares", c->shares.v == 1024 ? LIMIT_DEFAULT : 0, "cpu.weight",
			  "%" PRIu64, cpu_weight(c->shares.v));
	if (c->burst.set && c->quota.set)
		limit_add(p, "cpu.burst", LIMIT_DEFAULT, "cpu.max.burst", "0");
	if (given(c->quota) || given_u(c->period)) {
		const char *quota = given(c->quota) && c->quota.v > 0
					    ? arena_printf(p->a, "%" PRId64, c->quota.v)
					    : "max";
		limit_add(p, given(c->quota) ? "cpu.quota" : "cpu.period",
			  given(c->quota) && c->quota.v > 0 ? 0 : LIMIT_DEFAULT, "cpu.max",
			  "%s %" PRIu64, quota ? quota : "max",
			  given_u(c->period) ? c->period.v : UINT64_C(100000));
	}
	if (c->burst.set)
		limit_add(p, "cpu.burst", c->burst.v ? 0 : LIMIT_DEFAULT, "cpu.max.burst",
			  "%" PRIu64, c->burst.v);
	if (c->idle.v)
		add_idle(c, p);
	if (given(c->realtime_runtime))
		p->refused = "cpu.realtimeRuntime: cgroup v2 has no such limit";
}

uint64_t io_weight(uint64_t w)
{
	w = w < 10 ? 10 : w > 1000 ? 1000 : w;
	return 1 + (w - 10) * 9999 / 990;
}

static void throttle(const struct spec_throttles *t, const char *field, const char *key,
		     struct limit_plan *p)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct spec_throttle *d = &t->v[i];
		if (d->rate)
			limit_add(p, field, 0, "io.max", "%" PRId64 ":%" PRId64 " %s=%" PRIu64,
				  d->major, d->minor, key, d->rate);
		else
			limit_add(p, field, LIMIT_DEFAULT, "io.max",
				  "%" PRId64 ":%" PRId64 " %s=max", d->major, d->minor, key);
	}
}

void limit_v2_io(const struct spec_resources *r, struct limit_plan *p)
{
	const struct spec_block_io *b = r->block_io;
	if (!b)
		return;
	if (given_u(b->weight)) {
		limit_add(p, "blockIO.weight", LIMIT_OR_NEXT, "io.bfq.weight", "%" PRIu64,
			  b->weight.v);
		limit_add(p, "blockIO.weight", 0, "io.weight", "%" PRIu64, io_weight(b->weight.v));
	}
	for (size_t i = 0; i < b->weight_device.n; i++) {
		const struct spec_weight_device *d = &b->weight_device.v[i];
		if (!given_u(d->weight))
			continue;
		limit_add(p, "blockIO.weightDevice", LIMIT_OR_NEXT, "io.bfq.weight",
			  "%" PRId64 ":%" PRId64 " %" PRIu64, d->major, d->minor, d->weight.v);
		limit_add(p, "blockIO.weightDevice", 0, "io.weight",
			  "%" PRId64 ":%" PRId64 " %" PRIu64, d->major, d->minor,
			  io_weight(d->weight.v));
	}
	throttle(&b->read_bps, "blockIO.throttleReadBpsDevice", "rbps", p);
	throttle(&b->write_bps, "blockIO.throttleWriteBpsDevice", "wbps", p);
	throttle(&b->read_iops, "blockIO.throttleReadIOPSDevice", "riops", p);
	throttle(&b->write_iops, "blockIO.throttleWriteIOPSDevice", "wiops", p);
}

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
	} else if (!given(m->limit) || m->limit.v < 0) {
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
	if (given(m->limit))
		add_max(p, "memory.limit", "memory.max", m->limit.v);
	if (given(m->swap))
		add_swap(m, p);
	else if (m->limit.set && m->limit.v < 0)
		limit_add(p, "memory.swap", LIMIT_DEFAULT, "memory.swap.max", "max");
	if (given(m->reservation))
		add_max(p, "memory.reservation", "memory.low", m->reservation.v);
}

void limit_v2_cpu(const struct spec_resources *r, struct limit_plan *p)
{
	const struct spec_cpu *c = r->cpu;
	if (!c)
		return;
	if (given_u(c->shares)) {
		/* 2 to 262144 become 1 to 10000. */
		uint64_t s = c->shares.v < 2 ? 2 : c->shares.v > 262144 ? 262144 : c->shares.v;
		limit_add(p, "cpu.shares", s == 1024 ? LIMIT_DEFAULT : 0, "cpu.weight", "%" PRIu64,
			  1 + (s - 2) * 9999 / 262142);
	}
	if (c->burst.set && c->quota.set)
		limit_add(p, "cpu.burst", LIMIT_DEFAULT, "cpu.max.burst", "0");
	if (given(c->quota) || given_u(c->period)) {
		const char *quota = given(c->quota) && c->quota.v > 0
					    ? arena_printf(p->a, "%" PRId64, c->quota.v)
					    : "max";
		/* The period alone: the file takes a quota alone or both, so the quota of an update
		 * is kept by its caller. */
		limit_add(p, given(c->quota) ? "cpu.quota" : "cpu.period",
			  given(c->quota) && c->quota.v > 0 ? 0 : LIMIT_DEFAULT, "cpu.max",
			  "%s %" PRIu64, quota ? quota : "max",
			  given_u(c->period) ? c->period.v : UINT64_C(100000));
	}
	if (c->burst.set)
		limit_add(p, "cpu.burst", c->burst.v ? 0 : LIMIT_DEFAULT, "cpu.max.burst",
			  "%" PRIu64, c->burst.v);
	if (c->idle.set)
		limit_add(p, "cpu.idle", c->idle.v ? 0 : LIMIT_DEFAULT, "cpu.idle", "%" PRId64,
			  c->idle.v);
	if (given(c->realtime_runtime))
		p->refused = "cpu.realtimeRuntime: cgroup v2 has no such limit";
}

/* 10 to 1000 become 1 to 10000, which io.weight has; bfq takes it as it is. */
static uint64_t io_weight(uint64_t w)
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

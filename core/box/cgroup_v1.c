/* cgroup_v1.c - limits as writes to the files of cgroup v1. */
#include "box/cgroup_plan.h"

#include <inttypes.h>

/* 0 in a configuration of Go's is absent. */
static bool given(struct opt_i64 o)
{
	return o.set && o.v;
}

static bool given_u(struct opt_u64 o)
{
	return o.set && o.v;
}

static unsigned unlimited(struct opt_i64 o)
{
	return o.v < 0 ? LIMIT_DEFAULT : 0;
}

void limit_v1_memory(const struct spec_resources *r, struct limit_plan *p)
{
	const struct spec_memory *m = r->memory;
	if (!m)
		return;
	struct opt_i64 swap = m->swap;
	/* Without limit of memory there cannot be one of both. */
	if (m->limit.set && m->limit.v < 0 && !given(swap))
		swap = (struct opt_i64){ true, -1 };
	unsigned optional = given(swap) ? unlimited(swap) : LIMIT_DEFAULT;
	swap = given(swap) ? swap : m->swap_if_counted;
	/* Lowering goes memory first, raising both first: the kernel refuses memory above both. */
	if (given(m->limit))
		limit_add(p, "memory.limit",
			  unlimited(m->limit) | (given(swap) ? LIMIT_AFTER_NEXT : 0),
			  "memory.limit_in_bytes", "%" PRId64, m->limit.v);
	if (given(swap))
		limit_add(p, "memory.swap", optional, "memory.memsw.limit_in_bytes", "%" PRId64,
			  swap.v);
	if (given(m->reservation))
		limit_add(p, "memory.reservation", unlimited(m->reservation),
			  "memory.soft_limit_in_bytes", "%" PRId64, m->reservation.v);
	if (given(m->kernel_tcp))
		limit_add(p, "memory.kernelTCP", unlimited(m->kernel_tcp),
			  "memory.kmem.tcp.limit_in_bytes", "%" PRId64, m->kernel_tcp.v);
	if (m->swappiness.set && m->swappiness.v > 100)
		p->refused = "memory.swappiness: not within 0 and 100";
	else if (m->swappiness.set)
		limit_add(p, "memory.swappiness", 0, "memory.swappiness", "%" PRIu64,
			  m->swappiness.v);
	if (m->disable_oom_killer.set && m->disable_oom_killer.v)
		limit_add(p, "memory.disableOOMKiller", 0, "memory.oom_control", "1");
}

void limit_v1_cpu(const struct spec_resources *r, struct limit_plan *p)
{
	const struct spec_cpu *c = r->cpu;
	if (!c)
		return;
	if (c->idle.set && !c->idle.v) /* the idle have no shares */
		limit_add(p, "cpu.idle", LIMIT_DEFAULT, "cpu.idle", "0");
	if (given_u(c->shares) && (c->shares.v < 2 || c->shares.v > 262144))
		p->refused = "cpu.shares: not within 2 and 262144"; /* v1's kernel bends it */
	if (given_u(c->shares))
		limit_add(p, "cpu.shares", c->shares.v == 1024 ? LIMIT_DEFAULT : 0, "cpu.shares",
			  "%" PRIu64, c->shares.v);
	if (c->burst.set && c->quota.set) /* no quota below the old burst */
		limit_add(p, "cpu.burst", LIMIT_DEFAULT, "cpu.cfs_burst_us", "0");
	/* A smaller period with the old quota may be more than the parent has. */
	if (given_u(c->period))
		limit_add(p, "cpu.period", given(c->quota) ? LIMIT_AFTER_NEXT : 0,
			  "cpu.cfs_period_us", "%" PRIu64, c->period.v);
	if (given(c->quota))
		limit_add(p, "cpu.quota", unlimited(c->quota), "cpu.cfs_quota_us", "%" PRId64,
			  c->quota.v);
	if (c->burst.set)
		limit_add(p, "cpu.burst", c->burst.v ? 0 : LIMIT_DEFAULT, "cpu.cfs_burst_us",
			  "%" PRIu64, c->burst.v);
	if (given_u(c->realtime_period))
		limit_add(p, "cpu.realtimePeriod",
			  given(c->realtime_runtime) ? LIMIT_AFTER_NEXT : 0, "cpu.rt_period_us",
			  "%" PRIu64, c->realtime_period.v);
	if (given(c->realtime_runtime))
		limit_add(p, "cpu.realtimeRuntime", 0, "cpu.rt_runtime_us", "%" PRId64,
			  c->realtime_runtime.v);
	if (c->idle.set && c->idle.v)
		limit_add(p, "cpu.idle", 0, "cpu.idle", "%" PRId64, c->idle.v);
}

void limit_cpuset(const struct spec_resources *r, struct limit_plan *p)
{
	if (r->cpu && r->cpu->cpus && *r->cpu->cpus)
		limit_add(p, "cpu.cpus", 0, "cpuset.cpus", "%s", r->cpu->cpus);
	if (r->cpu && r->cpu->mems && *r->cpu->mems)
		limit_add(p, "cpu.mems", 0, "cpuset.mems", "%s", r->cpu->mems);
}

/* 0 is a limit: 1, as with systemd, which has no less. */
void limit_v1_pids(const struct spec_resources *r, struct limit_plan *p)
{
	struct opt_i64 limit = r->pids_limit;
	if (!limit.set)
		return;
	if (limit.v < 0)
		limit_add(p, "pids.limit", LIMIT_DEFAULT, "pids.max", "max");
	else
		limit_add(p, "pids.limit", 0, "pids.max", "%" PRId64, limit.v ? limit.v : 1);
}

static void throttle(const struct spec_throttles *t, const char *field, const char *file,
		     struct limit_plan *p)
{
	for (size_t i = 0; i < t->n; i++)
		limit_add(p, field, 0, file, "%" PRId64 ":%" PRId64 " %" PRIu64, t->v[i].major,
			  t->v[i].minor, t->v[i].rate);
}

void limit_v1_block_io(const struct spec_resources *r, struct limit_plan *p)
{
	const struct spec_block_io *b = r->block_io;
	if (!b)
		return;
	if (given_u(b->weight)) {
		limit_add(p, "blockIO.weight", LIMIT_OR_NEXT, "blkio.weight", "%" PRIu64,
			  b->weight.v);
		limit_add(p, "blockIO.weight", 0, "blkio.bfq.weight", "%" PRIu64, b->weight.v);
	}
	if (given_u(b->leaf_weight))
		limit_add(p, "blockIO.leafWeight", 0, "blkio.leaf_weight", "%" PRIu64,
			  b->leaf_weight.v);
	for (size_t i = 0; i < b->weight_device.n; i++) {
		const struct spec_weight_device *d = &b->weight_device.v[i];
		if (given_u(d->weight)) {
			limit_add(p, "blockIO.weightDevice", LIMIT_OR_NEXT, "blkio.weight_device",
				  "%" PRId64 ":%" PRId64 " %" PRIu64, d->major, d->minor,
				  d->weight.v);
			limit_add(p, "blockIO.weightDevice", 0, "blkio.bfq.weight_device",
				  "%" PRId64 ":%" PRId64 " %" PRIu64, d->major, d->minor,
				  d->weight.v);
		}
		if (given_u(d->leaf_weight))
			limit_add(p, "blockIO.weightDevice", 0, "blkio.leaf_weight_device",
				  "%" PRId64 ":%" PRId64 " %" PRIu64, d->major, d->minor,
				  d->leaf_weight.v);
	}
	throttle(&b->read_bps, "blockIO.throttleReadBpsDevice", "blkio.throttle.read_bps_device",
		 p);
	throttle(&b->write_bps, "blockIO.throttleWriteBpsDevice", "blkio.throttle.write_bps_device",
		 p);
	throttle(&b->read_iops, "blockIO.throttleReadIOPSDevice", "blkio.throttle.read_iops_device",
		 p);
	throttle(&b->write_iops, "blockIO.throttleWriteIOPSDevice",
		 "blkio.throttle.write_iops_device", p);
}

static const char *hugepage_file(const struct spec_hugepage *h, const char *what,
				 struct limit_plan *p)
{
	const char *file = arena_printf(p->a, "hugetlb.%s.%s", h->page_size, what);
	for (const char *c = h->page_size; *c; c++)
		if (*c == '/' || c - h->page_size > 20)
			p->refused = "hugepageLimits: no such page size";
	if (!file)
		p->full = true;
	return file ? file : "";
}

void limit_v1_hugepages(const struct spec_resources *r, struct limit_plan *p)
{
	for (size_t i = 0; i < r->hugepages.n; i++) {
		const struct spec_hugepage *h = &r->hugepages.v[i];
		limit_add(p, "hugepageLimits", 0, hugepage_file(h, "limit_in_bytes", p), "%" PRIu64,
			  h->limit);
		limit_add(p, "hugepageLimits", LIMIT_DEFAULT,
			  hugepage_file(h, "rsvd.limit_in_bytes", p), "%" PRIu64, h->limit);
	}
}

void limit_v2_hugepages(const struct spec_resources *r, struct limit_plan *p)
{
	for (size_t i = 0; i < r->hugepages.n; i++) {
		const struct spec_hugepage *h = &r->hugepages.v[i];
		limit_add(p, "hugepageLimits", 0, hugepage_file(h, "max", p), "%" PRIu64, h->limit);
		limit_add(p, "hugepageLimits", LIMIT_DEFAULT, hugepage_file(h, "rsvd.max", p),
			  "%" PRIu64, h->limit);
	}
}

void limit_v1_class(const struct spec_resources *r, struct limit_plan *p)
{
	if (r->network && given_u(r->network->class_id))
		limit_add(p, "network.classID", 0, "net_cls.classid", "%" PRIu64,
			  r->network->class_id.v);
}

void limit_v1_priorities(const struct spec_resources *r, struct limit_plan *p)
{
	for (size_t i = 0; r->network && i < r->network->priorities.n; i++)
		limit_add(p, "network.priorities", 0, "net_prio.ifpriomap", "%s %" PRIu32,
			  r->network->priorities.v[i].name, r->network->priorities.v[i].priority);
}

void limit_rdma(const struct spec_resources *r, struct limit_plan *p)
{
	for (size_t i = 0; i < r->rdma.n; i++) {
		const struct spec_rdma *d = &r->rdma.v[i];
		const char *handles = d->hca_handles.set
					      ? arena_printf(p->a, " hca_handle=%" PRIu64,
							     d->hca_handles.v)
					      : "";
		const char *objects = d->hca_objects.set
					      ? arena_printf(p->a, " hca_object=%" PRIu64,
							     d->hca_objects.v)
					      : "";
		if (handles && objects && (*handles || *objects))
			limit_add(p, "rdma", 0, "rdma.max", "%s%s%s", d->key, handles, objects);
	}
}

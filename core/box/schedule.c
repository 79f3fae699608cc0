/* schedule.c - when and where a process runs: its scheduler, I/O priority, processors and memory
 * nodes. */
#include "base/log.h"
#include "box/apply.h"
#include "box/plan.h"

#include <inttypes.h>
#include <linux/sched/types.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What Linux 4.18 knows of struct sched_attr, and what the clamps (5.3) need. */
#define ATTR_OLD   48
#define ATTR_CLAMP 56
#define CLAMPS	   0x60 /* SCHED_FLAG_UTIL_CLAMP_MIN, _MAX */

static int plan_scheduler(struct plan *p, const struct spec_scheduler *s, const char *cpus,
			  struct err *e)
{
	if (!s)
		return 0;
	/* runc's words: a deadline needs the processors of the whole machine. */
	bool confined = cpus && *cpus && !strcmp(s->policy, "SCHED_DEADLINE");
	const char *how =
		strcmp(s->policy, "SCHED_DEADLINE") != 0
			? arena_printf(p->arena, "priority %d, nice %d", s->priority, s->nice)
			: arena_printf(p->arena,
				       "runtime %" PRIu64 ", deadline %" PRIu64 ", period %" PRIu64,
				       s->runtime, s->deadline, s->period);
	struct op *o = plan_add(p, OP_SCHEDULE, "process.scheduler: %s, %s%s", s->policy,
				how ? how : "",
				confined ? " (process scheduler can't be used together with "
					   "AllowedCPUs, linux.resources.cpu.cpus)"
					 : "");
	struct sched_attr *a = arena_alloc(p->arena, sizeof(*a));
	if (!o || !a)
		return fail(e, E2BIG, "process.scheduler");
	*a = (struct sched_attr){ .sched_policy = (uint32_t)spec_word(spec_policies, s->policy),
				  .sched_nice = s->nice,
				  .sched_priority = (uint32_t)s->priority,
				  .sched_runtime = s->runtime,
				  .sched_deadline = s->deadline,
				  .sched_period = s->period };
	for (size_t i = 0; i < s->flags.n; i++)
		a->sched_flags |= 1ull << spec_word(spec_schedule_flags, s->flags.v[i]);
	a->size = a->sched_flags & CLAMPS ? ATTR_CLAMP : ATTR_OLD;
	o->data = a;
	return 0;
}

static int plan_io_priority(struct plan *p, const struct spec_io_priority *s, struct err *e)
{
	if (!s)
		return 0;
	struct op *o = plan_add(p, OP_IO_PRIORITY, "process.ioPriority: %s, %d", s->cls,
				s->priority);
	if (!o)
		return fail(e, E2BIG, "process.ioPriority");
	o->flags = (uint64_t)(spec_word(spec_io_classes, s->cls) << 13 | s->priority);
	return 0;
}

static int read_list(struct plan *p, const char *text, const struct bits **out, struct err *e)
{
	struct bits *b = arena_alloc(p->arena, sizeof(*b));
	if (!b)
		return fail(e, E2BIG, "a list of numbers");
	int rc = bits_parse(text, b);
	*out = b->n ? b : NULL;
	return rc < 0 ? fail(e, rc, "'%s'", text) : 0;
}

/* Whoever says nothing has all processors of its cgroup, not those that we were confined to. */
static int plan_affinity(struct plan *p, const struct spec_exec_affinity *s, struct err *e)
{
	const struct bits *final = NULL;
	int rc = 0;
	if (p->joining && s) {
		rc = read_list(p, s->initial, &p->birth_cpus, e);
		if (rc == 0)
			rc = read_list(p, s->final, &final, e);
		if (rc < 0)
			return within(e, "process.execCPUAffinity");
		if (p->birth_cpus) /* in runc's words, of the first processors */
			log_debug("initial CPU affinity: 0x%lx", p->birth_cpus->v[0]);
		if (p->birth_cpus && !final)
			return 0;
	}
	struct op *o = final ? plan_add(p, OP_AFFINITY, "process.execCPUAffinity.final: %s",
					s->final)
			     : plan_add(p, OP_AFFINITY, "run on all processors");
	if (!o)
		return fail(e, E2BIG, "process.execCPUAffinity");
	o->data = final;
	return 0;
}

static int plan_memory(struct plan *p, const struct spec_memory_policy *s, struct err *e)
{
	const struct bits *nodes;
	if (!s)
		return 0;
	struct op *o = plan_add(p, OP_MEMORY_POLICY, "linux.memoryPolicy: %s, nodes '%s'", s->mode,
				s->nodes ? s->nodes : "");
	if (!o)
		return fail(e, E2BIG, "linux.memoryPolicy");
	int rc = read_list(p, s->nodes, &nodes, e);
	o->data = nodes;
	o->flags = (uint64_t)spec_word(spec_memory_modes, s->mode);
	for (size_t i = 0; i < s->flags.n; i++)
		o->flags |= (uint64_t)spec_memory_flag(s->flags.v[i]);
	return rc < 0 ? within(e, "linux.memoryPolicy") : 0;
}

int schedule_plan(struct plan *p, const struct spec_process *s, const struct spec *spec,
		  struct err *e)
{
	int rc = plan_affinity(p, s->exec_affinity, e);
	const struct spec_resources *r = spec->linux_->resources;
	if (rc == 0)
		rc = plan_scheduler(p, s->scheduler, r && r->cpu ? r->cpu->cpus : NULL, e);
	if (rc == 0)
		rc = plan_io_priority(p, s->io_priority, e);
	return rc == 0 ? plan_memory(p, spec->linux_->memory_policy, e) : rc;
}

int apply_schedule(struct self *s, const struct op *o)
{
	(void)s;
	return syscall(SYS_sched_setattr, 0, o->data, 0) < 0 ? -errno : 0;
}

int apply_io_priority(struct self *s, const struct op *o)
{
	const int process = 1; /* IOPRIO_WHO_PROCESS */
	(void)s;
	return syscall(SYS_ioprio_set, process, 0, (int)o->flags) < 0 ? -errno : 0;
}

int apply_affinity(struct self *s, const struct op *o)
{
	struct bits all;
	(void)s;
	if (o->data)
		return affinity_set(o->data);
	memset(all.v, 0xff, sizeof(all.v));
	affinity_set(&all); /* as far as the cgroup lets us */
	return 0;
}

int apply_memory_policy(struct self *s, const struct op *o)
{
	const struct bits *nodes = o->data;
	(void)s;
	return syscall(SYS_set_mempolicy, (int)o->flags, nodes ? nodes->v : NULL,
		       nodes ? BITS_MAX + 1ul : 0ul) < 0
		       ? -errno
		       : 0;
}

int affinity_set(const struct bits *cpus)
{
	return syscall(SYS_sched_setaffinity, 0, sizeof(cpus->v), cpus->v) < 0 ? -errno : 0;
}

int affinity_get(struct bits *cpus)
{
	*cpus = (struct bits){ .n = 0 };
	return syscall(SYS_sched_getaffinity, 0, sizeof(cpus->v), cpus->v) < 0 ? -errno : 0;
}

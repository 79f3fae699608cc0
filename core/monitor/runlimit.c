/* runlimit.c - what a container may use: its cgroup's limits, its process's, its sysctls. */
#include "base/cli.h"
#include "monitor/runparts.h"

#include <stdlib.h>
#include <string.h>

#define PERIOD 100000 /* microseconds: the kernel's own default */

int64_t runspec_quota(const char *cpus)
{
	char *end;
	double n = strtod(cpus, &end);
	if (end == cpus || *end || !(n >= 0.01) || n > 100000)
		return -EINVAL;
	return (int64_t)(n * PERIOD);
}

static int apply_memory(struct spec_resources *r, const struct run_options *o, struct arena *a,
			struct err *e)
{
	struct spec_memory m = o->memory;
	m.limit.set &= m.limit.v != 0; /* as docker has it: none */
	m.swap.set &= m.swap.v != 0;
	m.reservation.set &= m.reservation.v != 0;
	if (o->swappiness.set && (o->swappiness.v < -1 || o->swappiness.v > 100))
		return refuse(e, EINVAL,
			      "option --memory-swappiness: it is between 0 and 100, or -1 for the "
			      "kernel's own");
	m.swappiness = (struct opt_u64){ o->swappiness.set && o->swappiness.v >= 0,
					 (uint64_t)o->swappiness.v };
	if (m.swap.set && !m.limit.set)
		return refuse(e, EINVAL,
			      "option --memory-swap: it is memory and swap together, so it needs "
			      "--memory, such as --memory 64m --memory-swap 128m");
	if (m.swap.set && m.swap.v != -1 && m.swap.v < m.limit.v)
		return refuse(e, EINVAL,
			      "option --memory-swap: it is memory and swap together, so it may not "
			      "be less than --memory; -1 is no limit");
	if (m.limit.set && m.limit.v > 0 && m.reservation.v > m.limit.v)
		return refuse(e, EINVAL, "option --memory-reservation: it is more than --memory");
	if (!m.swap.set && m.limit.v > 0 && m.limit.v <= INT64_MAX / 2)
		m.swap_if_counted = (struct opt_i64){ true, 2 * m.limit.v };
	if (o->oom_kill_disable && !m.limit.set)
		return refuse(e, EINVAL,
			      "option --oom-kill-disable: without --memory the machine itself "
			      "would stand still: give a limit such as --memory 64m");
	if (o->oom_kill_disable)
		m.disable_oom_killer = (struct opt_bool){ true, true };
	if (!m.limit.set && !m.reservation.set && !m.swappiness.set)
		return 0;
	r->memory = list_grow(a, &m, 1, 0, sizeof(m));
	return r->memory ? 0 : option_room("memory", e);
}

static int cpu_list_check(const char *name, const char *text, struct err *e)
{
	bool good = !text || (*text && strspn(text, "0123456789,-") == strlen(text));
	return good ? 0 : option_refuse(name, text, "a list such as 0-3,5", e);
}

static int apply_cpu(struct spec_resources *r, const struct run_options *o, struct arena *a,
		     struct err *e)
{
	struct spec_cpu c = o->cpu;
	int rc = cpu_list_check("cpuset-cpus", c.cpus, e);
	if (rc == 0)
		rc = cpu_list_check("cpuset-mems", c.mems, e);
	if (rc < 0)
		return rc;
	c.quota.set &= c.quota.v != 0; /* none, as with memory */
	c.period.set &= c.period.v != 0;
	c.shares.set &= c.shares.v != 0;
	char *end = NULL;
	bool cpus = o->cpus && (strtod(o->cpus, &end) != 0 || end == o->cpus || *end);
	if (cpus && (c.quota.set || c.period.set))
		return refuse(e, EINVAL,
			      "option --cpus: it is --cpu-quota and --cpu-period in one: give "
			      "either");
	if (cpus) {
		c.quota = (struct opt_i64){ true, runspec_quota(o->cpus) };
		c.period = (struct opt_u64){ true, PERIOD };
		if (c.quota.v < 0)
			return option_refuse("cpus", o->cpus,
					     "a number of cpus such as 0.5, and at least 0.01", e);
	}
	if (!c.quota.set && !c.period.set && !c.shares.set && !c.cpus && !c.mems &&
	    !c.realtime_period.set && !c.realtime_runtime.set)
		return 0;
	r->cpu = list_grow(a, &c, 1, 0, sizeof(c));
	return r->cpu ? 0 : option_room("cpus", e);
}

/* "1024", "unlimited" and "-1", up to a colon or the end. */
static bool limit_parse(const char *s, uint64_t *out)
{
	size_t n = strcspn(s, ":");
	char *end;
	*out = UINT64_MAX;
	if ((n == 9 && !strncmp(s, "unlimited", n)) || (n == 2 && !strncmp(s, "-1", n)))
		return true;
	errno = 0;
	*out = strtoull(s, &end, 10);
	return *s >= '0' && *s <= '9' && !errno && end == s + n;
}

/* "nofile=1024:2048" */
static int ulimit_add(struct spec_process *p, const char *text, struct arena *a, struct err *e)
{
	static const char names[] = " as core cpu data fsize locks memlock msgqueue nice nofile "
				    "nproc rss rtprio rttime sigpending stack ";
	const char *value = strchr(text, '='), *hard = value ? strchr(value, ':') : NULL;
	size_t n = strcspn(text, "=");
	char *word = arena_printf(a, " %.*s ", (int)n, text);
	char *type = arena_printf(a, "RLIMIT_%.*s", (int)n, text);
	struct spec_rlimit l = { .type = type };
	if (!word || !type)
		return option_room("ulimit", e);
	if (!strcmp(text, "host")) /* ours, as they are without a word */
		return 0;
	if (!value || n < 2 || !strstr(names, word) || !limit_parse(value + 1, &l.soft) ||
	    !limit_parse(hard ? hard + 1 : value + 1, &l.hard) || (hard && strchr(hard + 1, ':')) ||
	    l.soft > l.hard)
		return option_refuse("ulimit", text,
				     "NAME=SOFT[:HARD] such as nofile=1024:2048 or core=-1", e);
	for (char *c = type; *c; c++)
		*c -= *c >= 'a' && *c <= 'z' ? 'a' - 'A' : 0;
	struct spec_rlimit *to = NULL;
	for (size_t i = 0; i < p->rlimits.n; i++)
		if (!strcmp(p->rlimits.v[i].type, type))
			to = &p->rlimits.v[i];
	to = to ? to : LIST_ADD(a, &p->rlimits);
	if (!to)
		return option_room("ulimit", e);
	*to = l;
	return 0;
}

static int apply_personality(struct spec *s, const struct run_options *o, struct arena *a,
			     struct err *e)
{
	const struct spec_personality p = { .domain = o->personality };
	if (!o->personality)
		return 0;
	if (strcmp(o->personality, "LINUX") != 0 && strcmp(o->personality, "LINUX32") != 0)
		return option_refuse("personality", o->personality, "LINUX or LINUX32", e);
	s->linux_->personality = list_grow(a, &p, 1, 0, sizeof(p));
	return s->linux_->personality ? 0 : option_room("personality", e);
}

static int apply_process(struct spec_process *p, const struct run_options *o, struct err *e)
{
	char *end = NULL;
	if (o->umask) {
		p->user.umask = (struct opt_i64){ true, strtol(o->umask, &end, 8) };
		if (!*o->umask || *end || p->user.umask.v < 0 || p->user.umask.v > 0777)
			return option_refuse("umask", o->umask, "an octal mask such as 0022", e);
	}
	if (o->oom_score_adj.set && (o->oom_score_adj.v < -1000 || o->oom_score_adj.v > 1000))
		return refuse(e, EINVAL, "option --oom-score-adj: it is between -1000 and 1000");
	if (o->oom_score_adj.set)
		p->oom_score_adj = o->oom_score_adj;
	return 0;
}

/* Of the /dev/shm that the default spec has. */
static int apply_shm(struct spec *s, const struct run_options *o, struct arena *a, struct err *e)
{
	if (!o->shm_size.set)
		return 0;
	const char *size = arena_printf(a, "size=%lld", (long long)o->shm_size.v);
	if (o->shm_size.v < 0)
		return refuse(e, EINVAL,
			      "option --shm-size: it is a size such as 64m, or 0 for no limit");
	for (size_t i = 0; i < s->mounts.n; i++)
		for (size_t k = 0; k < s->mounts.v[i].options.n; k++)
			if (!strcmp(s->mounts.v[i].destination, "/dev/shm") &&
			    !strncmp(s->mounts.v[i].options.v[k], "size=", 5))
				s->mounts.v[i].options.v[k] = size;
	return size ? 0 : option_room("shm-size", e);
}

int limits_apply(struct spec *s, const struct run_options *o, struct arena *a, struct err *e)
{
	struct spec_resources *r = s->linux_->resources;
	if (!r)
		r = s->linux_->resources = arena_alloc(a, sizeof(*r));
	if (!r)
		return option_room("memory", e);
	if (o->rdt_class) {
		struct spec_intel_rdt *rdt = arena_alloc(a, sizeof(*rdt));
		if (!rdt)
			return option_room("rdt-class", e);
		rdt->clos_id = o->rdt_class;
		s->linux_->intel_rdt = rdt;
	}
	if (o->pids_limit)
		r->pids_limit = (struct opt_i64){ true, o->pids_limit };
	int rc = apply_memory(r, o, a, e);
	if (rc == 0)
		rc = apply_cpu(r, o, a, e);
	for (size_t i = 0; rc == 0 && i < o->cgroup_conf.n; i++)
		if (!pair_add(&r->unified, o->cgroup_conf.v[i], a))
			rc = option_refuse("cgroup-conf", o->cgroup_conf.v[i],
					   "FILE=VALUE such as memory.high=64M", e);
	if (rc == 0)
		rc = apply_process(s->process, o, e);
	if (rc == 0)
		rc = apply_personality(s, o, a, e);
	if (rc == 0)
		rc = apply_shm(s, o, a, e);
	for (size_t i = 0; rc == 0 && i < o->ulimits.n; i++)
		rc = ulimit_add(s->process, o->ulimits.v[i], a, e);
	for (size_t i = 0; rc == 0 && i < o->sysctls.n; i++)
		if (!pair_add(&s->linux_->sysctl, o->sysctls.v[i], a))
			rc = option_refuse("sysctl", o->sysctls.v[i],
					   "NAME=VALUE such as net.core.somaxconn=1024", e);
	return rc;
}

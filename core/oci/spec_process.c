/* spec_process.c - what a configuration says of its process: checks. */
#include "base/bits.h"
#include "oci/spec.h"

#include <net/if.h>
#include <string.h>

/* Each at the kernel's number, or at that of its bit. */
const char *const spec_policies[] = { "SCHED_OTHER", "SCHED_FIFO", "SCHED_RR",	     "SCHED_BATCH",
				      "SCHED_ISO",   "SCHED_IDLE", "SCHED_DEADLINE", NULL };
const char *const spec_schedule_flags[] = {
	"SCHED_FLAG_RESET_ON_FORK",  "SCHED_FLAG_RECLAIM",
	"SCHED_FLAG_DL_OVERRUN",     "SCHED_FLAG_KEEP_POLICY",
	"SCHED_FLAG_KEEP_PARAMS",    "SCHED_FLAG_UTIL_CLAMP_MIN",
	"SCHED_FLAG_UTIL_CLAMP_MAX", NULL
};
const char *const spec_io_classes[] = { "", "IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE",
					"IOPRIO_CLASS_IDLE", NULL };
const char *const spec_memory_modes[] = { "MPOL_DEFAULT",
					  "MPOL_PREFERRED",
					  "MPOL_BIND",
					  "MPOL_INTERLEAVE",
					  "MPOL_LOCAL",
					  "MPOL_PREFERRED_MANY",
					  "MPOL_WEIGHTED_INTERLEAVE",
					  NULL };
enum { OTHER, FIFO, RR, BATCH, DEADLINE = 6 };

int spec_word(const char *const *list, const char *word)
{
	for (int i = 0; word && *word && list[i]; i++)
		if (!strcmp(list[i], word))
			return i;
	return -EINVAL;
}

int spec_memory_flag(const char *word)
{
	static const char *const names[] = { "MPOL_F_NUMA_BALANCING", "MPOL_F_RELATIVE_NODES",
					     "MPOL_F_STATIC_NODES", NULL };
	int i = spec_word(names, word);
	return i < 0 ? i : 1 << (13 + i);
}

static int check_scheduler(const struct spec_scheduler *s, const char *at, struct err *e)
{
	int policy = s ? spec_word(spec_policies, s->policy) : 0;
	if (!s)
		return 0;
	if (policy < 0)
		return refuse(e, EINVAL, "%sscheduler.policy: '%.40s' is unknown", at, s->policy);
	if ((policy == OTHER || policy == BATCH) && (s->nice < -20 || s->nice > 19))
		return refuse(e, EINVAL, "%sscheduler.nice: %d is not within -20 and 19", at,
			      s->nice);
	if (s->priority && policy != FIFO && policy != RR)
		return refuse(e, EINVAL,
			      "%sscheduler.priority: only SCHED_FIFO and SCHED_RR have one", at);
	if ((s->runtime || s->deadline || s->period) && policy != DEADLINE)
		return refuse(e, EINVAL,
			      "%sscheduler: runtime, deadline and period are of SCHED_DEADLINE",
			      at);
	for (size_t i = 0; i < s->flags.n; i++)
		if (spec_word(spec_schedule_flags, s->flags.v[i]) < 0)
			return refuse(e, EINVAL, "%sscheduler.flags[%zu]: '%.40s' is unknown", at,
				      i, s->flags.v[i]);
	return 0;
}

static int check_io_priority(const struct spec_io_priority *p, const char *at, struct err *e)
{
	if (!p)
		return 0;
	if (spec_word(spec_io_classes, p->cls) < 0)
		return refuse(e, EINVAL, "%sioPriority.class: '%.40s' is unknown", at, p->cls);
	if (p->priority < 0 || p->priority > 7)
		return refuse(e, EINVAL, "%sioPriority.priority: %d is not within 0 and 7", at,
			      p->priority);
	return 0;
}

static int check_list(const char *text, const char *at, const char *name, const char *what,
		      struct err *e)
{
	struct bits bits;
	int rc = bits_parse(text, &bits);
	if (rc == -ERANGE)
		return refuse(e, EINVAL, "%s%s: '%.100s' goes beyond %d", at, name, text,
			      BITS_MAX - 1);
	return rc < 0 ? refuse(e, EINVAL, "%s%s: '%.100s' is no list of %s such as 0-3,7", at, name,
			       text, what)
		      : 0;
}

int spec_check_process(const struct spec_process *p, const char *at, struct err *e)
{
	if (!p->args.n)
		return refuse(e, EINVAL, "%sargs: missing", at);
	if (!p->cwd || !*p->cwd)
		return refuse(e, EINVAL, "%scwd: missing", at);
	if (*p->cwd != '/')
		return refuse(e, EINVAL, "%scwd: '%.200s' is not an absolute path", at, p->cwd);
	/* To the kernel, the last number is no id: one would stay who one is, which is root. */
	if (p->user.uid == UINT32_MAX || p->user.gid == UINT32_MAX)
		return refuse(e, EINVAL, "%suser: %u is no id", at, UINT32_MAX);
	for (size_t i = 0; i < p->env.n; i++)
		if (!strchr(p->env.v[i], '=') || *p->env.v[i] == '=')
			return refuse(e, EINVAL, "%senv[%zu]: '%.100s' is not NAME=VALUE", at, i,
				      p->env.v[i]);
	for (size_t i = 0; i < p->rlimits.n; i++) {
		const struct spec_rlimit *r = &p->rlimits.v[i];
		if (r->soft > r->hard)
			return refuse(e, EINVAL, "%srlimits[%zu]: soft is above hard", at, i);
		for (size_t k = 0; k < i; k++)
			if (!strcmp(p->rlimits.v[k].type, r->type))
				return refuse(e, EINVAL, "%srlimits[%zu]: %s is given twice", at, i,
					      r->type);
	}
	if (p->oom_score_adj.set && (p->oom_score_adj.v < -1000 || p->oom_score_adj.v > 1000))
		return refuse(e, EINVAL, "%soomScoreAdj: %lld is not within -1000 and 1000", at,
			      (long long)p->oom_score_adj.v);
	if (p->user.umask.set && p->user.umask.v < 0)
		return refuse(e, EINVAL, "%suser.umask: out of range", at);
	int rc = check_scheduler(p->scheduler, at, e);
	if (rc == 0)
		rc = check_io_priority(p->io_priority, at, e);
	if (rc == 0 && p->exec_affinity)
		rc = check_list(p->exec_affinity->initial, at, "execCPUAffinity.initial", "CPUs",
				e);
	if (rc == 0 && p->exec_affinity)
		rc = check_list(p->exec_affinity->final, at, "execCPUAffinity.final", "CPUs", e);
	return rc;
}

static int check_memory_policy(const struct spec_memory_policy *m, struct err *e)
{
	static const char *const at = "linux.memoryPolicy.";
	enum { DEFAULT, PREFERRED, LOCAL = 4 };
	struct bits nodes;
	int mode = m ? spec_word(spec_memory_modes, m->mode) : 0;
	if (!m)
		return 0;
	if (mode < 0)
		return refuse(e, EINVAL, "%smode: invalid memory policy mode '%.40s'", at,
			      m->mode ? m->mode : "");
	int rc = check_list(m->nodes, at, "nodes: invalid memory policy nodes", "nodes", e);
	if (rc < 0)
		return rc;
	bits_parse(m->nodes, &nodes);
	if ((mode == DEFAULT || mode == LOCAL) && nodes.n)
		return refuse(e, EINVAL,
			      "%snodes: invalid memory policy: mode requires 0 nodes but got %zu",
			      at, nodes.n);
	if (mode != DEFAULT && mode != LOCAL && mode != PREFERRED && !nodes.n)
		return refuse(e, EINVAL, "%snodes: missing, invalid memory policy: %s needs some",
			      at, m->mode);
	for (size_t i = 0; i < m->flags.n; i++)
		if (spec_memory_flag(m->flags.v[i]) < 0)
			return refuse(e, EINVAL, "%sflags[%zu]: invalid memory policy flag '%.40s'",
				      at, i, m->flags.v[i]);
	return 0;
}

static bool device_name(const char *name)
{
	return *name && strlen(name) < IFNAMSIZ && strcmp(name, ".") != 0 &&
	       strcmp(name, "..") != 0 && !name[strcspn(name, "/: \t\n")];
}

static int check_net_devices(const struct spec *s, struct err *e)
{
	for (size_t i = 0; i < s->linux_->net_devices.n; i++) {
		const struct spec_net_device *d = &s->linux_->net_devices.v[i];
		const char *name = d->name && *d->name ? d->name : d->key;
		if (!spec_namespace(s, "network"))
			return refuse(e, EINVAL,
				      "linux.netDevices: needs a network namespace of the "
				      "container's own");
		if (!device_name(d->key))
			return refuse(e, EINVAL,
				      "linux.netDevices: '%.40s' is no name of a network device",
				      d->key);
		if (!device_name(name))
			return refuse(e, EINVAL,
				      "linux.netDevices.%s.name: '%.40s' is no name of a network "
				      "device",
				      d->key, name);
	}
	return 0;
}

static int check_line(const char *text, const char *name, const char *begin, struct err *e)
{
	if (text && strchr(text, '\n'))
		return refuse(e, EINVAL, "linux.intelRdt.%s: is to be one line", name);
	if (text && *text && strncmp(text, begin, strlen(begin)) != 0)
		return refuse(e, EINVAL, "linux.intelRdt.%s: '%.60s' does not begin with %s", name,
			      text, begin);
	return 0;
}

static int check_intel_rdt(const struct spec_intel_rdt *r, struct err *e)
{
	if (!r)
		return 0;
	const char *id = r->clos_id ? r->clos_id : "";
	if (!strcmp(id, ".") || !strcmp(id, "..") || (id[0] && id[1] && strchr(id, '/')))
		return refuse(e, EINVAL, "linux.intelRdt.closID: '%.60s' is no name of a group",
			      id);
	int rc = check_line(r->l3_cache_schema, "l3CacheSchema", "", e);
	if (rc == 0)
		rc = check_line(r->mem_bw_schema, "memBwSchema", "MB:", e);
	for (size_t i = 0; rc == 0 && i < r->schemata.n; i++)
		rc = check_line(r->schemata.v[i], "schemata", "", e);
	return rc;
}

int spec_check_linux_process(const struct spec *s, struct err *e)
{
	int rc = check_memory_policy(s->linux_->memory_policy, e);
	if (rc == 0)
		rc = check_net_devices(s, e);
	return rc == 0 ? check_intel_rdt(s->linux_->intel_rdt, e) : rc;
}

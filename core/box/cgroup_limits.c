/* cgroup_limits.c - puts the limits of a container into force. */
#include "base/file.h"
#include "base/log.h"
#include "box/cgroup.h"
#include "box/cgroup_inner.h"
#include "box/cgroup_plan.h"
#include "box/systemd.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const struct limit_noun limit_nouns[] = {
	{ "memory", "memory", limit_v1_memory, limit_v2_memory },
	{ "cpu", "cpu", limit_v1_cpu, limit_v2_cpu },
	{ "cpuset", "cpuset", limit_cpuset, limit_cpuset },
	{ "pids", "pids", limit_v1_pids, limit_v1_pids },
	{ "blkio", "io", limit_v1_block_io, limit_v2_io },
	{ "hugetlb", "hugetlb", limit_v1_hugepages, limit_v2_hugepages },
	{ "net_cls", NULL, limit_v1_class, limit_v1_class },
	{ "net_prio", NULL, limit_v1_priorities, limit_v1_priorities },
	{ "rdma", "rdma", limit_rdma, limit_rdma },
	{ 0 },
};

void limit_add(struct limit_plan *p, const char *field, unsigned flags, const char *file,
	       const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	char *value = arena_vprintf(p->a, fmt, ap);
	va_end(ap);
	if (!value || p->n == LIMIT_WRITES)
		p->full = true;
	else
		p->v[p->n++] = (struct limit_write){ file, value, field, flags };
}

/* What a write that was refused means to people. */
static int explain(const struct cgroup_dir *d, const struct limit_write *w, const char *controller,
		   int rc, struct err *e)
{
	char usage[32] = "";
	bool missing = rc == -ENOENT || rc == -EACCES;
	if (missing && faccessat(d->fd, w->file, F_OK, 0) < 0)
		return refuse(e, ENOENT,
			      "linux.resources.%s: cannot be set, since the controller %s of this "
			      "machine has no %s",
			      w->field, controller, w->file);
	if (rc == -EINVAL && !strcmp(w->field, "memory.limit") &&
	    cgroup_get(d->fd, "memory.memsw.limit_in_bytes", usage, sizeof(usage)) > 0)
		return refuse(e, EINVAL,
			      "linux.resources.memory.limit: %s is more than memory.swap, which "
			      "limits both together to %s",
			      w->value, usage);
	if (rc == -EBUSY && cgroup_get(d->fd, "memory.usage_in_bytes", usage, sizeof(usage)) > 0)
		return refuse(e, EBUSY, "linux.resources.%s: %s is less than the %s bytes in use",
			      w->field, w->value, usage);
	return fail(e, rc, "linux.resources.%s: write '%.100s' to %s", w->field, w->value, w->file);
}

/* Writes v[i], and the next where they depend on each other. How many are done, or -errno. */
static int write_one(const struct cgroup_dir *d, const struct limit_write *w, size_t left)
{
	int rc = file_put(d->fd, w->file, w->value);
	bool pair = left > 1;
	if ((w->flags & LIMIT_OR_NEXT) && pair)
		return rc == -ENOENT ? 1 : rc < 0 ? rc : 2;
	if ((w->flags & LIMIT_AFTER_NEXT) && pair && rc == -EINVAL) {
		int next = file_put(d->fd, w[1].file, w[1].value);
		if (next == 0)
			rc = file_put(d->fd, w->file, w->value);
		return rc < 0 ? rc : 2;
	}
	if (rc == -ENOENT && (w->flags & LIMIT_DEFAULT))
		return 1;
	return rc < 0 ? rc : 1;
}

static int write_all_of(const struct cgroup_dir *d, const struct limit_plan *p,
			const char *controller, struct err *e)
{
	for (size_t i = 0; p->undo && i < p->n; i++)
		limit_undo_note(p->undo, d, p->v[i].file);
	for (size_t i = 0; i < p->n;) {
		int done = write_one(d, &p->v[i], p->n - i);
		if (done < 0)
			return explain(d, &p->v[i], controller, done, e);
		i += (size_t)done;
	}
	return 0;
}

/* Nothing to write to: fine as long as only what is so anyway is asked for. */
static int without_controller(const struct cgroup *cg, const struct limit_plan *p,
			      const char *controller, struct err *e)
{
	size_t i = 0;
	while (i < p->n && p->v[i].flags & LIMIT_DEFAULT)
		i++;
	if (i == p->n)
		return 0;
	if (!cg->n) /* in runc's words */
		return refuse(e, EPERM,
			      "linux.resources.%s: cannot set %s limit: container could not join "
			      "or create cgroup",
			      p->v[i].field, controller);
	return refuse(e, ENOENT,
		      "linux.resources.%s: cannot be set, since this machine has no cgroup "
		      "controller %s",
		      p->v[i].field, controller);
}

/* memory.checkBeforeUpdate: v2 would kill where v1 refuses by itself. */
static int check_usage(const struct cgroup_dir *d, const struct spec_memory *m, struct err *e)
{
	char text[32];
	if (!m || !m->check_before_update.v ||
	    cgroup_get(d->fd, "memory.current", text, sizeof(text)) <= 0)
		return 0;
	const struct {
		const struct opt_i64 *limit;
		const char *name, *what;
	} all[] = { { &m->swap, "swap", "memory+swap" }, { &m->limit, "limit", "memory" } };
	for (size_t i = 0; i < 2; i++)
		if (all[i].limit->v > 0 && all[i].limit->v <= strtoll(text, NULL, 10))
			return refuse(e, EBUSY,
				      "linux.resources.memory.%s: rejecting %s limit %lld, which "
				      "is less than the %s bytes in use",
				      all[i].name, all[i].what, (long long)all[i].limit->v, text);
	return 0;
}

/* What an update leaves out stays as it is. Only v2 has to be asked, whose files tell more than one
 * value at once: quota and period; swap alone, where the spec has memory and swap. */
struct completed {
	struct spec_resources r;
	struct spec_cpu cpu;
	struct spec_memory memory;
};

static void complete_cpu(const struct cgroup_dir *d, struct spec_cpu *c)
{
	char text[64], *period;
	bool quota = c->quota.set && c->quota.v;
	if (quota == (c->period.set && c->period.v) ||
	    cgroup_get(d->fd, "cpu.max", text, sizeof(text)) <= 0 || !(period = strchr(text, ' ')))
		return;
	if (quota)
		c->period = (struct opt_u64){ true, strtoull(period, NULL, 10) };
	else
		c->quota = (struct opt_i64){ true, *text == 'm' ? -1 : strtoll(text, NULL, 10) };
}

static void complete_memory(const struct cgroup_dir *d, struct spec_memory *m)
{
	char text[32];
	if (m->swap.v > 0 && !(m->limit.set && m->limit.v) &&
	    cgroup_get(d->fd, "memory.max", text, sizeof(text)) > 0 && *text != 'm')
		m->limit = (struct opt_i64){ true, strtoll(text, NULL, 10) };
}

static const struct spec_resources *complete(const struct cgroup *cg,
					     const struct spec_resources *r, struct completed *c)
{
	const struct cgroup_dir *d = cgroup_unified(cg);
	bool ask = cg->v2 && d && d->fd >= 0;
	c->r = *r;
	if (r->cpu) {
		c->cpu = *r->cpu;
		c->r.cpu = &c->cpu;
		if (ask)
			complete_cpu(d, &c->cpu);
		if (cg->unit)
			c->cpu.quota.v = systemd_quota(c->cpu.quota.v,
						       c->cpu.period.v ? c->cpu.period.v : 100000);
	}
	if (ask && r->memory) {
		c->memory = *r->memory;
		c->r.memory = &c->memory;
		complete_memory(d, &c->memory);
	}
	return &c->r;
}

static int apply(struct cgroup *cg, const struct limit_noun *n, const struct spec_resources *r,
		 struct limit_plan *p, struct err *e)
{
	struct cgroup_dir *d = cg->v2 ? NULL : cgroup_v1_dir(cg, n->controller);
	const char *controller = d || !n->v2_controller ? n->controller : n->v2_controller;
	p->n = 0;
	(d ? n->v1 : n->v2)(r, p);
	if (p->full)
		return refuse(e, E2BIG, "linux.resources: too many limits for %s", controller);
	if (p->refused)
		return refuse(e, EINVAL, "linux.resources.%s", p->refused);
	if (!p->n)
		return 0;
	if (!d && n->v2_controller && (d = cgroup_unified(cg)) && !cg->v2)
		cgroup_enable(d);
	if (!d || cgroup_dir_open(d) < 0)
		return without_controller(cg, p, controller, e);
	int rc = strcmp(controller, "memory") ? 0 : check_usage(d, r->memory, e);
	return rc < 0 ? rc : write_all_of(d, p, controller, e);
}

/* unified: any file of v2, by name. */
static int limit_unified(struct cgroup *cg, const struct pairs *u, struct err *e)
{
	if (u->n && !cg->n)
		return refuse(e, EPERM,
			      "linux.resources.unified: cannot set unified limit: container could "
			      "not join or create cgroup");
	if (u->n && !cg->v2)
		return refuse(
			e, EINVAL,
			"invalid configuration: linux.resources.unified: is for cgroup v2, and "
			"this machine has v1");
	for (size_t i = 0; i < u->n; i++) {
		const char *file = u->v[i].key, *at = u->v[i].value;
		if (strchr(file, '/'))
			return refuse(e, EINVAL,
				      "linux.resources.unified: '%.100s' must be a file name (no "
				      "slashes)",
				      file);
		if (!strchr(file, '.') || *file == '.')
			return refuse(e, EINVAL,
				      "linux.resources.unified: '%.100s' must be in the form "
				      "CONTROLLER.PARAMETER",
				      file);
		while (*at) { /* the kernel takes one line at a time */
			char line[512];
			size_t n = strcspn(at, "\n");
			if (n >= sizeof(line))
				return refuse(e, E2BIG, "linux.resources.unified.%s: too long",
					      file);
			memcpy(line, at, n);
			line[n] = 0;
			at += n + (at[n] == '\n');
			int rc = n ? file_put(cg->v[0].fd, file, line) : 0;
			if (rc == -ENOENT)
				return refuse(
					e, ENOENT,
					"linux.resources.unified.%s: this machine has no such "
					"file; is controller %.*s there?",
					file, (int)strcspn(file, "."), file);
			if (rc < 0)
				return fail(e, rc, "linux.resources.unified.%s: write '%s'", file,
					    line);
		}
	}
	return 0;
}

/* With no quota systemd writes its own period, and the one that was asked for would be lost to the
 * next quota. */
static int keep_period(const struct cgroup *cg, const struct spec_cpu *c, struct err *e)
{
	const struct cgroup_dir *d = cgroup_unified(cg);
	char text[32];
	if (!cg->v2 || !d || !c || c->quota.v > 0 || !c->period.v)
		return 0;
	snprintf(text, sizeof(text), "max %" PRIu64, c->period.v);
	int rc = file_put(d->fd, "cpu.max", text);
	return rc < 0 ? fail(e, rc, "linux.resources.cpu.period: %s/cpu.max", d->path) : 0;
}

static int limit_all(struct cgroup *cg, const struct spec_resources *r, struct limit_plan *p,
		     struct err *e)
{
	struct completed whole;
	int rc = 0;
	if (r->memory && r->memory->kernel.set)
		log_warn("memory.kernel is ignored: kernels have no such limit any more");
	r = complete(cg, r, &whole);
	for (const struct limit_noun *n = limit_nouns; rc == 0 && n->controller; n++)
		rc = apply(cg, n, r, p, e);
	if (rc == 0)
		rc = limit_unified(cg, &r->unified, e);
	/* systemd writes what it knows whenever it likes to, so it has to know the same: once the
	 * kernel has agreed. */
	const struct systemd_limits l = { .r = r, .v2 = cg->v2 };
	if (rc < 0 || !cg->unit || cg->unit_is_new)
		return rc;
	rc = systemd_update(cg->unit, &l, e);
	return rc == 0 ? keep_period(cg, r->cpu, e) : rc;
}

#define LIMIT_MEMORY ((size_t)512 << 10)

/* Most often devices alone are named, which are not limits. */
static bool limits(const struct spec_resources *r)
{
	return r->memory || r->cpu || r->pids_limit.set || r->block_io || r->network ||
	       r->hugepages.n || r->rdma.n || r->unified.n;
}

int cgroup_limit(struct cgroup *cg, const struct spec_resources *r, struct err *e)
{
	if (!r || (!limits(r) && !cg->unit))
		return 0;
	auto_arena *a = arena_new(LIMIT_MEMORY);
	struct limit_plan *p = a ? arena_alloc(a, sizeof(*p)) : NULL;
	if (!p)
		return fail(e, ENOMEM, "linux.resources");
	p->a = a;
	return limit_all(cg, r, p, e);
}

int cgroup_update(struct cgroup *cg, const struct spec_resources *r, struct err *e)
{
	if (!r)
		return 0;
	auto_arena *a = arena_new(LIMIT_MEMORY);
	struct limit_plan *p = a ? arena_alloc(a, sizeof(*p)) : NULL;
	if (!p || !(p->undo = limit_undo_new(a)))
		return fail(e, ENOMEM, "linux.resources");
	struct limit_undo *undo = p->undo;
	p->a = a;
	int rc = limit_all(cg, r, p, e);
	if (rc == 0 && r->devices.n)
		rc = cgroup_update_devices(cg, r, a, e);
	if (rc < 0)
		limit_undo_all(undo);
	return rc;
}

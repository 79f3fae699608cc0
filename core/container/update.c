/* update.c - other limits for a running container. */
#include "base/file.h"
#include "container/inside.h"
#include "container/lifecycle.h"

#define WORK_MEMORY (SPEC_MAX * 16)

/* Its group of Intel's RDT; one that has none gets none. */
static int find_resctrl(struct container *c, struct resctrl *out, struct err *e)
{
	const struct spec *spec;
	const char *root;
	auto_arena *a = arena_new(WORK_MEMORY);
	int rc = a ? resctrl_find(c->arena, &root, e) : fail(e, ENOMEM, "linux.intelRdt");
	if (rc == 0)
		rc = container_spec(c, a, &spec, e);
	if (rc < 0)
		return rc;
	if (!spec->linux_->intel_rdt)
		return refuse(e, EINVAL,
			      "linux.intelRdt: updating a non-existent Intel RDT configuration is "
			      "not supported");
	return container_resctrl(spec, c, out, e);
}

int container_update(struct container *c, const struct update_request *r, struct err *e)
{
	struct cgroup cg;
	struct resctrl group = { 0 };
	auto_close int lock = container_lock(c, 0, e);
	if (lock < 0)
		return lock;
	int rc = container_reload(c, e);
	if (rc == 0)
		rc = lifecycle_check(container_status(c), EV_UPDATE, c->id, e);
	if (rc == 0 && (r->rdt.l3_cache_schema || r->rdt.mem_bw_schema))
		rc = find_resctrl(c, &group, e);
	if (rc == 0)
		rc = container_cgroup(c, &cg, e);
	if (rc < 0)
		return rc;
	rc = cgroup_update(&cg, r->resources, e);
	cgroup_close(&cg);
	return rc == 0 && group.group ? resctrl_make(&group, &r->rdt, e) : rc;
}

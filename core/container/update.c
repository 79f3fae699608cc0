/* update.c - other limits for a running container. */
#include "base/file.h"
#include "container/inside.h"
#include "container/lifecycle.h"

int container_update(struct container *c, const struct spec_resources *r, struct err *e)
{
	struct cgroup cg;
	auto_close int lock = container_lock(c, 0, e);
	if (lock < 0)
		return lock;
	int rc = container_reload(c, e);
	if (rc == 0)
		rc = lifecycle_check(container_status(c), EV_UPDATE, c->id, e);
	if (rc == 0)
		rc = container_cgroup(c, &cg, e);
	if (rc < 0)
		return rc;
	rc = cgroup_update(&cg, r, e);
	cgroup_close(&cg);
	return rc;
}

/* tell.c - what is made of a container, for whoever debugs. */
#include "base/log.h"
#include "box/systemd.h"
#include "container/inside.h"

static void tell_cgroups(const struct container *c, const struct cgroup *cg)
{
	if (!cg->n)
		log_debug("container %s: no cgroup", c->id);
	for (size_t i = 0; i < cg->n; i++)
		log_debug("container %s: cgroup %s, of %s", c->id, cg->v[i].path,
			  cg->unit ? cg->unit->name : "cgroupfs");
}

void tell_birth(const struct container *c, const struct spec *s, const struct cgroup *cg)
{
	auto_buf new = { 0 };
	if (!log_tells(LOG_DEBUG))
		return;
	log_debug("container %s: bundle %s, root file system %s", c->id, c->state.bundle,
		  c->state.rootfs ? c->state.rootfs : "given by the caller");
	tell_cgroups(c, cg);
	for (size_t i = 0; i < s->linux_->namespaces.n; i++) {
		const struct spec_namespace *ns = &s->linux_->namespaces.v[i];
		if (ns->path)
			log_debug("container %s: %s namespace %s", c->id, ns->type, ns->path);
		else
			buf_printf(&new, " %s", ns->type);
	}
	log_debug("container %s: new namespaces:%s", c->id, new.p ? new.p : " none");
	log_debug("container %s: init is process %d", c->id, (int)c->state.pid);
}

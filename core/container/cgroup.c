/* cgroup.c - the cgroup of a container that is being made: where it goes, its limits, or none. */
#include "base/log.h"
#include "box/child.h"
#include "box/subid.h"
#include "box/systemd.h"
#include "box/userns.h"
#include "container/inside.h"

#include <string.h>
#include <unistd.h>

static bool asks_for_path(const struct spec *s)
{
	return s->linux_->cgroups_path && *s->linux_->cgroups_path;
}

/* Asked only where something failed: it takes system calls. */
static bool has_few_rights(const struct create_request *r)
{
	return r->rootless > 0 || (!r->rootless && (!we_are_root() || !userns_first()));
}

int container_cgroup_locate(const struct create_request *r, const struct spec *s, struct arena *a,
			    struct cgroup *out, struct err *e)
{
	if (r->no_cgroup) {
		*out = (struct cgroup){ 0 };
		return 0;
	}
	if (r->systemd_cgroup)
		return cgroup_locate_unit(s->linux_->cgroups_path, r->id, a, out, e);
	if (!asks_for_path(s) && (!we_are_root() || subid_inside()) && r->rootless >= 0)
		return cgroup_delegated(r->id, a, out, e);
	int rc = cgroup_locate(s->linux_->cgroups_path, r->id, a, out, e);
	if (rc != -ENOENT || asks_for_path(s) || !has_few_rights(r))
		return rc;
	*e = (struct err){ 0 };
	*out = (struct cgroup){ 0 };
	return 0;
}

/* Whether a path, however it is written, is /sys/fs/cgroup. */
static bool is_usual_place(const char *path)
{
	static const char *const place[] = { "sys", "fs", "cgroup" };
	const size_t steps = sizeof(place) / sizeof(place[0]);
	size_t depth = 0, alike = 0; /* of the steps so far; of these the first */
	while (*(path += strspn(path, "/"))) {
		size_t n = strcspn(path, "/");
		if (n == 2 && !strncmp(path, "..", n)) {
			depth -= depth > 0;
			alike = alike < depth ? alike : depth;
		} else if (n != 1 || *path != '.') {
			if (alike == depth && depth < steps && strlen(place[depth]) == n &&
			    !strncmp(path, place[depth], n))
				alike++;
			depth++;
		}
		path += n;
	}
	return depth == steps && alike == steps;
}

/* Where it is shown to be written to; the path may begin with the root's on the host. */
static bool is_writable(const struct spec *s, const struct spec_mount *m)
{
	const char *root = s->root ? s->root->path : NULL, *to = m->destination;
	size_t n = root && *root == '/' ? strlen(root) : 0;
	bool writable = true;
	if (n && !strncmp(to, root, n) && (to[n] == '/' || root[n - 1] == '/'))
		to += n;
	if (!mount_is_cgroup(m) || !is_usual_place(to))
		return false;
	for (size_t i = 0; i < m->options.n; i++)
		if (!strcmp(m->options.v[i], "ro") || !strcmp(m->options.v[i], "rw"))
			writable = m->options.v[i][1] == 'w';
	return writable;
}

/* Whoever the workload is, outside: runc's rule. To systemd in a container, all of this means that
 * the cgroup is its own. -1: nobody. */
static int64_t cgroup_owner(const struct spec *s)
{
	const struct spec_namespace *own = spec_namespace(s, "cgroup");
	bool writable = false;
	for (size_t i = 0; i < s->mounts.n; i++)
		writable = writable || is_writable(s, &s->mounts.v[i]);
	if (!own || (own->path && *own->path) || !writable)
		return -1;
	return spec_namespace(s, "user")
		       ? userns_outside(&s->linux_->uid_mappings, s->process->user.uid)
		       : s->process->user.uid;
}

/* What is ours without privileges stays so. */
static int give_to_owner(const struct create_request *r, const struct spec *s,
			 const struct cgroup *cg, struct err *e)
{
	struct err why = { 0 };
	int64_t owner = cg->v2 ? cgroup_owner(s) : -1;
	if (owner < 0 || owner == geteuid())
		return 0;
	int rc = cgroup_give(cg, (uid_t)owner, &why);
	if (rc < 0 && !(rc == -EPERM && has_few_rights(r))) {
		*e = why;
		return rc;
	}
	return 0;
}

/* In the words that runc has for it. Of an image's somebody asked for it by name. */
static void warn_alone(const struct create_request *r, const struct spec *s)
{
	const struct spec_namespace *pid = spec_namespace(s, "pid");
	bool host = r->engine && !strcmp(r->engine, "host");
	if (!r->no_cgroup && !r->image && !host && (!pid || pid->path))
		log_warn("Creating a rootless container with no cgroup and no private pid "
			 "namespace. Such configuration is strongly discouraged: not all its "
			 "processes can be ended properly");
}

int container_cgroup_make(const struct create_request *r, const struct spec *s, struct cgroup *cg,
			  struct cgroup_keeper *keeper, const struct child *waiting, struct err *e)
{
	const struct spec_resources *limits = s->linux_->resources;
	int rc = cg->unit ? cgroup_start_unit(cg, limits, &s->annotations, keeper, e) : 0;
	if (rc < 0)
		return rc;
	rc = cgroup_make(cg, e);
	/* ENOENT: of hierarchies that are covered, as in a container. */
	bool denied = rc == -EACCES || rc == -EPERM || rc == -EROFS || rc == -ENOENT;
	if (denied && !cg->unit && !asks_for_path(s) && has_few_rights(r)) {
		cgroup_remove(cg, NULL);
		cgroup_close(cg);
		*cg = (struct cgroup){ 0 };
		*e = (struct err){ 0 };
		rc = 0;
	}
	if (rc == 0 && !cg->n)
		warn_alone(r, s);
	if (rc == 0 && waiting)
		rc = child_made(waiting, e);
	if (rc == 0 && cg->n)
		rc = give_to_owner(r, s, cg, e);
	if (rc == 0 && limits && (cg->n || !r->limits_if_possible))
		rc = cgroup_limit(cg, limits, e);
	return rc == 0 && cg->unit ? cgroup_make_room(cg, keeper, e) : rc;
}

int container_cgroup_guard(const struct create_request *r, const struct spec *s, struct cgroup *cg,
			   struct arena *a, struct err *e)
{
	struct err why = { 0 };
	if (!cg->n)
		return 0;
	int rc = cgroup_devices(cg, s->linux_->resources, a, &why);
	/* As with runc: it needs rights over the whole machine, and whoever lacks them can open no
	 * device that is not his anyway. */
	if (rc < 0 && !(rc == -EPERM && has_few_rights(r))) {
		*e = why;
		return rc;
	}
	return cgroup_doors(cg, e);
}

/* A user's manager has a part of the tree to itself, and it is he who may write there. But to come
 * in from outside, as from a login, takes rights on what is above both. */
int container_clone(const struct child_setup *s, struct child *out, struct err *e)
{
	struct err why = { 0 };
	int rc = child_clone(s, out, &why);
	if (rc != -EACCES || !s->cgroup->unit)
		return rc < 0 ? refuse(e, -rc, "%s", why.msg) : 0;
	struct child_setup outside = *s;
	const struct cgroup none = { 0 };
	outside.cgroup = &none;
	rc = child_clone(&outside, out, e);
	return rc < 0 ? rc : systemd_attach(s->cgroup->unit, out->pid, e);
}

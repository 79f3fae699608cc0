/* cgroup_descend.c - cgroups below a container's own, for one of its processes. */
#include "base/file.h"
#include "base/walk.h"
#include "box/cgroup_inner.h"

#include <fcntl.h>
#include <string.h>

static int enter(struct cgroup_dir *d, const char *place, struct err *e)
{
	struct open_how how = { .flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
				.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };
	const char *path = place + strspn(place, "/");
	int fd = d->fd < 0 ? -ENOENT : walk_open(d->fd, *path ? path : ".", &how);
	if (fd == -EXDEV)
		return refuse(e, EINVAL, "--cgroup: bad sub cgroup path: %.200s", place);
	if (fd < 0)
		return fail(e, fd, "--cgroup: adding pid to cgroup %s/%.200s", d->path, path);
	put_fd(&d->fd, fd);
	return 0;
}

/* Of all hierarchies. Where the unified one is there beside v1's, it may lack such a cgroup. */
static int enter_all(struct cgroup *cg, const char *place, struct err *e)
{
	for (size_t i = 0; i < cg->n; i++) {
		bool extra = !cg->v2 && !*cg->v[i].controllers;
		int rc = enter(&cg->v[i], place, extra ? NULL : e);
		if (rc < 0 && !extra)
			return rc;
	}
	return 0;
}

/* taken: which place each has been put to, from 1 on. */
static int enter_some(struct cgroup *cg, const struct strs *places, size_t this, size_t *taken,
		      struct err *e)
{
	const char *controllers = places->v[this], *place = strchr(controllers, ':') + 1;
	char name[64];
	for (const char *at = controllers;; at++) {
		size_t n = strcspn(at, ",:");
		if (!n || n >= sizeof(name))
			return refuse(e, EINVAL, "--cgroup: %.200s has an empty controller",
				      controllers);
		memcpy(name, at, n);
		name[n] = 0;
		struct cgroup_dir *d = cgroup_v1_dir(cg, name);
		if (!d)
			return refuse(e, EINVAL, "--cgroup: unknown controller %s", name);
		size_t *at_place = &taken[d - cg->v];
		if (*at_place && *at_place != this + 1)
			return refuse(e, EINVAL, "--cgroup: controller %s specified multiple times",
				      name);
		int rc = *at_place ? 0 : enter(d, place, e); /* cpu and cpuacct may be one */
		if (rc < 0)
			return rc;
		*at_place = this + 1;
		at += n;
		if (*at == ':')
			return 0;
	}
}

int cgroup_descend(struct cgroup *cg, const struct strs *places, struct err *e)
{
	size_t taken[64] = { 0 };
	if (!cg->n)
		return refuse(e, ENOENT, "--cgroup: the container has no cgroup");
	if (cg->n > sizeof(taken) / sizeof(taken[0]))
		return refuse(e, E2BIG, "--cgroup: too many hierarchies");
	for (size_t i = 0; i < places->n; i++) {
		const char *place = places->v[i];
		bool colon = strchr(place, ':');
		if (!colon && places->n > 1)
			return refuse(e, EINVAL, "--cgroup: %.200s: missing <controller>: prefix",
				      place);
		int rc = colon ? enter_some(cg, places, i, taken, e) : enter_all(cg, place, e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

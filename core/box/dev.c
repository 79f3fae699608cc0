/* dev.c - the devices of a container: the default ones, those of the spec, the links in /dev. */
#include "base/sys.h"
#include "box/plan.h"

#include <stdbool.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static const struct {
	const char *path;
	unsigned major, minor;
} defaults[] = {
	{ "/dev/null", 1, 3 },	 { "/dev/zero", 1, 5 },	   { "/dev/full", 1, 7 },
	{ "/dev/random", 1, 8 }, { "/dev/urandom", 1, 9 }, { "/dev/tty", 5, 0 },
};

static const struct {
	const char *path, *source;
	bool if_there; /* only if the host has what it leads to */
} links[] = {
	{ "/dev/fd", "/proc/self/fd" },	      { "/dev/stdin", "/proc/self/fd/0" },
	{ "/dev/stdout", "/proc/self/fd/1" }, { "/dev/stderr", "/proc/self/fd/2" },
	{ "/dev/core", "/proc/kcore", true }, { "/dev/ptmx", "pts/ptmx" },
};

/* A /dev of somebody else's is used as it is. */
static bool dev_is_bound(const struct plan_context *c)
{
	for (size_t i = 0; i < c->spec->mounts.n; i++) {
		const struct spec_mount *m = &c->spec->mounts.v[i];
		if (spec_mount_binds(m) && !strcmp(mount_destination(c, m), "/dev"))
			return true;
	}
	return false;
}

static bool given(const struct spec *s, const char *path)
{
	for (size_t i = 0; i < s->linux_->devices.n; i++)
		if (!strcmp(s->linux_->devices.v[i].path, path))
			return true;
	return false;
}

static int device_type(const char *type, mode_t *out)
{
	static const struct {
		char letter;
		mode_t mode;
	} types[] = { { 'c', S_IFCHR }, { 'u', S_IFCHR }, { 'b', S_IFBLK }, { 'p', S_IFIFO } };
	for (size_t i = 0; i < 4; i++)
		if (type && type[0] == types[i].letter && !type[1]) {
			*out = types[i].mode;
			return 0;
		}
	return -EINVAL;
}

/* Without the slashes at its end. */
static const char *node_path(const struct plan *p, const char *path)
{
	size_t n = strlen(path);
	while (n > 1 && path[n - 1] == '/')
		n--;
	return path[n] ? arena_strn(p->arena, path, n) : path;
}

static int device_add(struct plan *p, const char *path, struct op_device d, struct err *e)
{
	struct op *o = plan_add(p, OP_MKNOD, "make device %s", path);
	if (!o)
		return fail(e, E2BIG, "devices");
	o->path = path;
	o->device = d;
	return 0;
}

static int spec_devices(struct plan *p, const struct spec *s, bool bind, struct err *e)
{
	for (size_t i = 0; i < s->linux_->devices.n; i++) {
		const struct spec_device *d = &s->linux_->devices.v[i];
		mode_t type;
		if (device_type(d->type, &type) < 0)
			return refuse(e, EINVAL, "device %s: its type is none of c, b, u, p",
				      d->path);
		struct op_device op = {
			.mode = type | (d->file_mode.set ? (mode_t)d->file_mode.v & 07777 : 0666),
			.number = makedev((unsigned)d->major, (unsigned)d->minor),
			.uid = d->uid.set ? (uid_t)d->uid.v : 0,
			.gid = d->gid.set ? (gid_t)d->gid.v : 0,
			.bind = bind && type != S_IFIFO,
		};
		const char *path = node_path(p, d->path);
		/* A link makes it: the node would be of no use without its own devpts beside it. */
		if (path && !strcmp(path, "/dev/ptmx"))
			continue;
		int rc = path ? device_add(p, path, op, e) : fail(e, E2BIG, "devices");
		if (rc < 0)
			return rc;
		p->v[p->n - 1].nth = (unsigned)i + 1;
	}
	return 0;
}

static int add_links(struct plan *p, struct err *e)
{
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		struct op *o = plan_add(p, OP_SYMLINK, "link %s", links[i].path);
		if (!o)
			return fail(e, E2BIG, "devices");
		o->path = links[i].path;
		o->source = links[i].source;
		o->flags = links[i].if_there;
	}
	return 0;
}

int device_plan(struct plan *p, const struct plan_context *c, struct err *e)
{
	const struct spec *s = c->spec;
	bool user_ns = p->clone_flags & CLONE_NEWUSER || p->user_ns_path;
	int rc = 0;
	if (dev_is_bound(c))
		return 0;
	for (size_t i = 0; rc == 0 && i < sizeof(defaults) / sizeof(defaults[0]); i++)
		if (!given(s, defaults[i].path))
			rc = device_add(
				p, defaults[i].path,
				(struct op_device){
					.mode = S_IFCHR | 0666,
					.number = makedev(defaults[i].major, defaults[i].minor),
					.bind = user_ns,
				},
				e);
	if (rc == 0)
		rc = spec_devices(p, s, user_ns, e);
	if (rc == 0)
		rc = add_links(p, e);
	return rc;
}

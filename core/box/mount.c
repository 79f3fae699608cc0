/* mount.c - the mounts of a spec: options understood, operations planned. */
#include "base/sys.h"
#include "box/plan.h"

#include <string.h>
#include <sys/mount.h>

enum { NOTHING = 1, BIND, RBIND, REFUSED };

/* One table for every word that is not the file system's own. */
static const struct word {
	const char *name;
	int special;
	uint64_t set, clear;
	uint64_t propagation;
	const char *flag; /* of the super block, set by name */
} words[] = {
	{ "defaults", NOTHING, 0, 0, 0, NULL },
	{ "async", NOTHING, 0, 0, 0, NULL },
	{ "remount", NOTHING, 0, 0, 0, NULL },
	{ "silent", NOTHING, 0, 0, 0, NULL },
	{ "loud", NOTHING, 0, 0, 0, NULL },
	{ "nomand", NOTHING, 0, 0, 0, NULL },
	{ "mand", NOTHING, 0, 0, 0, NULL },
	{ "bind", BIND, 0, 0, 0, NULL },
	{ "rbind", RBIND, 0, 0, 0, NULL },
	{ "ro", 0, MOUNT_ATTR_RDONLY, 0, 0, NULL },
	{ "rw", 0, 0, MOUNT_ATTR_RDONLY, 0, NULL },
	{ "nosuid", 0, MOUNT_ATTR_NOSUID, 0, 0, NULL },
	{ "suid", 0, 0, MOUNT_ATTR_NOSUID, 0, NULL },
	{ "nodev", 0, MOUNT_ATTR_NODEV, 0, 0, NULL },
	{ "dev", 0, 0, MOUNT_ATTR_NODEV, 0, NULL },
	{ "noexec", 0, MOUNT_ATTR_NOEXEC, 0, 0, NULL },
	{ "exec", 0, 0, MOUNT_ATTR_NOEXEC, 0, NULL },
	{ "nosymfollow", 0, MOUNT_ATTR_NOSYMFOLLOW, 0, 0, NULL },
	{ "symfollow", 0, 0, MOUNT_ATTR_NOSYMFOLLOW, 0, NULL },
	{ "nodiratime", 0, MOUNT_ATTR_NODIRATIME, 0, 0, NULL },
	{ "diratime", 0, 0, MOUNT_ATTR_NODIRATIME, 0, NULL },
	{ "noatime", 0, MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME, 0, NULL },
	{ "atime", 0, MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME, 0, NULL },
	{ "relatime", 0, MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME, 0, NULL },
	{ "norelatime", 0, MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME, 0, NULL },
	{ "strictatime", 0, MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME, 0, NULL },
	{ "nostrictatime", 0, MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME, 0, NULL },
	{ "sync", 0, 0, 0, 0, "sync" },
	{ "dirsync", 0, 0, 0, 0, "dirsync" },
	{ "lazytime", 0, 0, 0, 0, "lazytime" },
	{ "nolazytime", NOTHING, 0, 0, 0, NULL },
	{ "iversion", 0, 0, 0, 0, "iversion" },
	{ "noiversion", NOTHING, 0, 0, 0, NULL },
	{ "private", 0, 0, 0, MS_PRIVATE, NULL },
	{ "rprivate", 0, 0, 0, MS_PRIVATE | MS_REC, NULL },
	{ "slave", 0, 0, 0, MS_SLAVE, NULL },
	{ "rslave", 0, 0, 0, MS_SLAVE | MS_REC, NULL },
	{ "shared", 0, 0, 0, MS_SHARED, NULL },
	{ "rshared", 0, 0, 0, MS_SHARED | MS_REC, NULL },
	{ "unbindable", 0, 0, 0, MS_UNBINDABLE, NULL },
	{ "runbindable", 0, 0, 0, MS_UNBINDABLE | MS_REC, NULL },
	{ "idmap", REFUSED, 0, 0, 0, NULL },
	{ "ridmap", REFUSED, 0, 0, 0, NULL },
	{ "tmpcopyup", REFUSED, 0, 0, 0, NULL },
};

static const struct word *word_find(const char *name)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcmp(words[i].name, name))
			return &words[i];
	return NULL;
}

/* "rro": "ro" for the mount and all below it. "relatime" and "remount" are words of their own and
 * found before. */
static const struct word *word_recursive(const char *name)
{
	const struct word *w = name[0] == 'r' ? word_find(name + 1) : NULL;
	return w && (w->set || w->clear) ? w : NULL;
}

/* An option that the file system itself is to understand: "mode=755". */
static int own_option(struct plan *p, struct op_mount *m, const char *text, const char *what,
		      struct err *e)
{
	struct mount_option *v = arena_array(p->arena, m->options.n + 1, sizeof(*v));
	size_t n = strcspn(text, "=");
	char *key = arena_strn(p->arena, text, n);
	char *value = text[n] ? arena_str(p->arena, text + n + 1) : NULL;
	if (!v || !key || (text[n] && !value))
		return fail(e, E2BIG, "%s", what);
	if (m->options.n)
		memcpy(v, m->options.v, m->options.n * sizeof(*v));
	v[m->options.n++] = (struct mount_option){ key, value };
	m->options.v = v;
	return 0;
}

static void add_propagation(struct op_mount *m, uint64_t propagation)
{
	if (!m->propagation[0])
		m->propagation[0] = propagation;
	else
		m->propagation[1] = propagation;
}

static int option(struct plan *p, struct op_mount *m, const char *text, const char *what,
		  struct err *e)
{
	const struct word *w = word_find(text), *r = w ? NULL : word_recursive(text);
	if (r) {
		m->set_recursive = (m->set_recursive & ~r->clear) | r->set;
		m->clear_recursive = (m->clear_recursive & ~r->set) | r->clear;
		return 0;
	}
	if (!w)
		return own_option(p, m, text, what, e);
	if (w->special == REFUSED)
		return refuse(e, ENOTSUP, "%s: the mount option '%s' is not supported", what, text);
	if (w->special == BIND || w->special == RBIND) {
		m->type = NULL;
		m->recursive = m->recursive || w->special == RBIND;
	}
	if (w->propagation)
		add_propagation(m, w->propagation);
	if (w->flag)
		return own_option(p, m, w->flag, what, e);
	m->set = (m->set & ~w->clear) | w->set;
	m->clear = (m->clear & ~w->set) | w->clear;
	return 0;
}

/* Whether host mounts stay connected with the container's: only if the spec shares its root. */
static bool shares(const struct spec *s)
{
	const char *propagation = s->linux_ ? s->linux_->rootfs_propagation : NULL;
	return propagation && (!strcmp(propagation, "shared") || !strcmp(propagation, "rshared"));
}

static bool is_bind(const struct spec_mount *m)
{
	return strs_has(&m->options, "bind") || strs_has(&m->options, "rbind") ||
	       (m->type && !strcmp(m->type, "bind"));
}

static int mount_one(struct plan *p, const struct plan_context *c, const struct spec_mount *m,
		     struct err *e)
{
	bool bind = is_bind(m);
	const char *type = m->type ? m->type : "none";
	struct op *o = plan_add(p, OP_MOUNT, "mount %s (%s) on %s", m->source ? m->source : type,
				bind ? "bind" : type, m->destination);
	if (!o)
		return fail(e, E2BIG, "mounts");
	o->path = m->destination;
	o->mount.type = type;
	if (m->uid_mappings.n || m->gid_mappings.n)
		return refuse(e, ENOTSUP, "%s: id-mapped mounts are not supported", o->what);
	for (size_t i = 0; i < m->options.n; i++) {
		int rc = option(p, &o->mount, m->options.v[i], o->what, e);
		if (rc < 0)
			return rc;
	}
	if (bind)
		o->mount.type = NULL;
	o->mount.source = m->source ? m->source : type;
	o->mount.real_directory = !bind && (!strcmp(type, "proc") || !strcmp(type, "sysfs"));
	if (bind && !m->source)
		return refuse(e, EINVAL, "%s: a bind mount needs a source", o->what);
	if (bind && !shares(c->spec)) {
		/* What is cloned from a shared mount is its peer: cut that first, then do as the
		 * spec says. */
		o->mount.propagation[1] = o->mount.propagation[0];
		o->mount.propagation[0] = MS_SLAVE | MS_REC;
	}
	/* /dev is written to once it is mounted: its read-only comes at the end. */
	if (!bind && !strcmp(m->destination, "/dev"))
		o->mount.set &= ~(uint64_t)MOUNT_ATTR_RDONLY;
	return 0;
}

/* The directory names that a v1 controller set is found under: "cpu,cpuacct" and links cpu, cpuacct
 * to it. */
static int cgroup_v1_dir(struct plan *p, const struct spec_mount *m, const struct cgroup_dir *d,
			 uint64_t set, struct err *e)
{
	const char *name = !strncmp(d->controllers, "name=", 5) ? d->controllers + 5
								: d->controllers;
	if (!*name)
		name = "unified";
	char *path = arena_printf(p->arena, "%s/%s", m->destination, name);
	struct op *o = plan_add(p, OP_MOUNT, "mount cgroup %s on %s", name, path ? path : "?");
	if (!o || !path)
		return fail(e, E2BIG, "cgroup mounts");
	o->path = path;
	o->mount.source = d->path;
	o->mount.set = set;
	o->mount.propagation[0] = MS_PRIVATE;
	if (!strchr(name, ','))
		return 0;
	for (const char *at = name; *at;) {
		size_t n = strcspn(at, ",");
		struct op *link = plan_add(p, OP_SYMLINK, "link %.*s to %s", (int)n, at, name);
		if (!link)
			return fail(e, E2BIG, "cgroup mounts");
		link->path = arena_printf(p->arena, "%s/%.*s", m->destination, (int)n, at);
		link->source = name;
		if (!link->path)
			return fail(e, E2BIG, "cgroup mounts");
		at += n + (at[n] == ',');
	}
	return 0;
}

static uint64_t attributes(const struct spec_mount *m)
{
	uint64_t set = 0;
	for (size_t i = 0; i < m->options.n; i++) {
		const struct word *w = word_find(m->options.v[i]);
		if (w)
			set = (set & ~w->clear) | w->set;
	}
	return set;
}

/* A container sees its own cgroup and nothing above it: binds of the very directories, with or
 * without a cgroup namespace. */
static int mount_cgroup(struct plan *p, const struct plan_context *c, const struct spec_mount *m,
			struct err *e)
{
	uint64_t set = attributes(m);
	bool none = !c->cgroup || !c->cgroup->n;
	struct op *o = plan_add(p, OP_MOUNT, "mount cgroup on %s", m->destination);
	if (!o)
		return fail(e, E2BIG, "cgroup mounts");
	o->path = m->destination;
	o->mount.real_directory = true;
	o->mount.propagation[0] = MS_PRIVATE;
	if (!none && c->cgroup->v2) {
		o->mount.source = c->cgroup->v[0].path;
		o->mount.set = set;
		return 0;
	}
	o->mount.type = "tmpfs";
	o->mount.source = "tmpfs";
	o->mount.set = set & ~(uint64_t)MOUNT_ATTR_RDONLY;
	int rc = own_option(p, &o->mount, "mode=755", o->what, e);
	if (none) { /* not even the caller's, which /sys as a bind would show (CVE-2023-25809) */
		o->mount.set = set | MOUNT_ATTR_RDONLY;
		return rc;
	}
	for (size_t i = 0; rc == 0 && i < c->cgroup->n; i++)
		rc = cgroup_v1_dir(p, m, &c->cgroup->v[i], set, e);
	if (rc == 0 && (set & MOUNT_ATTR_RDONLY)) {
		struct op *ro = plan_add(p, OP_REMOUNT, "make %s read-only", m->destination);
		if (!ro)
			return fail(e, E2BIG, "cgroup mounts");
		ro->path = m->destination;
		ro->flags = MOUNT_ATTR_RDONLY;
	}
	return rc;
}

int mount_plan(struct plan *p, const struct plan_context *c, struct err *e)
{
	for (size_t i = 0; i < c->spec->mounts.n; i++) {
		const struct spec_mount *m = &c->spec->mounts.v[i];
		bool cgroup = m->type &&
			      (!strcmp(m->type, "cgroup") || !strcmp(m->type, "cgroup2"));
		int rc = cgroup ? mount_cgroup(p, c, m, e) : mount_one(p, c, m, e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* mount.c - the mounts of a spec: options understood, operations planned. */
#include "base/sys.h"
#include "box/plan.h"
#include "box/userns.h"

#include <sched.h>
#include <string.h>
#include <sys/mount.h>

enum kind {
	NOTHING,
	ATTRIBUTE,
	NOT_ATTRIBUTE,
	SUPER,
	NOT_SUPER,
	PROPAGATION,
	BIND,
	RBIND,
	REMOUNT,
	COPY_UP,
	COPY_LINK,
	IDMAP,
	RIDMAP
};

/* One table for every word that is not the file system's own. */
static const struct word {
	const char *name;
	enum kind kind;
	uint64_t set, clear;  /* MOUNT_ATTR_*; of SUPER and PROPAGATION: MS_* in set */
	unsigned long access; /* what it says, or takes back, of access times: MS_* */
} words[] = {
	{ "defaults", NOTHING, 0, 0 },
	{ "bind", BIND, 0, 0 },
	{ "rbind", RBIND, 0, 0 },
	{ "remount", REMOUNT, 0, 0 },
	{ "tmpcopyup", COPY_UP, 0, 0 },
	{ "copy-symlink", COPY_LINK, 0, 0 }, /* podman's no-dereference */
	{ "idmap", IDMAP, 0, 0 },
	{ "ridmap", RIDMAP, 0, 0 },
	{ "ro", ATTRIBUTE, MOUNT_ATTR_RDONLY, 0 },
	{ "rw", NOT_ATTRIBUTE, 0, MOUNT_ATTR_RDONLY },
	{ "nosuid", ATTRIBUTE, MOUNT_ATTR_NOSUID, 0 },
	{ "suid", NOT_ATTRIBUTE, 0, MOUNT_ATTR_NOSUID },
	{ "nodev", ATTRIBUTE, MOUNT_ATTR_NODEV, 0 },
	{ "dev", NOT_ATTRIBUTE, 0, MOUNT_ATTR_NODEV },
	{ "noexec", ATTRIBUTE, MOUNT_ATTR_NOEXEC, 0 },
	{ "exec", NOT_ATTRIBUTE, 0, MOUNT_ATTR_NOEXEC },
	{ "nosymfollow", ATTRIBUTE, MOUNT_ATTR_NOSYMFOLLOW, 0 },
	{ "symfollow", NOT_ATTRIBUTE, 0, MOUNT_ATTR_NOSYMFOLLOW },
	{ "nodiratime", ATTRIBUTE, MOUNT_ATTR_NODIRATIME, 0, MS_NODIRATIME },
	{ "diratime", NOT_ATTRIBUTE, 0, MOUNT_ATTR_NODIRATIME, MS_NODIRATIME },
	{ "noatime", ATTRIBUTE, MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME, MS_NOATIME },
	{ "atime", NOT_ATTRIBUTE, MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME, MS_NOATIME },
	{ "relatime", ATTRIBUTE, MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME, MS_RELATIME },
	/* What is not relatime, nor anything else, is so by the kernel's default. */
	{ "norelatime", NOT_ATTRIBUTE, MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME, MS_RELATIME },
	{ "strictatime", ATTRIBUTE, MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME, MS_STRICTATIME },
	{ "nostrictatime", NOT_ATTRIBUTE, MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME, MS_STRICTATIME },
	{ "sync", SUPER, MS_SYNCHRONOUS, 0 },
	{ "async", NOT_SUPER, MS_SYNCHRONOUS, 0 },
	{ "dirsync", SUPER, MS_DIRSYNC, 0 },
	{ "lazytime", SUPER, MS_LAZYTIME, 0 },
	{ "nolazytime", NOT_SUPER, MS_LAZYTIME, 0 },
	{ "mand", SUPER, MS_MANDLOCK, 0 },
	{ "nomand", NOT_SUPER, MS_MANDLOCK, 0 },
	{ "silent", SUPER, MS_SILENT, 0 },
	{ "loud", NOT_SUPER, MS_SILENT, 0 },
	{ "iversion", SUPER, MS_I_VERSION, 0 },
	{ "noiversion", NOT_SUPER, MS_I_VERSION, 0 },
	{ "acl", SUPER, MS_POSIXACL, 0 },
	{ "noacl", NOT_SUPER, MS_POSIXACL, 0 },
	{ "private", PROPAGATION, MS_PRIVATE, 0 },
	{ "rprivate", PROPAGATION, MS_PRIVATE | MS_REC, 0 },
	{ "slave", PROPAGATION, MS_SLAVE, 0 },
	{ "rslave", PROPAGATION, MS_SLAVE | MS_REC, 0 },
	{ "shared", PROPAGATION, MS_SHARED, 0 },
	{ "rshared", PROPAGATION, MS_SHARED | MS_REC, 0 },
	{ "unbindable", PROPAGATION, MS_UNBINDABLE, 0 },
	{ "runbindable", PROPAGATION, MS_UNBINDABLE | MS_REC, 0 },
};

static const struct word *word_find(const char *name)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcmp(words[i].name, name))
			return &words[i];
	return NULL;
}

static bool is_attribute(const struct word *w)
{
	return w->kind == ATTRIBUTE || w->kind == NOT_ATTRIBUTE;
}

/* "rro": "ro" for the mount and all below it. "relatime" and "remount" are words of their own and
 * found before. */
static const struct word *word_recursive(const char *name)
{
	const struct word *w = name[0] == 'r' ? word_find(name + 1) : NULL;
	return w && is_attribute(w) ? w : NULL;
}

/* An option that the file system itself is to understand: "mode=755". */
static int own_option(struct plan *p, struct op_mount *m, const char *text, const char *what,
		      struct err *e)
{
	struct mount_option *to = LIST_ADD(p->arena, &m->options);
	size_t n = strcspn(text, "=");
	char *key = arena_strn(p->arena, text, n);
	char *value = text[n] ? arena_str(p->arena, text + n + 1) : NULL;
	if (!to || !key || (text[n] && !value))
		return fail(e, E2BIG, "%s", what);
	*to = (struct mount_option){ key, value };
	return 0;
}

/* In the order given, and room for one before them; of more than there is room for the last counts.
 */
static void add_propagation(struct op_mount *m, uint64_t propagation)
{
	size_t n = 0;
	while (n + 2 < MOUNT_PROPAGATIONS && m->propagation[n])
		n++;
	m->propagation[n] = propagation;
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
		return *text ? own_option(p, m, text, what, e) : 0;
	m->told = m->told || is_attribute(w) || w->kind == SUPER || w->kind == NOT_SUPER;
	switch (w->kind) {
	case NOTHING:
	case BIND:
		break;
	case ATTRIBUTE:
	case NOT_ATTRIBUTE:
		m->set = (m->set & ~w->clear) | w->set;
		m->clear = (m->clear & ~w->set) | w->clear;
		m->access &= ~w->access;
		m->access |= w->kind == ATTRIBUTE ? w->access : 0;
		break;
	case SUPER:
		m->super |= (unsigned long)w->set;
		break;
	case NOT_SUPER:
		m->super &= ~(unsigned long)w->set;
		break;
	case PROPAGATION:
		add_propagation(m, w->set);
		break;
	case RBIND:
		m->recursive = true;
		break;
	case REMOUNT:
		m->remount = true;
		break;
	case COPY_UP:
		m->copy_up = true;
		break;
	case COPY_LINK:
		m->copy_link = true;
		break;
	case IDMAP:
	case RIDMAP:
		m->idmap = w->kind == RIDMAP ? IDMAP_RECURSIVE : IDMAP_ONE;
		break;
	}
	return 0;
}

/* Whether host mounts stay connected with the container's: only if the spec shares its root. Never
 * with who is root in a user namespace alone: what he mounts is not for the host. */
static bool shares(const struct plan *p, const struct spec *s)
{
	const char *propagation = s->linux_ ? s->linux_->rootfs_propagation : NULL;
	return propagation && !(p->clone_flags & CLONE_NEWUSER) && !p->user_ns_path &&
	       (!strcmp(propagation, "shared") || !strcmp(propagation, "rshared"));
}

/* What is cloned from a shared mount is its peer: cut that first, then do as the spec says. */
static void cut_off(struct op_mount *m)
{
	memmove(m->propagation + 1, m->propagation,
		sizeof(m->propagation) - sizeof(m->propagation[0]));
	m->propagation[0] = MS_SLAVE | MS_REC;
}

/* Mappings without a word for it mean the mount alone; a word without mappings means those of the
 * container. */
static int mount_idmap(struct plan *p, const struct spec_mount *m, struct op_mount *out,
		       const char *what, struct err *e)
{
	bool given = m->uid_mappings.n || m->gid_mappings.n;
	if (!given && !out->idmap)
		return 0;
	if (out->type || out->remount)
		return refuse(e, EINVAL, "%s: only a bind mount can be id-mapped", what);
	if (given && (!m->uid_mappings.n || !m->gid_mappings.n))
		return refuse(e, EINVAL, "%s: %s: missing, to map ids", what,
			      m->uid_mappings.n ? "gidMappings" : "uidMappings");
	if (!given && !(p->clone_flags & CLONE_NEWUSER) && !p->user_ns_path)
		return refuse(e, EINVAL,
			      "%s: the option 'idmap' needs uidMappings and gidMappings, as the "
			      "container has no user namespace",
			      what);
	if (!out->idmap)
		out->idmap = IDMAP_ONE;
	if (given) {
		out->uids = &m->uid_mappings;
		out->gids = &m->gid_mappings;
	}
	return 0;
}

/* New file systems that keep no labels of their own get the container's; proc and sysfs have
 * theirs. */
static int mount_label(struct plan *p, struct op *o, struct err *e)
{
	static const char *const own[] = { "proc", "sysfs", "mqueue" };
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (!p->mount_label || !o->mount.type || !strcmp(o->mount.type, own[i]))
			return 0;
	const char *text = arena_printf(p->arena, "%s=%s", p->label_kind, p->mount_label);
	return text ? own_option(p, &o->mount, text, o->what, e) : fail(e, E2BIG, "%s", o->what);
}

/* A tmpfs that is told no mode takes that of what it covers, which the child finds out. */
static int room_for_mode(struct plan *p, struct op *o, struct err *e)
{
	if (!o->mount.type || strcmp(o->mount.type, "tmpfs") != 0)
		return 0;
	for (size_t i = 0; i < o->mount.options.n; i++)
		if (!strcmp(o->mount.options.v[i].key, "mode"))
			return 0;
	if (!LIST_ADD(p->arena, &o->mount.options))
		return fail(e, E2BIG, "%s", o->what);
	o->mount.options.n--;
	o->mount.takes_mode = true;
	return 0;
}

/* What is left of a path that is at or below the root file system, as it is written; else NULL, as
 * where nobody says where that is. */
static const char *inside_root(const struct plan_context *c, const char *path)
{
	size_t n = c->mount_point ? strlen(c->mount_point) : 0;
	if (!n)
		return NULL;
	while (n && c->mount_point[n - 1] == '/')
		n--;
	if (strncmp(path, c->mount_point, n) != 0 || (path[n] && path[n] != '/'))
		return NULL;
	return path[n] ? path + n : "/";
}

const char *mount_destination(const struct plan_context *c, const struct spec_mount *m)
{
	const char *inside = inside_root(c, m->destination);
	return inside ? inside : m->destination;
}

/* Whether an earlier mount is at, above or below this path of the container's. */
static bool mounted_before(const struct plan *p, const struct op *o, const char *path)
{
	for (const struct op *i = p->v; i < o; i++)
		if (i->kind == OP_MOUNT && !paths_apart(i->path, path))
			return true;
	return false;
}

/* As with runc a bind that is told any attribute has none of its source's but those, as mount(2)
 * remounts it: except for access times, unless one of those is given and not taken back. With a
 * user namespace what its root could not take away stays, whatever is asked for. */
static void bind_attributes(const struct plan *p, struct op_mount *m)
{
	const uint64_t lockable = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
				  MOUNT_ATTR_NOEXEC;
	const uint64_t access = MOUNT_ATTR__ATIME | MOUNT_ATTR_NODIRATIME;
	if (m->told)
		m->clear |= (lockable | MOUNT_ATTR_NOSYMFOLLOW) & ~m->set;
	if (m->access) {
		m->clear |= access & ~(m->set & MOUNT_ATTR_NODIRATIME);
	} else {
		m->set &= ~access;
		m->clear &= ~access;
	}
	if (p->clone_flags & CLONE_NEWUSER || p->user_ns_path) {
		m->clear &= ~lockable;
		m->clear_recursive &= ~lockable;
	}
}

static int mount_one(struct plan *p, const struct plan_context *c, const struct spec_mount *m,
		     struct err *e)
{
	bool bind = spec_mount_binds(m);
	const char *type = m->type ? m->type : "none";
	int rc = 0;
	struct op *o = plan_add(p, OP_MOUNT, "mount %s (%s) on %s", m->source ? m->source : type,
				bind ? "bind" : type, m->destination);
	if (!o)
		return fail(e, E2BIG, "mounts");
	o->path = mount_destination(c, m);
	o->mount.type = bind ? NULL : type;
	o->mount.source = m->source ? m->source : type;
	o->mount.real_directory = !bind && (!strcmp(type, "proc") || !strcmp(type, "sysfs"));
	for (size_t i = 0; i < m->options.n; i++) {
		rc = userns_check_option(c->spec, m->options.v[i], o->what, e);
		if (rc == 0)
			rc = option(p, &o->mount, m->options.v[i], o->what, e);
		if (rc < 0)
			return rc;
	}
	if (o->mount.remount) {
		o->kind = OP_RECONFIGURE;
		return mount_idmap(p, m, &o->mount, o->what, e);
	}
	if (bind && (!m->source || !*m->source))
		return refuse(e, EINVAL, "%s: a bind mount needs a source", o->what);
	if (bind)
		bind_attributes(p, &o->mount);
	o->mount.peer = bind && shares(p, c->spec);
	if (bind && !o->mount.peer)
		cut_off(&o->mount);
	/* /dev is written to once it is mounted: its read-only comes at the end. */
	if (!bind && !strcmp(o->path, "/dev"))
		o->mount.set &= ~(uint64_t)MOUNT_ATTR_RDONLY;
	rc = mount_label(p, o, e);
	if (rc == 0)
		rc = room_for_mode(p, o, e);
	if (rc == 0)
		rc = mount_idmap(p, m, &o->mount, o->what, e);
	const char *inside = bind ? inside_root(c, m->source) : NULL;
	if (inside && mounted_before(p, o, inside))
		o->mount.inside = inside;
	return rc;
}

/* A v1 hierarchy has the name of its mount point on the host, "cpu,cpuacct"; cpu and cpuacct are
 * links to it. */
static int cgroup_v1_dir(struct plan *p, const char *place, const struct cgroup_dir *d,
			 struct err *e)
{
	const char *mount = arena_strn(p->arena, d->path, d->mount);
	const char *name = mount ? strrchr(mount, '/') : NULL;
	name = name ? name + 1 : d->controllers;
	char *path = arena_printf(p->arena, "%s/%s", place, name);
	struct op *o = plan_add(p, OP_MOUNT, "mount cgroup %s on %s", name, path ? path : "?");
	if (!o || !path)
		return fail(e, E2BIG, "cgroup mounts");
	o->path = path;
	o->mount.source = d->path;
	o->mount.directory = true;
	for (const char *at = d->controllers; strchr(d->controllers, ',') && *at;) {
		size_t n = strcspn(at, ",");
		struct op *link = plan_add(p, OP_SYMLINK, "link %.*s to %s", (int)n, at, name);
		if (!link)
			return fail(e, E2BIG, "cgroup mounts");
		link->path = arena_printf(p->arena, "%s/%.*s", place, (int)n, at);
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
		if (w && is_attribute(w))
			set = (set & ~w->clear) | w->set;
	}
	return set;
}

/* A tmpfs with a directory for each hierarchy: the own cgroup and nothing above it. The unified
 * hierarchy of a hybrid machine has none, as with runc. */
static int cgroup_v1_mount(struct plan *p, const struct plan_context *c, struct op *o,
			   struct err *e)
{
	const char *place = o->path; /* o moves once there are others */
	const uint64_t set = o->mount.set;
	bool none = !c->cgroup || !c->cgroup->n;
	o->mount.type = "tmpfs";
	o->mount.source = "tmpfs";
	o->mount.propagation[0] = 0;
	o->mount.set &= ~(uint64_t)MOUNT_ATTR_RDONLY;
	int rc = own_option(p, &o->mount, "mode=755", o->what, e);
	if (none) { /* not even the caller's, which /sys as a bind would show (CVE-2023-25809) */
		o->mount.set = set | MOUNT_ATTR_RDONLY;
		return rc;
	}
	for (size_t i = 0; rc == 0 && i < c->cgroup->n; i++)
		if (*c->cgroup->v[i].controllers)
			rc = cgroup_v1_dir(p, place, &c->cgroup->v[i], e);
	if (rc < 0)
		return rc;
	/* All at once: the host's, of which they are clones, are to hear nothing of them. */
	struct op *all = plan_add(p, OP_REMOUNT, "set the attributes of %s", place);
	if (!all)
		return fail(e, E2BIG, "cgroup mounts");
	all->path = place;
	all->mount.set_recursive = set;
	all->mount.propagation[0] = MS_PRIVATE | MS_REC;
	return 0;
}

/* v2 as runc shows it: in a cgroup namespace its root; without one the whole hierarchy as it is on
 * the host, which nobody but the host's root may see. It is cloned, as a mount of one's own would
 * change the options of the host's. */
static int cgroup_v2_mount(struct plan *p, const struct plan_context *c, struct op *o,
			   struct err *e)
{
	const struct spec_namespace *ns = spec_namespace(c->spec, "cgroup");
	const struct cgroup_dir *own = &c->cgroup->v[0];
	bool user_ns = p->clone_flags & CLONE_NEWUSER || p->user_ns_path;
	o->mount.source = own->path;
	if (ns && ns->path) {
		o->mount.type = "cgroup2";
		o->mount.source = "cgroup";
	} else if (!ns && !user_ns && own->mount) {
		o->mount.source = arena_strn(p->arena, own->path, own->mount);
	}
	return o->mount.source ? 0 : fail(e, E2BIG, "cgroup mounts");
}

/* Of v2: options of its own are the host's to set, and others are the kernel's to refuse. */
static int check_cgroup_options(const struct spec_mount *m, const char *what, struct err *e)
{
	static const char *const own[] = { "nsdelegate",	   "favordynmods",
					   "nofavordynmods",	   "memory_localevents",
					   "memory_recursiveprot", "memory_hugetlb_accounting",
					   "pids_localevents",	   "" };
	for (size_t i = 0; i < m->options.n; i++) {
		const char *text = m->options.v[i];
		bool known = word_find(text) || word_recursive(text);
		for (size_t k = 0; !known && k < sizeof(own) / sizeof(own[0]); k++)
			known = !strcmp(own[k], text);
		if (!known)
			return fail(e, EINVAL, "%s: option %s", what, text);
	}
	return 0;
}

static int mount_cgroup(struct plan *p, const struct plan_context *c, const struct spec_mount *m,
			struct err *e)
{
	struct op *o = plan_add(p, OP_MOUNT, "mount cgroup on %s", m->destination);
	if (!o)
		return fail(e, E2BIG, "cgroup mounts");
	o->path = mount_destination(c, m);
	o->mount.real_directory = true;
	o->mount.propagation[0] = MS_PRIVATE;
	o->mount.set = attributes(m);
	if (!c->cgroup || !c->cgroup->v2)
		return cgroup_v1_mount(p, c, o, e);
	int rc = check_cgroup_options(m, o->what, e);
	return rc == 0 ? cgroup_v2_mount(p, c, o, e) : rc;
}

bool mount_is_cgroup(const struct spec_mount *m)
{
	return !spec_mount_binds(m) && m->type &&
	       (!strcmp(m->type, "cgroup") || !strcmp(m->type, "cgroup2"));
}

/* A cgroup that is joined late can be shown as soon as it is made; in a cgroup namespace, once that
 * is made. That of v2 is, where there is no unit. */
static int plan_made(struct plan *p, const struct plan_context *c, struct err *e)
{
	if (c->cgroup && c->cgroup->v2)
		return 0;
	if (!p->joins_late || p->joined || p->in_cgroup)
		return plan_join(p, e);
	return plan_add(p, OP_MADE, "wait for the cgroups") ? 0 : fail(e, E2BIG, "cgroup mounts");
}

/* As which option file systems get their label; crun's annotation, which podman gives for systemd.
 */
static int label_kind(struct plan *p, const struct spec *s, struct err *e)
{
	static const char *const kinds[] = { "context", "fscontext", "defcontext", "rootcontext" };
	const char *kind = pairs_get(&s->annotations, NOTE_LABEL_KIND);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!kind || !strcmp(kind, kinds[i])) {
			p->label_kind = kinds[i];
			return 0;
		}
	return refuse(e, EINVAL,
		      "annotations.%s: '%s' is none of context, fscontext, defcontext, rootcontext",
		      NOTE_LABEL_KIND, kind);
}

int mount_plan(struct plan *p, const struct plan_context *c, enum mounts which, struct err *e)
{
	const char *label = c->spec->linux_->mount_label;
	int bad = label_kind(p, c->spec, e);
	if (bad < 0)
		return bad;
	p->mount_label = label_mounts(label) ? label : NULL;
	for (size_t i = 0; i < c->spec->mounts.n; i++) {
		const struct spec_mount *m = &c->spec->mounts.v[i];
		bool cgroup = mount_is_cgroup(m);
		if (which == (cgroup ? MOUNTS_BUT_CGROUPS : MOUNTS_OF_CGROUPS))
			continue;
		/* What is written into memory belongs to the container, too. */
		int rc = cgroup				      ? plan_made(p, c, e)
			 : strs_has(&m->options, "tmpcopyup") ? plan_join(p, e)
							      : 0;
		size_t first = p->n;
		if (rc == 0)
			rc = cgroup ? mount_cgroup(p, c, m, e) : mount_one(p, c, m, e);
		if (rc < 0)
			return within(e, "mounts[%zu]", i);
		while (first < p->n)
			p->v[first++].nth = (unsigned)i + 1;
	}
	return 0;
}

int mount_options_known(struct arena *a, struct strs *out)
{
	size_t count = sizeof(words) / sizeof(words[0]), n = 0;
	const char **v = arena_array(a, 2 * count, sizeof(*v));
	for (size_t i = 0; v && i < count; i++) {
		v[n++] = words[i].name;
		char *r = arena_printf(a, "r%s", words[i].name);
		if (r && !word_find(r) && word_recursive(r))
			v[n++] = r;
	}
	*out = (struct strs){ v, n };
	return v ? 0 : -E2BIG;
}

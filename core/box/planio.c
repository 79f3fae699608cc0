/* planio.c - a plan's ties to the host: what must be open before the child is born; and a plan as
 * text. */
#include "base/file.h"
#include "base/sys.h"
#include "box/hook.h"
#include "box/idmap.h"
#include "box/keep.h"
#include "box/ns.h"
#include "box/plan.h"
#include "box/rootfs.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

/* What shows a tree of the host's: a bind, the root file system unless the caller brought it. */
static const char *source_of(const struct op *o)
{
	bool bind = o->kind == OP_MOUNT && !o->mount.type && !o->mount.inside;
	return o->kind == OP_ROOT ? o->source : bind ? o->mount.source : NULL;
}

static bool joins_mounts(const struct plan *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].kind == OP_JOIN && p->v[i].flags == CLONE_NEWNS)
			return true;
	return false;
}

/* As with runc: so mountinfo, which kernels sort by the age of mounts since 6.8, has them in the
 * spec's order, and one may show what another has brought. Not where the child is somebody else, or
 * somewhere else, and cannot reach them. */
static bool clones_in_order(const struct plan *p)
{
	return p->bundle && p->user_ns < 0 && !(p->clone_flags & CLONE_NEWUSER) && !joins_mounts(p);
}

/* What root of a user namespace may not undo, as the flags of a mount and what lies below another,
 * is locked in its own mount namespace, and so in clones made there, but in none of ours: those are
 * for what it cannot reach. */
static bool wants_locks(const struct plan *p)
{
	bool user_ns = p->clone_flags & CLONE_NEWUSER || p->user_ns_path;
	return p->bundle && user_ns && !joins_mounts(p);
}

/* By the fd of who holds it, which is not for the child to look at. */
static bool is_held(const struct op *o)
{
	const char *source = source_of(o);
	size_t n = source && !strncmp(source, "/proc/", 6) ? strspn(source + 6, "0123456789") : 0;
	return n && !strncmp(source + 6 + n, "/fd/", 4);
}

/* Not what shall be a peer of the host's mount: the child's own mounts are the host's slaves. */
static bool is_for_later(const struct plan *p, const struct op *o)
{
	return p->in_order && !p->old && o->kind == OP_MOUNT && !o->mount.idmap && !o->mount.peer &&
	       !is_held(o);
}

int plan_clone_source(const struct op *o, int dir)
{
	int fd = sys_open_tree(dir, source_of(o),
			       OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC |
				       (o->mount.recursive ? AT_RECURSIVE : 0));
	if (fd >= 0 || errno != EINVAL || !is_held(o))
		return fd < 0 ? -errno : fd;
	fd = openat(dir, source_of(o), O_PATH | O_CLOEXEC); /* what is mounted nowhere: itself */
	return fd < 0 ? -errno : fd;
}

/* The child will not have the bundle's directory at hand. */
static int leave_to_child(struct plan *p, struct op *o, struct err *e)
{
	const char **path = &o->mount.source;
	if (o->kind == OP_MOUNT && **path != '/' &&
	    !(*path = arena_printf(p->arena, "%s/%s", p->bundle, *path)))
		return fail(e, E2BIG, "%s", o->what);
	return 0;
}

#define CLONE_ROOT (OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | AT_EMPTY_PATH)

/* Of the directory that was looked at and is open, whatever its name leads to by now. A slave
 * already, where the kernel makes it so at once: see place_root(). */
static int clone_root(struct op *o)
{
	const struct sys_mount_attr slave = { .propagation = MS_SLAVE };
	int fd = sys_open_tree_attr(o->fd, "", CLONE_ROOT, &slave);
	o->flags = fd >= 0;
	fd = fd >= 0 ? fd : sys_open_tree(o->fd, "", CLONE_ROOT);
	return fd < 0 ? -errno : fd;
}

/* 1 where it is a link, and to be made again in the place of a mount. */
static int source_link(struct plan *p, struct op *o, int bundle_dir, struct err *e)
{
	char target[PATH_MAX];
	if (o->kind != OP_MOUNT || !o->mount.copy_link)
		return 0;
	ssize_t n = readlinkat(bundle_dir, o->mount.source, target, sizeof(target));
	if (n < 0)
		return errno == EINVAL ? 0 : fail(e, errno, "%s: %s", o->what, o->mount.source);
	o->kind = OP_SYMLINK;
	o->source = arena_strn(p->arena, target, (size_t)n);
	return o->source && n < PATH_MAX ? 1 : fail(e, ENAMETOOLONG, "%s", o->what);
}

/* A detached clone of the source: made here, where its path means what the caller meant. */
static int open_source(struct plan *p, struct op *o, int bundle_dir, struct err *e)
{
	int link = source_link(p, o, bundle_dir, e);
	if (link)
		return link < 0 ? link : 0;
	if (is_for_later(p, o))
		return leave_to_child(p, o, e);
	int fd = p->old		      ? -ENOSYS
		 : o->kind == OP_ROOT ? clone_root(o)
				      : plan_clone_source(o, bundle_dir);
	put_fd(&o->fd, fd < 0 ? -1 : fd);
	if (fd >= 0)
		return wants_locks(p) ? leave_to_child(p, o, e) : 0;
	p->old = p->old || fd == -ENOSYS;
	if ((p->old || fd == -EPERM) && p->bundle)
		return leave_to_child(p, o, e);
	return o->kind == OP_ROOT ? fail(e, fd, "root file system %s", o->source)
				  : fail(e, fd, "%s: %s", o->what, o->mount.source);
}

/* Once more, in the child's own mount namespace. */
static int open_named(const struct plan *p, const struct op *o)
{
	auto_close int bundle = openat(-1, p->bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (o->kind == OP_ROOT)
		return rootfs_named(bundle, o->source, NULL);
	int fd = openat(bundle, source_of(o), O_PATH | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int clone_named(const struct plan *p, struct op *o)
{
	if (o->kind != OP_ROOT)
		return plan_clone_source(o, -1);
	auto_close int root = open_named(p, o);
	int fd = root < 0 ? -1 : sys_open_tree(root, "", CLONE_ROOT);
	return root < 0 ? root : fd < 0 ? -errno : fd;
}

/* A clone is made when it is mounted. */
static size_t open_all(struct plan *p, int *rc)
{
	for (size_t i = 0; i < p->n; i++) {
		struct op *o = &p->v[i];
		if (!source_of(o))
			continue;
		int fd = open_named(p, o);
		put_fd(&o->fd, fd < 0 ? -1 : fd);
		if (fd < 0) {
			*rc = fd;
			return i;
		}
	}
	return p->n;
}

size_t plan_open_rest(struct plan *p, int *rc)
{
	if (p->old)
		return open_all(p, rc);
	for (size_t i = 0; i < p->n; i++) {
		struct op *o = &p->v[i];
		if (!source_of(o) || is_for_later(p, o) || (o->fd >= 0 && !wants_locks(p)))
			continue;
		int fd = clone_named(p, o);
		if (fd >= 0) {
			put_fd(&o->fd, fd);
			o->flags = 0;
		} else if (o->fd < 0) {
			*rc = fd;
			return i;
		}
	}
	return p->n;
}

/* What is no namespace is not opened to the end: a fifo would wait for its other end. */
static int open_namespace(const char *path, uint64_t type, int bundle_dir, struct err *e)
{
	auto_close int fd = openat(bundle_dir, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return fail(e, errno, "linux.namespaces: %s %.200s", ns_type(type), path);
	int is = ioctl(fd, NS_GET_NSTYPE);
	if (is < 0)
		return refuse(e, EINVAL, "linux.namespaces: %s %s: not a namespace", ns_type(type),
			      path);
	if ((uint64_t)(unsigned)is != type)
		return refuse(e, EINVAL, "linux.namespaces: %s %s: of another type", ns_type(type),
			      path);
	return take_fd(&fd);
}

/* Given by path, a namespace may be our own, which is the host's. */
static int check_sysctl(const struct plan *p, const struct op *sysctl, struct err *e)
{
	uint64_t type = ns_of_sysctl(sysctl->path);
	for (size_t i = 0; i < p->n; i++) {
		struct stat joined, own;
		const struct op *o = &p->v[i];
		if (o->kind != OP_JOIN || o->flags != type)
			continue;
		if (fstat(o->fd, &joined) < 0 || ns_own(type, &own) < 0)
			return fail(e, errno, "%s", sysctl->what);
		if (joined.st_ino == own.st_ino && joined.st_dev == own.st_dev)
			return refuse(e, EINVAL,
				      "linux.%s: not allowed in the host's namespace, which %s is",
				      sysctl->what + strlen("set "), o->path);
	}
	return 0;
}

int op_within(enum op_kind kind, unsigned nth, struct err *e)
{
	static const char *const fields[OP_KINDS] = {
		[OP_HOSTNAME] = "hostname",	 [OP_DOMAINNAME] = "domainname",
		[OP_ROOT] = "root.path",	 [OP_SYSCTL] = "linux.sysctl",
		[OP_MASK] = "linux.maskedPaths", [OP_READONLY] = "linux.readonlyPaths",
		[OP_LIMIT] = "process.rlimits",	 [OP_CHDIR] = "process.cwd",
		[OP_USER] = "process.user",
	};
	if (nth)
		return within(e, "%s[%u]", kind == OP_MKNOD ? "linux.devices" : "mounts", nth - 1);
	if (kind < OP_KINDS && fields[kind])
		return within(e, "%s", fields[kind]);
	return e ? -e->code : -EIO;
}

/* Of what the child clones, once it asks for it. */
static int map_ids(struct plan *p, struct op *o, struct err *e)
{
	if (!p->last) {
		p->last = arena_alloc(p->arena, sizeof(*p->last));
		if (!p->last)
			return fail(e, E2BIG, "%s", o->what);
		*p->last = (struct idmap_last){ .fd = -1 };
	}
	o->mount.idmap_late = o->mount.inside || (o->fd >= 0 && wants_locks(p));
	return o->mount.idmap_late ? 0 : idmap_apply(p, o, o->fd, e);
}

int plan_open(struct plan *p, int bundle_dir, struct err *e)
{
	int rc = 0;
	if (p->pid_ns_path)
		rc = p->pid_ns = open_namespace(p->pid_ns_path, CLONE_NEWPID, bundle_dir, e);
	if (rc >= 0 && p->user_ns_path)
		rc = p->user_ns = open_namespace(p->user_ns_path, CLONE_NEWUSER, bundle_dir, e);
	p->in_order = clones_in_order(p);
	if (rc >= 0 && p->notes)
		rc = hook_files(p->notes, p->hook_out, e);
	for (size_t i = 0; rc >= 0 && i < p->n; i++) {
		struct op *o = &p->v[i];
		if (source_of(o)) {
			rc = open_source(p, o, bundle_dir, e);
			rc = rc < 0 ? op_within(o->kind, o->nth, e) : rc;
		} else if (o->kind == OP_JOIN && o->path) {
			rc = o->fd = open_namespace(o->path, o->flags, bundle_dir, e);
		} else if (o->kind == OP_SYSCTL) {
			rc = check_sysctl(p, o, e);
		} else if (o->kind == OP_HOOK) {
			memcpy(o->exec.out, p->hook_out, sizeof(p->hook_out));
		}
		if (rc >= 0 && o->kind == OP_MOUNT && o->mount.idmap)
			rc = map_ids(p, o, e);
	}
	return rc < 0 ? rc : 0;
}

void plan_take(struct plan *p, struct keep *to)
{
	keep_take(to, &p->pid_ns);
	keep_take(to, &p->user_ns);
	hook_files_close(p->hook_out);
	if (p->last)
		keep_take(to, &p->last->fd);
	device_nodes_unlink(p);
	for (size_t i = 0; i < p->n; i++) {
		struct op *o = &p->v[i];
		if (source_of(o) || o->kind == OP_MKNOD || (o->kind == OP_JOIN && o->path))
			keep_take(to, &o->fd);
	}
}

static void print_mount(const struct op_mount *m, struct buf *out)
{
	for (size_t i = 0; i < m->options.n; i++)
		buf_printf(out, " %s%s%s", m->options.v[i].key, m->options.v[i].value ? "=" : "",
			   m->options.v[i].value ? m->options.v[i].value : "");
	if (m->set || m->clear)
		buf_printf(out, " set=%#" PRIx64 " clear=%#" PRIx64, m->set, m->clear);
	if (m->set_recursive || m->clear_recursive)
		buf_printf(out, " rset=%#" PRIx64 " rclear=%#" PRIx64, m->set_recursive,
			   m->clear_recursive);
	for (size_t i = 0; i < MOUNT_PROPAGATIONS && m->propagation[i]; i++)
		buf_printf(out, "%s%#" PRIx64, i ? "," : " propagation=", m->propagation[i]);
}

void plan_print(const struct plan *p, struct buf *out)
{
	buf_printf(out, "clone %#" PRIx64 "\n", p->clone_flags);
	for (size_t i = 0; i < p->n; i++) {
		const struct op *o = &p->v[i];
		buf_str(out, o->what);
		if (o->kind == OP_MOUNT || o->kind == OP_REMOUNT)
			print_mount(&o->mount, out);
		else if (o->kind == OP_BOUND || o->kind == OP_CAPS)
			buf_printf(out,
				   " %#" PRIx64 " %#" PRIx64 " %#" PRIx64 " %#" PRIx64 " %#" PRIx64,
				   o->caps.bounding, o->caps.effective, o->caps.permitted,
				   o->caps.inheritable, o->caps.ambient);
		else if (o->flags)
			buf_printf(out, " %#" PRIx64, o->flags);
		buf_char(out, '\n');
	}
}

/* applyfs.c - the child makes its file system: mounts by fd, targets resolved inside the root. */
#include "base/file.h"
#include "base/sys.h"
#include "base/walk.h"
#include "box/apply.h"
#include "box/copyup.h"
#include "box/rootfs.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

static int set_attributes(struct self *s, int mount, uint64_t set, uint64_t clear, bool recursive)
{
	const struct sys_mount_attr attr = { .attr_set = set, .attr_clr = clear };
	return mountfd_set(&s->stage, mount, &attr, recursive);
}

static int set_propagation(struct self *s, int mount, uint64_t propagation)
{
	const struct sys_mount_attr attr = { .propagation = propagation & ~(uint64_t)MS_REC };
	return mountfd_set(&s->stage, mount, &attr, propagation & MS_REC);
}

/* All of a mount's attributes and propagations, in as few calls as say the same. */
static int set_all(struct self *s, int mount, const struct op_mount *m)
{
	bool late = m->type && mount_readonly_later(m);
	bool together = !(m->propagation[0] & MS_REC);
	struct sys_mount_attr own = { .attr_set = !m->type ? m->set
						  : late   ? MOUNT_ATTR_RDONLY
							   : 0,
				      .attr_clr = m->type ? 0 : m->clear };
	if (together)
		own.propagation = m->propagation[0];
	int rc = mountfd_set(&s->stage, mount, &own, false);
	if (rc == 0)
		rc = set_attributes(s, mount, m->set_recursive, m->clear_recursive, true);
	for (size_t i = together; rc == 0 && i < MOUNT_PROPAGATIONS; i++)
		rc = set_propagation(s, mount, m->propagation[i]);
	return rc;
}

int apply_propagation(struct self *s, const struct op *o)
{
	(void)s;
	return mount(NULL, "/", NULL, o->flags, NULL) < 0 ? -errno : 0;
}

/* There is no mount API: what our parent opened is of its mount namespace, and of no use. */
static int go_old(struct self *s)
{
	struct plan *p = s->setup->plan;
	if (p->host_mounts) {
		snprintf(s->words, sizeof(s->words), "without a mount namespace, on Linux < 5.12");
		return -ENOTSUP;
	}
	s->stage.old = true;
	if (p->old)
		return 0;
	p->old = true;
	int rc = self_join(s); /* whose directories are among the sources */
	if (rc < 0)
		return rc;
	size_t failed = plan_open_rest(p, &rc);
	if (failed < p->n)
		snprintf(s->words, sizeof(s->words), "%s", p->v[failed].what);
	return rc;
}

/* Hooks that are the host's run after it: what is in their way is not to be covered, by whoever
 * swaps a directory for a link. */
static int open_place(struct self *s, const struct op *o)
{
	const struct plan *p = s->setup->plan;
	auto_close int from = p->root_named ? open(p->bundle, O_PATH | O_DIRECTORY | O_CLOEXEC)
					    : -1;
	s->place = p->root_named ? rootfs_named(from, p->root_named, NULL)
				 : open(o->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return s->place >= 0 ? 0 : p->root_named ? s->place : -errno;
}

/* Root of a user namespace is nobody outside it, and may not pass where only root may. */
int apply_place(struct self *s, const struct op *o)
{
	int rc = open_place(s, o);
	if (rc < 0)
		return rc;
	return s->setup->plan->old || !mountfd_api() ? go_old(s) : 0;
}

static int place_root(struct self *s, const struct op *o)
{
	unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_SYMLINKS;
	int rc = o->flags ? 0 : set_propagation(s, o->fd, MS_SLAVE | MS_REC);
	if (rc == 0 && s->place < 0 && s->setup->plan->root_named)
		rc = open_place(s, o);
	if (rc < 0)
		return rc;
	if (s->place >= 0)
		return mountfd_attach(&s->stage, o->fd, s->place);
	return sys_move_mount(o->fd, "", AT_FDCWD, o->path, flags) < 0 ? -errno : 0;
}

/* The same over the stage. */
static int place_root_old(struct self *s, struct op *o)
{
	int rc = go_old(s);
	if (rc < 0)
		return rc;
	if (s->place < 0)
		rc = open_place(s, o);
	int fd = rc < 0 ? rc : mountfd_copy(&s->stage, o->fd, "", true);
	if (fd < 0)
		return fd;
	put_fd(&o->fd, fd);
	o->flags = 0;
	return place_root(s, o);
}

int apply_root(struct self *s, const struct op *o)
{
	struct op *own = &s->setup->plan->v[o - s->setup->plan->v];
	int rc = s->setup->plan->old ? -ENOSYS : place_root(s, o);
	if (rc == -ENOSYS)
		rc = place_root_old(s, own);
	if (rc < 0)
		return rc;
	put_fd(&s->place, -1);
	s->root = o->fd;
	return 0;
}

static int is_directory(int fd)
{
	struct stat st;
	return fstat(fd, &st) < 0 ? -errno : S_ISDIR(st.st_mode);
}

/* Since then only the kernel's own file systems were mounted, elsewhere, and not by links. */
static bool untouched(const struct op *last, const struct op *o)
{
	for (const struct op *between = last + 1; between < o; between++)
		if (between->kind != OP_MOUNT || !between->mount.real_directory ||
		    !paths_apart(between->path, last->path))
			return false;
	return true;
}

/* Whether o's path is in the directory that is open as s->parent. */
static bool beside_last(const struct self *s, const struct op *o, const char *slash)
{
	const struct op *last = s->parent_op;
	size_t n = slash ? (size_t)(slash - o->path) : 0;
	return s->parent >= 0 && slash && untouched(last, o) && !strncmp(last->path, o->path, n) &&
	       last->path[n] == '/' && !strchr(last->path + n + 1, '/') && slash[1] &&
	       slash[1] != '.';
}

/* Whether the one before mounted a tmpfs, which is empty, on the directory that o's path is in. */
static bool below_new(const struct self *s, const struct op *o, const char *slash)
{
	const struct op *last = o > s->setup->plan->v ? o - 1 : NULL;
	size_t n = slash && slash[1] != '.' ? (size_t)(slash - o->path) : 0;
	return n && slash[1] && last && last->kind == OP_MOUNT && last->mount.type &&
	       !strcmp(last->mount.type, "tmpfs") && !last->mount.copy_up &&
	       strlen(last->path) == n && !strncmp(last->path, o->path, n);
}

/* The directory that o's path is in: most often that of the one before. It stays open. */
static int parent_of(struct self *s, const struct op *o, const char **name)
{
	const char *slash = strrchr(o->path, '/');
	if (beside_last(s, o, slash)) {
		*name = slash + 1;
	} else {
		later_fdp(&s->parent);
		s->parent_new = below_new(s, o, slash);
		s->parent = rootfs_parent(s->root, o->path, name);
	}
	s->parent_op = o;
	return s->parent;
}

/* A directory that was missing, and what it is in; -EEXIST when it is not. */
static int make_target(struct self *s, const struct op *o, const char **name)
{
	int dir = parent_of(s, o, name);
	return dir < 0 ? dir : mkdirat(dir, *name, 0755) < 0 ? -EEXIST : dir;
}

static int missing_target(struct self *s, const struct op *o)
{
	const char *name;
	int dir = make_target(s, o, &name);
	if (dir < 0)
		return dir;
	int fd = openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Where one was missing, so is the next; and all is, where the one before mounted a tmpfs. */
static bool likely_missing(const struct self *s, const struct op *o)
{
	const char *slash = strrchr(o->path, '/');
	return beside_last(s, o, slash) || below_new(s, o, slash);
}

static int open_target(struct self *s, const struct op *o)
{
	if (o->mount.real_directory)
		return rootfs_open_real(s->root, o->path, O_PATH | O_DIRECTORY);
	int fd = rootfs_open_target(s->root, o->path);
	if (fd == -EOPNOTSUPP)
		snprintf(s->words, sizeof(s->words), "a link leads into /proc");
	return fd;
}

/* made: it was not there. */
static int mount_target(struct self *s, const struct op *o, bool directory, bool *made)
{
	int fd = directory && likely_missing(s, o) ? missing_target(s, o) : -EEXIST;
	*made = fd != -EEXIST;
	if (fd != -EEXIST)
		return fd;
	fd = open_target(s, o);
	if (fd >= 0 || fd == -EOPNOTSUPP || (o->mount.real_directory && fd != -ENOENT))
		return fd;
	*made = true;
	if (directory && fd == -ENOENT && (fd = missing_target(s, o)) >= 0)
		return fd;
	/* Opened once more, as this follows a link that somebody has put there meanwhile. */
	close_later int there = rootfs_make(s->root, o->path, directory);
	return there < 0 ? there : open_target(s, o);
}

/* What mount(2) can say in one call. */
static bool is_plain(const struct op_mount *m)
{
	return !m->copy_up && !m->propagation[0] && !m->set_recursive && !m->clear_recursive &&
	       !mount_readonly_later(m) && m->idmap == IDMAP_NOT;
}

/* A clone, which is set as it is to be before it is seen. */
static int attach_bind(struct self *s, const struct op *o, int fd, bool directory)
{
	const char *name;
	int rc = set_all(s, fd, &o->mount);
	int dir = rc == 0 && directory && likely_missing(s, o) ? make_target(s, o, &name) : -EEXIST;
	if (rc < 0 || dir >= 0)
		return rc < 0 ? rc : mountfd_attach_in(&s->stage, fd, dir, name);
	bool made;
	close_later int target = mount_target(s, o, directory, &made);
	if (target < 0)
		return target;
	rc = mountfd_attach(&s->stage, fd, target);
	return rc == -EINVAL && is_directory(target) != directory ? -ENOTDIR : rc;
}

/* As with runc, a tmpfs that is told no mode has that of the directory which it covers. */
static int take_mode(int covered, struct op_mount *m, char text[8])
{
	struct stat st;
	if (fstat(covered, &st) < 0)
		return -errno;
	snprintf(text, 8, "%o", st.st_mode & 07777);
	m->options.v[m->options.n++] = (struct mount_option){ "mode", text };
	return 0;
}

/* Whether o's directory is made here, where nobody else comes. */
static bool is_ours_to_make(const struct self *s, const struct op *o)
{
	const char *slash = strrchr(o->path, '/');
	return beside_last(s, o, slash) ? s->parent_new : below_new(s, o, slash);
}

static int mount_new(struct self *s, const struct op *o)
{
	struct op_mount m = o->mount;
	const struct mount_words words = { s->words, sizeof(s->words) };
	const char *name;
	char mode[8];
	bool made, plain = is_plain(&m);
	int dir = plain && is_ours_to_make(s, o) ? make_target(s, o, &name) : -EEXIST;
	if (dir >= 0 && mountfd_new_in(dir, name, &m) == 0)
		return 0;
	close_later int target = mount_target(s, o, true, &made);
	bool covers = dir < 0 && !made;
	int rc = target < 0 ? target : m.takes_mode && covers ? take_mode(target, &m, mode) : 0;
	if (rc < 0)
		return rc;
	if (plain && mountfd_new_in(target, "", &m) == 0)
		return 0;
	/* The long way says why not. */
	close_later int fd = mountfd_new(&s->stage, &m, &words);
	rc = fd < 0 ? fd : m.copy_up ? copyup(target, fd) : 0;
	if (rc == 0)
		rc = set_all(s, fd, &m);
	if (rc == 0)
		rc = mountfd_attach(&s->stage, fd, target);
	return rc == -EINVAL && is_directory(target) != true ? -ENOTDIR : rc;
}

/* What an earlier mount of the container's shows, by a path that cannot leave its root. */
static int clone_inside(struct self *s, const struct op_mount *m)
{
	close_later int source = rootfs_open(s->root, m->inside, O_PATH);
	return source < 0 ? source : mountfd_copy(&s->stage, source, "", m->recursive);
}

/* A cgroup's directory, of which no more is wanted. Else the long way says why not. */
static bool bind_directory(struct self *s, const struct op *o)
{
	const char *name;
	int dir = s->stage.old || !likely_missing(s, o) ? -1 : make_target(s, o, &name);
	return dir >= 0 && mountfd_bind_in(o->mount.source, dir, name) == 0;
}

int apply_mount(struct self *s, const struct op *o)
{
	const struct op_mount *m = &o->mount;
	if (m->type)
		return mount_new(s, o);
	if (m->idmap && s->stage.old) {
		snprintf(s->words, sizeof(s->words), "id-mapped mounts need Linux 5.12");
		return -ENOTSUP;
	}
	bool there = !s->stage.old && o->fd >= 0;
	if (!there && m->directory && bind_directory(s, o))
		return 0;
	close_later int made = there	      ? -1
			       : m->inside    ? clone_inside(s, m)
			       : s->stage.old ? mountfd_copy(&s->stage, o->fd, "", m->recursive)
					      : plan_clone_source(o, -1);
	if (!there && made < 0) {
		snprintf(s->words, sizeof(s->words), "%s", m->source);
		return made;
	}
	int fd = made >= 0 ? made : o->fd;
	int rc = m->idmap_late ? self_idmap(s, o, fd) : 0;
	int directory = rc < 0 ? rc : m->directory || m->real_directory ? 1 : is_directory(fd);
	return directory < 0 ? directory : attach_bind(s, o, fd, directory);
}

int apply_reconfigure(struct self *s, const struct op *o)
{
	close_later int target = rootfs_open(s->root, o->path, O_PATH);
	if (target < 0)
		return target;
	int rc = mountfd_reconfigure(target, &o->mount);
	if (rc == 0)
		rc = set_attributes(s, target, o->mount.set_recursive, o->mount.clear_recursive,
				    true);
	for (size_t i = 0; rc == 0 && i < MOUNT_PROPAGATIONS; i++)
		rc = set_propagation(s, target, o->mount.propagation[i]);
	return rc;
}

/* A node that is there already will do if it is the very device. */
static int same_device(int dir, const char *name, const struct op_device *d)
{
	struct stat st;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	bool same = (st.st_mode & S_IFMT) == (d->mode & S_IFMT) && st.st_rdev == d->number;
	return same ? 0 : -EEXIST;
}

/* In a user namespace: what our parent made, or the host's own node, looked at before it is shown.
 */
static int bind_device(struct self *s, const struct op *o)
{
	const struct sys_mount_attr attr = { .attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC };
	auto_close int host = o->fd >= 0 ? -1 : mountfd_copy(&s->stage, AT_FDCWD, o->path, false);
	int node = o->fd >= 0 ? o->fd : host;
	struct stat st;
	if (node < 0)
		return node;
	if (fstat(node, &st) < 0)
		return -errno;
	if ((st.st_mode & S_IFMT) != (o->device.mode & S_IFMT) || st.st_rdev != o->device.number)
		return -ENODEV;
	int rc = host < 0 ? 0 : mountfd_set(&s->stage, host, &attr, false);
	if (rc < 0)
		return rc;
	auto_close int target = rootfs_make(s->root, o->path, false);
	return target < 0 ? target : mountfd_attach(&s->stage, node, target);
}

int apply_mknod(struct self *s, const struct op *o)
{
	const struct op_device *d = &o->device;
	const char *name;
	if (d->bind)
		return bind_device(s, o);
	int dir = parent_of(s, o, &name);
	if (dir < 0)
		return dir;
	if (mknodat(dir, name, d->mode, d->number) < 0) { /* the umask is 0 */
		int rc = -errno;
		/* EPERM: we are root of a user namespace ourselves, as in a container. */
		return rc == -EEXIST				? same_device(dir, name, d)
		       : rc == -EPERM && bind_device(s, o) == 0 ? 0
								: rc;
	}
	bool owned = d->uid || d->gid;
	return owned && fchownat(dir, name, d->uid, d->gid, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

int apply_symlink(struct self *s, const struct op *o)
{
	const char *name;
	int dir = parent_of(s, o, &name);
	if (dir < 0)
		return dir;
	if (o->flags && faccessat(AT_FDCWD, o->source, F_OK, 0) < 0)
		return 0;
	if (symlinkat(o->source, dir, name) == 0)
		return 0;
	if (errno != EEXIST || !o->mount.copy_link)
		return errno == EEXIST ? 0 : -errno;
	char there[PATH_MAX];
	ssize_t n = readlinkat(dir, name, there, sizeof(there));
	bool same = n >= 0 && (size_t)n == strlen(o->source) &&
		    !memcmp(there, o->source, (size_t)n);
	return same ? 0 : -EEXIST;
}

/* The container's own null device, or ours: looked at before it is shown, never whatever the image
 * calls /dev/null. Ours is read-only, or its root could change the mode that it has for all. */
static int null_mount(struct self *s)
{
	if (s->null >= 0)
		return mountfd_copy(&s->stage, s->null, "", false);
	close_later int own = rootfs_open_real(s->root, "/dev/null", O_PATH);
	if (own >= 0 && fd_is_null(own))
		return mountfd_copy(&s->stage, own, "", false);
	auto_close int fd = mountfd_copy(&s->stage, AT_FDCWD, "/dev/null", false);
	if (fd < 0)
		return fd;
	int rc = fd_is_null(fd) ? set_attributes(s, fd, MOUNT_ATTR_RDONLY, 0, false) : -ENODEV;
	return rc < 0 ? rc : take_fd(&fd);
}

/* The first is made, the rest are clones of it: clones of what is attached work on every kernel. */
static int mask_directory(struct self *s, const struct op *o, int target)
{
	struct mount_option options[] = { { "size", "4k" }, { "mode", "755" } };
	struct op_mount m = { .type = "tmpfs",
			      .source = "tmpfs",
			      .options = { options, 2 },
			      .super = MS_RDONLY,
			      .set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
				     MOUNT_ATTR_NOEXEC };
	if (s->empty >= 0) {
		close_later int fd = mountfd_copy(&s->stage, s->empty, "", false);
		return fd < 0 ? fd : mountfd_attach(&s->stage, fd, target);
	}
	if (mountfd_new_in(target, "", &m) == 0) {
		s->empty = rootfs_open(s->root, o->path, O_PATH);
		return s->empty < 0 ? s->empty : 0;
	}
	s->empty = mountfd_new(&s->stage, &m, &(struct mount_words){ NULL, 0 });
	return s->empty < 0 ? s->empty : mountfd_attach(&s->stage, s->empty, target);
}

int apply_mask(struct self *s, const struct op *o)
{
	close_later int directory = rootfs_open(s->root, o->path, O_PATH | O_DIRECTORY);
	if (directory >= 0)
		return mask_directory(s, o, directory);
	close_later int target = directory == -ENOTDIR ? rootfs_open(s->root, o->path, O_PATH)
						       : directory;
	if (target < 0)
		return target == -ENOENT || target == -ENOTDIR ? 0 : target;
	close_later int null = null_mount(s);
	int rc = null < 0 ? null : mountfd_attach(&s->stage, null, target);
	if (rc == 0 && s->null < 0)
		s->null = take_fd(&null);
	return rc;
}

int apply_readonly(struct self *s, const struct op *o)
{
	close_later int target = rootfs_open(s->root, o->path, O_PATH);
	if (target == -ENOENT || target == -ENOTDIR)
		return 0;
	if (target < 0)
		return target;
	close_later int fd = mountfd_copy(&s->stage, target, "", true);
	if (fd < 0)
		return fd;
	int rc = set_attributes(s, fd, MOUNT_ATTR_RDONLY, 0, false); /* what is below stays */
	return rc < 0 ? rc : mountfd_attach(&s->stage, fd, target);
}

int apply_remount(struct self *s, const struct op *o)
{
	const struct op_mount *m = &o->mount;
	const struct sys_mount_attr attr = { .attr_set = m->set | m->set_recursive,
					     .propagation = m->propagation[0] & ~(uint64_t)MS_REC };
	close_later int fd = rootfs_open(s->root, o->path, O_PATH);
	return fd < 0 ? fd
		      : mountfd_set(&s->stage, fd, &attr,
				    m->set_recursive || m->propagation[0] & MS_REC);
}

/* No other may be made once / is the container's own and there is no mount API, or none for it. */
static int the_container_s_proc(void)
{
	struct statfs fs;
	struct stat st;
	auto_close int fd = open("/proc", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstatfs(fd, &fs) < 0 || fstat(fd, &st) < 0)
		return -errno;
	return fs.f_type == PROC_SUPER_MAGIC && st.st_ino == 1 ? take_fd(&fd) : -ENOSYS;
}

int own_proc(struct self *s)
{
	struct op_mount m = { .type = "proc", .source = "proc" };
	const struct mount_words words = { s->words, sizeof(s->words) };
	if (s->proc >= 0)
		return s->proc;
	bool inside = s->root < 0;
	int fd = mountfd_new(inside ? NULL : &s->stage, &m, &words);
	int rc = fd < 0 || inside ? 0 : mountfd_hold(&s->stage, fd);
	if (inside && (fd == -ENOSYS || fd == -EPERM)) /* the second: of the container's filter */
		fd = the_container_s_proc();
	return s->proc = rc < 0 ? rc : fd;
}

int apply_sysctl(struct self *s, const struct op *o)
{
	int proc = own_proc(s);
	if (proc < 0)
		return proc;
	auto_close int sys = openat(proc, "sys", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct open_how how = { .flags = O_WRONLY | O_CLOEXEC,
				.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
					   RESOLVE_NO_XDEV };
	auto_close int fd = sys < 0 ? -errno : walk_open(sys, o->path, &how);
	if (fd < 0)
		return fd;
	return write(fd, o->source, strlen(o->source)) < 0 ? -errno : 0;
}

int apply_pivot(struct self *s, const struct op *o)
{
	/* A whole /proc, nothing of it masked: nobody is to find his way through it. */
	put_fd(&s->proc, -1);
	stage_close(&s->stage);
	if (fchdir(s->root) < 0)
		return -errno;
	if (o->flags == ROOT_COVER) /* an initramfs cannot be pivoted away */
		return nopivot_enter(s);
	if (o->flags == ROOT_CHROOT)
		return chroot(".") < 0 || chdir("/") < 0 ? -errno : 0;
	/* The old root lies on the new one, and "." is what lies on top: pivot_root(2). It is a
	 * slave, so taking it away here takes nothing away on the host. We stand in the new one. */
	if (sys_pivot_root(".", ".") < 0 || umount2(".", MNT_DETACH) < 0)
		return -errno;
	s->at_root = true;
	return 0;
}

int apply_chroot(struct self *s, const struct op *o)
{
	(void)s;
	return fchdir(o->fd) < 0 || chroot(".") < 0 || chdir("/") < 0 ? -errno : 0;
}

int apply_root_readonly(struct self *s, const struct op *o)
{
	(void)o;
	return set_attributes(s, s->root, MOUNT_ATTR_RDONLY, 0, false);
}

int apply_make_dir(struct self *s, const struct op *o)
{
	auto_close int fd = rootfs_make(s->root, o->path, true);
	return fd == -EROFS ? 0 : fd < 0 ? fd : 0; /* chdir will say that it is not there */
}

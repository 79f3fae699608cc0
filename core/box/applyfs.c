/* applyfs.c - the child makes its file system: mounts by fd, targets resolved inside the root. */
#include "base/file.h"
#include "base/sys.h"
#include "box/apply.h"
#include "box/rootfs.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <termios.h>

static int attach(int mount, int target)
{
	unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
	return sys_move_mount(mount, "", target, "", flags) < 0 ? -errno : 0;
}

static int set_attr(int mount, const struct sys_mount_attr *attr, bool recursive)
{
	unsigned flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
	if (!attr->attr_set && !attr->attr_clr && !attr->propagation)
		return 0;
	return sys_mount_setattr(mount, "", flags, attr) < 0 ? -errno : 0;
}

static int set_attributes(int mount, uint64_t set, uint64_t clear, bool recursive)
{
	return set_attr(mount, &(struct sys_mount_attr){ .attr_set = set, .attr_clr = clear },
			recursive);
}

static int set_propagation(int mount, uint64_t propagation)
{
	const struct sys_mount_attr attr = { .propagation = propagation & ~(uint64_t)MS_REC };
	return set_attr(mount, &attr, propagation & MS_REC);
}

/* All of a mount's attributes and propagations, in as few calls as say the same. */
static int set_all(int mount, const struct op_mount *m)
{
	struct sys_mount_attr own = { .attr_set = m->type ? 0 : m->set,
				      .attr_clr = m->type ? 0 : m->clear };
	bool together = !(m->propagation[0] & MS_REC);
	if (together)
		own.propagation = m->propagation[0];
	int rc = set_attr(mount, &own, false);
	if (rc == 0)
		rc = set_attributes(mount, m->set_recursive, m->clear_recursive, true);
	if (rc == 0 && !together)
		rc = set_propagation(mount, m->propagation[0]);
	return rc == 0 ? set_propagation(mount, m->propagation[1]) : rc;
}

int apply_propagation(struct self *s, const struct op *o)
{
	(void)s;
	return mount(NULL, "/", NULL, o->flags, NULL) < 0 ? -errno : 0;
}

/* Root of a user namespace is nobody outside it, and may not pass where only root may. */
int apply_place(struct self *s, const struct op *o)
{
	s->place = open(o->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return s->place < 0 ? -errno : 0;
}

int apply_root(struct self *s, const struct op *o)
{
	int rc = set_propagation(o->fd, MS_SLAVE | MS_REC);
	if (rc < 0)
		return rc;
	unsigned flags = MOVE_MOUNT_F_EMPTY_PATH |
			 (s->place < 0 ? MOVE_MOUNT_T_SYMLINKS : MOVE_MOUNT_T_EMPTY_PATH);
	if (sys_move_mount(o->fd, "", s->place < 0 ? AT_FDCWD : s->place,
			   s->place < 0 ? o->path : "", flags) < 0)
		return -errno;
	put_fd(&s->place, -1);
	s->root = o->fd;
	return 0;
}

static int configure(int fs, const struct op_mount *m)
{
	/* Some file systems take no source; those that need one will say so at the end. */
	sys_fsconfig(fs, FSC_STRING, "source", m->source, 0);
	for (size_t i = 0; i < m->options.n; i++) {
		const struct mount_option *opt = &m->options.v[i];
		int rc = opt->value ? sys_fsconfig(fs, FSC_STRING, opt->key, opt->value, 0)
				    : sys_fsconfig(fs, FSC_FLAG, opt->key, NULL, 0);
		if (rc < 0)
			return -errno;
	}
	return sys_fsconfig(fs, FSC_CREATE, NULL, NULL, 0) < 0 ? -errno : 0;
}

/* "e tmpfs: Unknown parameter 'x'": the last of them. */
static void hear_kernel(struct self *s, int fs)
{
	ssize_t n;
	while ((n = read(fs, s->words, sizeof(s->words) - 1)) > 0)
		s->words[n] = 0;
	s->words[strcspn(s->words, "\n")] = 0;
	if (s->words[0] && s->words[1] == ' ')
		memmove(s->words, s->words + 2, strlen(s->words + 2) + 1);
}

/* mode: for a tmpfs that is told none; NULL: the kernel's. */
static int new_file_system(struct self *s, const struct op_mount *m, const char *mode)
{
	auto_close int fs = sys_fsopen(m->type, FSOPEN_CLOEXEC);
	if (fs < 0)
		return -errno;
	int rc = mode && sys_fsconfig(fs, FSC_STRING, "mode", mode, 0) < 0 ? -errno
									   : configure(fs, m);
	if (rc < 0) {
		hear_kernel(s, fs);
		return rc;
	}
	int fd = sys_fsmount(fs, FSMOUNT_CLOEXEC, (unsigned)m->set);
	return fd < 0 ? -errno : fd;
}

static int is_directory(int fd)
{
	struct stat st;
	return fstat(fd, &st) < 0 ? -errno : S_ISDIR(st.st_mode);
}

static int mount_target(const struct self *s, const struct op *o, bool directory)
{
	if (!o->mount.real_directory)
		return rootfs_make(s->root, o->path, directory);
	int fd = rootfs_open_real(s->root, o->path, O_PATH | O_DIRECTORY);
	return fd == -ENOENT ? rootfs_make(s->root, o->path, directory) : fd;
}

/* As with runc, a tmpfs that is told no mode has that of the directory which it covers. */
static const char *covered_mode(const struct self *s, const struct op *o, char mode[8])
{
	struct stat st;
	if (strcmp(o->mount.type, "tmpfs") != 0)
		return NULL;
	for (size_t i = 0; i < o->mount.options.n; i++)
		if (!strcmp(o->mount.options.v[i].key, "mode"))
			return NULL;
	auto_close int fd = rootfs_make(s->root, o->path, true);
	if (fd < 0 || fstat(fd, &st) < 0)
		return NULL;
	snprintf(mode, 8, "%o", (unsigned)st.st_mode & 07777);
	return mode;
}

int apply_mount(struct self *s, const struct op *o)
{
	const struct op_mount *m = &o->mount;
	char mode[8];
	auto_close int made = m->type ? new_file_system(s, m, covered_mode(s, o, mode)) : -1;
	if (m->type && made < 0)
		return made;
	int fd = m->type ? made : o->fd;
	int rc = set_all(fd, m);
	int directory = rc == 0 ? is_directory(fd) : rc;
	if (directory < 0)
		return directory;
	auto_close int target = mount_target(s, o, directory);
	return target < 0 ? target : attach(fd, target);
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

/* In a user namespace: the host's own node, looked at before it is shown. */
static int bind_device(struct self *s, const struct op *o)
{
	auto_close int node = sys_open_tree(AT_FDCWD, o->path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	struct stat st;
	if (node < 0 || fstat(node, &st) < 0)
		return -errno;
	if ((st.st_mode & S_IFMT) != (o->device.mode & S_IFMT) || st.st_rdev != o->device.number)
		return -ENODEV;
	auto_close int target = rootfs_make(s->root, o->path, false);
	return target < 0 ? target : attach(node, target);
}

int apply_mknod(struct self *s, const struct op *o)
{
	const struct op_device *d = &o->device;
	const char *name;
	if (d->bind)
		return bind_device(s, o);
	auto_close int dir = rootfs_parent(s->root, o->path, &name);
	if (dir < 0)
		return dir;
	if (mknodat(dir, name, d->mode, d->number) < 0) /* the umask is 0 */
		return errno == EEXIST ? same_device(dir, name, d) : -errno;
	bool owned = d->uid || d->gid;
	return owned && fchownat(dir, name, d->uid, d->gid, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

int apply_symlink(struct self *s, const struct op *o)
{
	const char *name;
	auto_close int dir = rootfs_parent(s->root, o->path, &name);
	if (dir < 0)
		return dir;
	return symlinkat(o->source, dir, name) < 0 && errno != EEXIST ? -errno : 0;
}

/* Our own null device, looked at before it is shown: never what the image calls /dev/null. */
static int null_mount(void)
{
	auto_close int fd = sys_open_tree(AT_FDCWD, "/dev/null",
					  OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
		return -ENODEV;
	return take_fd(&fd);
}

/* The first is made, the rest are clones of it: clones of what is attached work on every kernel. */
static int empty_mount(struct self *s)
{
	if (s->empty >= 0) {
		int fd = sys_open_tree(s->empty, "",
				       AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
		return fd < 0 ? -errno : fd;
	}
	struct mount_option options[] = { { "size", "4k" }, { "mode", "755" } };
	struct op_mount m = { .type = "tmpfs",
			      .source = "tmpfs",
			      .options = { options, 2 },
			      .set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
				     MOUNT_ATTR_NOEXEC };
	int fd = new_file_system(s, &m, NULL);
	if (fd >= 0)
		s->empty = fd; /* stays open: it is what the others are cloned from */
	return fd;
}

int apply_mask(struct self *s, const struct op *o)
{
	auto_close int target = rootfs_open(s->root, o->path, O_PATH);
	if (target == -ENOENT || target == -ENOTDIR)
		return 0;
	if (target < 0)
		return target;
	int directory = is_directory(target);
	if (directory < 0)
		return directory;
	int cover = directory ? empty_mount(s) : null_mount();
	if (cover < 0)
		return cover;
	int rc = attach(cover, target);
	if (cover != s->empty)
		close(cover);
	return rc;
}

int apply_readonly(struct self *s, const struct op *o)
{
	auto_close int target = rootfs_open(s->root, o->path, O_PATH);
	if (target == -ENOENT || target == -ENOTDIR)
		return 0;
	if (target < 0)
		return target;
	unsigned flags = AT_EMPTY_PATH | AT_RECURSIVE | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;
	auto_close int fd = sys_open_tree(target, "", flags);
	if (fd < 0)
		return -errno;
	int rc = set_attributes(fd, MOUNT_ATTR_RDONLY, 0, true);
	return rc < 0 ? rc : attach(fd, target);
}

int apply_remount(struct self *s, const struct op *o)
{
	auto_close int fd = rootfs_open(s->root, o->path, O_PATH);
	return fd < 0 ? fd : set_attributes(fd, o->flags, 0, false);
}

int own_proc(struct self *s)
{
	struct op_mount m = { .type = "proc", .source = "proc" };
	if (s->proc < 0)
		s->proc = new_file_system(s, &m, NULL);
	return s->proc;
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
	auto_close int fd = sys < 0 ? -1 : sys_openat2(sys, o->path, &how);
	if (fd < 0)
		return -errno;
	return write(fd, o->source, strlen(o->source)) < 0 ? -errno : 0;
}

static int enter_by_move(void)
{
	if (mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 || chdir("/") < 0)
		return -errno;
	return 0;
}

int apply_pivot(struct self *s, const struct op *o)
{
	/* A whole /proc, nothing of it masked: nobody is to find his way through it. */
	put_fd(&s->proc, -1);
	put_fd(&s->empty, -1);
	if (fchdir(s->root) < 0)
		return -errno;
	if (o->flags) /* --no-pivot: an initramfs cannot be pivoted away */
		return enter_by_move();
	/* The old root lies on the new one, and "." is what lies on top: pivot_root(2). It is a
	 * slave, so taking it away here takes nothing away on the host. */
	if (sys_pivot_root(".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return -errno;
	return 0;
}

int apply_root_propagation(struct self *s, const struct op *o)
{
	(void)s;
	return mount(NULL, "/", NULL, o->flags, NULL) < 0 ? -errno : 0;
}

int apply_root_readonly(struct self *s, const struct op *o)
{
	(void)o;
	return set_attributes(s->root, MOUNT_ATTR_RDONLY, 0, false);
}

int apply_make_dir(struct self *s, const struct op *o)
{
	auto_close int fd = rootfs_make(s->root, o->path, true);
	return fd == -EROFS ? 0 : fd < 0 ? fd : 0; /* chdir will say that it is not there */
}

/* A pty of the container's own devpts, opened by us and not by a name that the image could
 * replace. */
static int open_master(struct self *s)
{
	struct stat st;
	struct statfs fs;
	int unlock = 0;
	auto_close int fd = rootfs_open(s->root, "/dev/pts/ptmx", O_RDWR | O_NOCTTY);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0 || fstatfs(fd, &fs) < 0)
		return -errno;
	if (fs.f_type != DEVPTS_SUPER_MAGIC || st.st_rdev != makedev(5, 2))
		return -ENODEV;
	return ioctl(fd, TIOCSPTLCK, &unlock) < 0 ? -errno : take_fd(&fd);
}

static int show_console(struct self *s)
{
	const char *name;
	auto_close int dir = rootfs_parent(s->root, "/dev/console", &name);
	if (dir < 0)
		return dir;
	auto_close int file = openat(
		dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC, 0600);
	auto_close int target = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (target < 0)
		return -errno;
	auto_close int mount = sys_open_tree(s->terminal, "",
					     AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	return mount < 0 ? -errno : attach(mount, target);
}

int apply_console(struct self *s, const struct op *o)
{
	bool init = s->root >= 0; /* exec has joined: / is the root already */
	if (!init)
		s->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	auto_close int master = open_master(s);
	if (master < 0)
		return master;
	s->terminal = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (s->terminal < 0)
		return -errno;
	struct winsize size = { .ws_row = (unsigned short)(o->flags >> 16),
				.ws_col = (unsigned short)(o->flags & 0xffff) };
	if (o->flags)
		ioctl(master, TIOCSWINSZ, &size);
	int rc = init ? show_console(s) : 0;
	if (rc == 0)
		rc = self_tell(s, CHILD_CONSOLE, master);
	for (int i = 0; rc == 0 && i < 3; i++)
		if (dup2(s->terminal, i) < 0)
			rc = -errno;
	if (rc == 0 && ioctl(0, TIOCSCTTY, 0) < 0)
		rc = -errno;
	return rc;
}

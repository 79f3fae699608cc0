/* mountfd.c - mounts as descriptors, by the mount API. */
#include "box/mountfd.h"
#include "base/file.h"
#include "base/sys.h"

#include <fcntl.h>
#include <string.h>
#include <sys/vfs.h>

#define STRING_MAX 255 /* bytes that fsconfig takes of a string */

/* What of a file system's flags has a name for fsconfig. */
static const struct {
	unsigned long flag;
	const char *name;
} super_flags[] = {
	{ MS_RDONLY, "ro" },	     { MS_SYNCHRONOUS, "sync" }, { MS_DIRSYNC, "dirsync" },
	{ MS_LAZYTIME, "lazytime" }, { MS_MANDLOCK, "mand" },
};

bool mount_readonly_later(const struct op_mount *m)
{
	return m->set & MOUNT_ATTR_RDONLY && !strcmp(m->type, "tmpfs") && !(m->super & MS_RDONLY);
}

/* The mount API has no words for this. */
static bool needs_mount(const struct op_mount *m)
{
	if (m->super & (MS_I_VERSION | MS_POSIXACL))
		return true;
	for (size_t i = 0; i < m->options.n; i++)
		if (m->options.v[i].value && strlen(m->options.v[i].value) > STRING_MAX)
			return true;
	return false;
}

static int configure(int fs, const struct op_mount *m)
{
	unsigned long flags = m->super;
	if (m->set & MOUNT_ATTR_RDONLY && !mount_readonly_later(m))
		flags |= MS_RDONLY;
	/* Some file systems take no source; those that need one will say so at the end. */
	if (sys_fsconfig(fs, FSC_STRING, "source", m->source, 0) < 0 && errno == ENOSYS)
		return -ENOSYS;
	for (size_t i = 0; i < m->options.n; i++) {
		const struct mount_option *opt = &m->options.v[i];
		int rc = opt->value ? sys_fsconfig(fs, FSC_STRING, opt->key, opt->value, 0)
				    : sys_fsconfig(fs, FSC_FLAG, opt->key, NULL, 0);
		if (rc < 0)
			return -errno;
	}
	for (size_t i = 0; flags && i < sizeof(super_flags) / sizeof(super_flags[0]); i++)
		if (flags & super_flags[i].flag &&
		    sys_fsconfig(fs, FSC_FLAG, super_flags[i].name, NULL, 0) < 0)
			return -errno;
	return sys_fsconfig(fs, FSC_CREATE, NULL, NULL, 0) < 0 ? -errno : 0;
}

/* "e tmpfs: Unknown parameter 'x'": the last of them. */
static void hear_kernel(int fs, const struct mount_words *words)
{
	char *text = words->text;
	ssize_t n;
	if (!text)
		return;
	while ((n = read(fs, text, words->size - 1)) > 0)
		text[n] = 0;
	text[strcspn(text, "\n")] = 0;
	if (text[0] && text[1] == ' ')
		memmove(text, text + 2, strlen(text + 2) + 1);
}

static int new_by_context(const struct op_mount *m, const struct mount_words *words)
{
	uint64_t set = m->set;
	auto_close int fs = sys_fsopen(m->type, FSOPEN_CLOEXEC);
	if (fs < 0)
		return -errno;
	int rc = configure(fs, m);
	if (rc < 0) {
		hear_kernel(fs, words);
		return rc;
	}
	if (mount_readonly_later(m))
		set &= ~(uint64_t)MOUNT_ATTR_RDONLY;
	int fd = sys_fsmount(fs, FSMOUNT_CLOEXEC, (unsigned)set);
	return fd < 0 ? -errno : fd;
}

int mountfd_new(struct stage *s, const struct op_mount *m, const struct mount_words *words)
{
	int fd = (s && s->old) || needs_mount(m) ? -ENOSYS : new_by_context(m, words);
	return fd == -ENOSYS && s ? stage_new(s, m) : fd;
}

int mountfd_copy(struct stage *s, int dir, const char *path, bool recursive)
{
	unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (*path ? 0 : AT_EMPTY_PATH) |
			 (recursive ? AT_RECURSIVE : 0);
	if (s->old)
		return stage_copy(s, dir, path, recursive);
	int fd = sys_open_tree(dir, path, flags);
	return fd < 0 ? -errno : fd;
}

/* What a mount has of these attributes is locked where it came from a user namespace above ours,
 * and so is its atime: that stays, as with crun. */
static bool keep_locked(int mount, struct sys_mount_attr *attr, bool recursive)
{
	const uint64_t locked = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
				MOUNT_ATTR_NOEXEC; /* ST_* are the same numbers */
	const uint64_t atime = MOUNT_ATTR__ATIME | MOUNT_ATTR_NODIRATIME;
	struct statfs fs;
	if (!attr->attr_clr && !(attr->attr_set & atime))
		return false;
	attr->attr_set &= ~atime;
	attr->attr_clr &= ~atime;
	if (recursive)
		attr->attr_clr &= ~locked;
	else if (fstatfs(mount, &fs) == 0)
		attr->attr_clr &= ~(locked & (uint64_t)fs.f_flags);
	return true;
}

static int set(struct stage *s, int mount, const struct sys_mount_attr *attr, bool recursive)
{
	if (!attr->attr_set && !attr->attr_clr && !attr->propagation)
		return 0;
	if (s->old)
		return stage_set(mount, attr, recursive);
	unsigned flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
	return sys_mount_setattr(mount, "", flags, attr) < 0 ? -errno : 0;
}

int mountfd_set(struct stage *s, int mount, const struct sys_mount_attr *attr, bool recursive)
{
	struct sys_mount_attr less = *attr;
	int rc = set(s, mount, attr, recursive);
	if (rc == -EPERM && keep_locked(mount, &less, recursive))
		rc = set(s, mount, &less, recursive);
	return rc;
}

int mountfd_attach(struct stage *s, int mount, int target)
{
	unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
	if (s->old)
		return stage_attach(mount, target);
	return sys_move_mount(mount, "", target, "", flags) < 0 ? -errno : 0;
}

int mountfd_attach_in(struct stage *s, int mount, int dir, const char *name)
{
	if (!s->old)
		return sys_move_mount(mount, "", dir, name, MOVE_MOUNT_F_EMPTY_PATH) < 0 ? -errno
											 : 0;
	auto_close int target = openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return target < 0 ? -errno : stage_attach(mount, target);
}

int mountfd_hold(struct stage *s, int mount)
{
	return s->top < 0 ? 0 : stage_hold(mount);
}

bool mountfd_api(void)
{
	const struct sys_mount_attr none = { 0 };
	return !((sys_mount_setattr(-1, "", 0, &none) < 0 && errno == ENOSYS) ||
		 (sys_move_mount(-1, "", -1, "", 0) < 0 && errno == ENOSYS) ||
		 (sys_open_tree(-1, "", 0) < 0 && errno == ENOSYS));
}

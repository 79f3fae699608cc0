/* rootmount.c - a root file system from a list of mounts, as one detached mount. */
#include "box/rootmount.h"
#include "base/file.h"
#include "base/sys.h"
#include "box/rootidmap.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#define STRING_MAX 255 /* bytes that fsconfig takes of a string */

/* Options that are attributes of the mount, not of the file system; for both APIs. */
static const struct {
	const char *name;
	uint64_t set, clear;
	unsigned long flag, unflag;
} attributes[] = {
	{ "ro", MOUNT_ATTR_RDONLY, 0, MS_RDONLY, 0 },
	{ "rw", 0, MOUNT_ATTR_RDONLY, 0, MS_RDONLY },
	{ "nosuid", MOUNT_ATTR_NOSUID, 0, MS_NOSUID, 0 },
	{ "suid", 0, MOUNT_ATTR_NOSUID, 0, MS_NOSUID },
	{ "nodev", MOUNT_ATTR_NODEV, 0, MS_NODEV, 0 },
	{ "dev", 0, MOUNT_ATTR_NODEV, 0, MS_NODEV },
	{ "noexec", MOUNT_ATTR_NOEXEC, 0, MS_NOEXEC, 0 },
	{ "exec", 0, MOUNT_ATTR_NOEXEC, 0, MS_NOEXEC },
	{ "noatime", MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME, MS_NOATIME, 0 },
	{ "relatime", 0, MOUNT_ATTR__ATIME, MS_RELATIME, 0 },
	{ "strictatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME, MS_STRICTATIME, 0 },
	{ "nodiratime", MOUNT_ATTR_NODIRATIME, 0, MS_NODIRATIME, 0 },
	{ "defaults", 0, 0, 0, 0 },
	{ "bind", 0, 0, MS_BIND, 0 },
	{ "rbind", 0, 0, MS_BIND | MS_REC, 0 },
};
#define ATTRIBUTES (sizeof(attributes) / sizeof(attributes[0]))

static int attribute(const char *option)
{
	for (size_t i = 0; i < ATTRIBUTES; i++)
		if (!strcmp(attributes[i].name, option))
			return (int)i;
	return -1;
}

static struct sys_mount_attr attributes_of(const struct strs *options)
{
	struct sys_mount_attr out = { 0 };
	for (size_t i = 0; i < options->n; i++) {
		int k = attribute(options->v[i]);
		if (k < 0)
			continue;
		out.attr_set = (out.attr_set & ~attributes[k].clear) | attributes[k].set;
		out.attr_clr |= attributes[k].clear;
	}
	return out;
}

static unsigned long flags_of(const struct strs *options)
{
	unsigned long out = 0;
	for (size_t i = 0; i < options->n; i++) {
		int k = attribute(options->v[i]);
		if (k >= 0)
			out = (out & ~attributes[k].unflag) | attributes[k].flag;
	}
	return out;
}

static int set_string(int fs, const char *key, const char *value)
{
	return sys_fsconfig(fs, FSC_STRING, key, value, 0) < 0 ? -errno : 0;
}

/* A directory, however long its path is: fsconfig would not take it as a string. */
static int set_path(int fs, const char *key, const char *path)
{
	char name[32];
	if (strlen(path) <= STRING_MAX)
		return set_string(fs, key, path);
	auto_close int fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	return set_string(fs, key, name);
}

/* lowerdir=a:b:c, one call a layer. */
static int set_layers(int fs, const char *list, struct arena *a)
{
	char *dir = arena_str(a, list);
	if (!dir)
		return -ENOMEM;
	while (*dir) {
		int rc = set_path(fs, "lowerdir+", layer_next(&dir));
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Kernels before 6.7 have no lowerdir+: then the whole list must fit one string. */
static int set_lowerdir(int fs, const char *list, struct arena *a)
{
	int rc = set_layers(fs, list, a);
	if (rc == -EINVAL && strlen(list) <= STRING_MAX)
		rc = set_string(fs, "lowerdir", list);
	return rc;
}

static int set_option(int fs, const char *option, struct arena *a)
{
	const char *eq = strchr(option, '=');
	if (!eq)
		return sys_fsconfig(fs, FSC_FLAG, option, NULL, 0) < 0 ? -errno : 0;
	const char *key = arena_strn(a, option, (size_t)(eq - option));
	if (!key)
		return -ENOMEM;
	if (!strcmp(key, "lowerdir"))
		return set_lowerdir(fs, eq + 1, a);
	if (!strcmp(key, "upperdir") || !strcmp(key, "workdir"))
		return set_path(fs, key, eq + 1);
	return set_string(fs, key, eq + 1);
}

/* The kernel's own words about what it refused, from the context: "e overlay: ...". */
static int refused(int fs, int errnum, const struct root_mount *m, const char *what, struct err *e)
{
	char text[256];
	ssize_t n = read(fs, text, sizeof(text) - 1);
	if (n <= 2)
		return fail(e, errnum, "mount %s as the root: %s", m->type, what);
	text[n] = 0;
	text[strcspn(text, "\n")] = 0;
	return fail(e, errnum, "mount %s as the root: %s: %s", m->type, what, text + 2);
}

static int mount_fs(const struct root_mount *m, struct arena *a, struct err *e)
{
	auto_close int fs = sys_fsopen(m->type, FSOPEN_CLOEXEC);
	if (fs < 0)
		return fail(e, errno, "mount %s as the root", m->type);
	int rc = m->source ? set_path(fs, "source", m->source) : 0;
	if (rc < 0)
		return refused(fs, rc, m, m->source, e);
	for (size_t i = 0; i < m->options.n; i++) {
		if (attribute(m->options.v[i]) >= 0)
			continue;
		rc = set_option(fs, m->options.v[i], a);
		if (rc < 0)
			return refused(fs, rc, m, m->options.v[i], e);
	}
	if (sys_fsconfig(fs, FSC_CREATE, NULL, NULL, 0) < 0)
		return refused(fs, errno, m, "create", e);
	int fd = sys_fsmount(fs, FSMOUNT_CLOEXEC, (unsigned)attributes_of(&m->options).attr_set);
	return fd < 0 ? fail(e, errno, "mount %s as the root", m->type) : fd;
}

static int mount_bind(const struct root_mount *m, struct err *e)
{
	unsigned deep = strs_has(&m->options, "rbind") ? AT_RECURSIVE : 0;
	auto_close int fd = sys_open_tree(-1, m->source,
					  OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | deep);
	if (fd < 0)
		return fail(e, errno, "bind %s as the root", m->source);
	struct sys_mount_attr attr = attributes_of(&m->options);
	if ((attr.attr_set || attr.attr_clr) && sys_mount_setattr(fd, "", AT_EMPTY_PATH, &attr) < 0)
		return fail(e, errno, "set the options of %s as the root", m->source);
	return take_fd(&fd);
}

static bool is_bind(const struct root_mount *m)
{
	return !strcmp(m->type, "bind") || strs_has(&m->options, "bind") ||
	       strs_has(&m->options, "rbind");
}

/* One mount of the list by the old API. */
static int mount_at(const struct root_mount *m, const char *place, struct err *e)
{
	auto_buf data = { 0 };
	for (size_t i = 0; i < m->options.n; i++) {
		if (attribute(m->options.v[i]) >= 0)
			continue;
		buf_printf(&data, "%s%s", data.len ? "," : "", m->options.v[i]);
	}
	if (data.failed)
		return fail(e, ENOMEM, "mount %s as the root", m->type);
	unsigned long flags = flags_of(&m->options) | (is_bind(m) ? MS_BIND : 0);
	if (mount(m->source, place, is_bind(m) ? NULL : m->type, flags, data.p) < 0)
		return fail(e, errno, "mount %s as the root at %s", m->type, place);
	if ((flags & MS_BIND) && (flags & ~(unsigned long)(MS_BIND | MS_REC)) &&
	    mount(NULL, place, NULL, MS_REMOUNT | (flags & ~(unsigned long)MS_REC), NULL) < 0) {
		fail(e, errno, "set the options of %s as the root", place);
		umount2(place, MNT_DETACH);
		return -e->code;
	}
	return 0;
}

/* In place, copied as a tree, and taken off again: in the end nothing is mounted here. */
static int mount_in_place(const struct root_mount *m, size_t n, const char *place, struct err *e)
{
	size_t done = 0;
	int rc = 0, fd = -1;
	while (done < n && !rc) {
		rc = mount_at(&m[done], place, e);
		done += rc == 0;
	}
	if (!rc) {
		fd = sys_open_tree(-1, place, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
		if (fd < 0)
			rc = fail(e, errno, "detach the root from %s", place);
	}
	while (done--)
		umount2(place, MNT_DETACH);
	return rc < 0 ? rc : fd;
}

static int mount_mapped(struct root_mount *m, int ns, const char *place, struct arena *a,
			struct err *e)
{
	struct mapped_layers layers = { .n = 0 };
	bool overlay = !strcmp(m->type, "overlay");
	int rc = overlay ? rootidmap_layers(m, ns, place, a, &layers, e) : 0;
	if (rc < 0)
		return rc;
	auto_close int fd = is_bind(m) ? mount_bind(m, e) : mount_fs(m, a, e);
	rootidmap_close(&layers);
	rc = fd < 0 || overlay ? fd : rootidmap_apply(fd, ns);
	if (fd >= 0 && rc < 0)
		return fail(e, rc, "map the ids of %s as the root", m->source);
	return rc < 0 ? rc : take_fd(&fd);
}

int rootmount_new(const struct root_mount *m, size_t n, const char *place, struct arena *a,
		  struct err *e)
{
	struct root_mount plain;
	auto_close int ns = -1;
	if (n > 1)
		return mount_in_place(m, n, place, e);
	int rc = rootidmap_open(m, a, &plain, &ns, e);
	if (rc < 0)
		return rc;
	if (ns >= 0)
		return mount_mapped(&plain, ns, place, a, e);
	m = &plain;
	rc = is_bind(m) ? mount_bind(m, e) : mount_fs(m, a, e);
	if (rc >= 0)
		return rc;
	/* Before 5.2 the calls do not exist; a few file systems and options are known to the old
	 * one alone. */
	struct err second = { 0 };
	int fd = mount_in_place(m, n, place, &second);
	return fd >= 0 ? fd : rc;
}

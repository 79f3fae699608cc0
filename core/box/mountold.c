/* mountold.c - mounts as descriptors where there is no mount API: by mount(2), onto names of open
 * descriptors. A mount is made on the stage, changed there, and moved to where it belongs. */
#include "base/file.h"
#include "base/sys.h"
#include "base/walk.h"
#include "box/mountfd.h"
#include "box/rootfs.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#define MS_NOSYMFOLLOW_ 256 /* 5.10; not in every C library */

static const struct {
	uint64_t attribute;
	unsigned long flag; /* of mount(2), and with these numbers of statfs(2) */
} flags[] = {
	{ MOUNT_ATTR_RDONLY, MS_RDONLY },   { MOUNT_ATTR_NOSUID, MS_NOSUID },
	{ MOUNT_ATTR_NODEV, MS_NODEV },	    { MOUNT_ATTR_NOEXEC, MS_NOEXEC },
	{ MOUNT_ATTR_NOATIME, MS_NOATIME }, { MOUNT_ATTR_NODIRATIME, MS_NODIRATIME },
};

unsigned long mount_flags(uint64_t attributes)
{
	unsigned long out = 0;
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (attributes & flags[i].attribute)
			out |= flags[i].flag;
	if (attributes & MOUNT_ATTR_STRICTATIME)
		out |= MS_STRICTATIME;
	if (attributes & MOUNT_ATTR_NOSYMFOLLOW)
		out |= MS_NOSYMFOLLOW_;
	return out;
}

struct name {
	char text[32];
};

/* A descriptor's name. */
static struct name name_of(int fd)
{
	struct name n;
	snprintf(n.text, sizeof(n.text), "/proc/self/fd/%d", fd);
	return n;
}

/* Nobody finds it: it lies over the root that we stand on, and only /.. leads up to it. */
static int stage_open(struct stage *s)
{
	struct statfs fs;
	struct stat root, top;
	if (s->top >= 0)
		return 0;
	if (s->forbidden)
		return -ENOTSUP;
	if (mount("tmpfs", "/", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=16k,mode=700") < 0)
		return -errno;
	s->top = open("/..", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (s->top < 0 || fstatfs(s->top, &fs) < 0 || stat("/", &root) < 0 ||
	    fstat(s->top, &top) < 0)
		return -errno;
	if (fs.f_type != TMPFS_MAGIC || root.st_dev == top.st_dev)
		return -ENOTSUP;
	/* Whoever binds / with all that is mounted below gets it without the stage. */
	if (mount(NULL, name_of(s->top).text, NULL, MS_UNBINDABLE, NULL) < 0)
		return -errno;
	if (mkdirat(s->top, "d", 0700) < 0 || mknodat(s->top, "f", S_IFREG | 0600, 0) < 0)
		return -errno;
	s->directory = openat(s->top, "d", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	s->file = openat(s->top, "f", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return s->directory < 0 || s->file < 0 ? -errno : 0;
}

void stage_close(struct stage *s)
{
	if (s->top >= 0)
		umount2(name_of(s->top).text, MNT_DETACH);
	put_fd(&s->directory, -1);
	put_fd(&s->file, -1);
	put_fd(&s->top, -1);
}

/* What has just been mounted on the stage. */
static int staged(const struct stage *s, bool directory)
{
	int fd = openat(s->top, directory ? "d" : "f", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* All options as one string. */
static int data_of(const struct op_mount *m, char out[PATH_MAX])
{
	size_t at = 0;
	out[0] = 0;
	for (size_t i = 0; i < m->options.n; i++) {
		const struct mount_option *o = &m->options.v[i];
		/* A security label may have a comma in it. */
		const char *quote = strstr(o->key, "context") ? "\"" : "";
		int n = snprintf(out + at, PATH_MAX - at, "%s%s%s%s%s%s", at ? "," : "", o->key,
				 o->value ? "=" : "", quote, o->value ? o->value : "", quote);
		at += (size_t)n;
		if (at >= PATH_MAX)
			return -E2BIG;
	}
	return 0;
}

static int path_in(int dir, const char *name, char out[PATH_MAX])
{
	int n = snprintf(out, PATH_MAX, "%s%s%s", name_of(dir).text, *name ? "/" : "", name);
	return n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

int mountfd_new_in(int dir, const char *name, const struct op_mount *m)
{
	char data[PATH_MAX], path[PATH_MAX];
	int rc = data_of(m, data);
	if (rc == 0)
		rc = path_in(dir, name, path);
	if (rc < 0)
		return rc;
	unsigned long how = mount_flags(m->set) | m->super;
	return mount(m->source, path, m->type, how, data) < 0 ? -errno : 0;
}

int mountfd_bind_in(const char *source, int dir, const char *name)
{
	char path[PATH_MAX];
	int rc = path_in(dir, name, path);
	return rc < 0 ? rc : mount(source, path, NULL, MS_BIND, NULL) < 0 ? -errno : 0;
}

int stage_new(struct stage *s, const struct op_mount *m)
{
	char data[PATH_MAX];
	unsigned long how = mount_flags(m->set) | m->super;
	if (mount_readonly_later(m))
		how &= ~(unsigned long)MS_RDONLY;
	int rc = stage_open(s);
	if (rc == 0)
		rc = data_of(m, data);
	if (rc < 0)
		return rc;
	if (mount(m->source, name_of(s->directory).text, m->type, how, data) < 0)
		return -errno;
	return staged(s, true);
}

int stage_copy(struct stage *s, int dir, const char *path, bool recursive)
{
	struct stat st;
	int rc = stage_open(s);
	if (rc < 0)
		return rc;
	auto_close int opened = *path ? openat(dir, path, O_PATH | O_CLOEXEC) : -1;
	int from = *path ? opened : dir;
	if (from < 0 || fstat(from, &st) < 0)
		return -errno;
	int onto = S_ISDIR(st.st_mode) ? s->directory : s->file;
	if (mount(name_of(from).text, name_of(onto).text, NULL, MS_BIND | (recursive ? MS_REC : 0),
		  NULL) < 0)
		return -errno;
	return staged(s, S_ISDIR(st.st_mode));
}

static int set_one(int mount_fd, uint64_t set, uint64_t clear)
{
	const unsigned long atimes = MS_NOATIME | MS_RELATIME | MS_STRICTATIME;
	struct statfs fs;
	unsigned long now = 0;
	if (fstatfs(mount_fd, &fs) < 0)
		return -errno;
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		now |= (unsigned long)fs.f_flags & flags[i].flag;
	if ((unsigned long)fs.f_flags & 0x1000) /* ST_RELATIME */
		now |= MS_RELATIME;
	if ((unsigned long)fs.f_flags & 0x2000) /* ST_NOSYMFOLLOW */
		now |= MS_NOSYMFOLLOW_;
	if (!(now & atimes))
		now |= MS_STRICTATIME;
	now &= ~mount_flags(clear & ~(uint64_t)MOUNT_ATTR__ATIME);
	if (clear & MOUNT_ATTR__ATIME)
		now &= ~atimes;
	now |= mount_flags(set);
	if (!(now & atimes))
		now |= MS_RELATIME;
	return mount(NULL, name_of(mount_fd).text, NULL, MS_REMOUNT | MS_BIND | now, NULL) < 0
		       ? -errno
		       : 0;
}

#define BELOW_MAX 1024 /* mounts below one whose attributes go for all */

/* While mountinfo is read, a piece at a time. */
struct below {
	int ids[BELOW_MAX]; /* the mount itself and those found below it */
	size_t n;
	int top; /* the mount itself */
	char base[PATH_MAX];
	uint64_t set, clear;
};

static bool knows(const struct below *b, int id)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->ids[i] == id)
			return true;
	return false;
}

/* "\040" and such, in place. */
static void unescape(char *s)
{
	char *to = s;
	for (; *s; to++) {
		bool octal = s[0] == '\\' && s[1] && s[2] && s[3];
		*to = octal ? (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0')) : *s;
		s += octal ? 4 : 1;
	}
	*to = 0;
}

/* One line: "36 35 98:0 /root /where options ...". 1: one of ours that was not known yet. */
static int see_line(struct below *b, char *line)
{
	int id, parent, where = 0;
	if (sscanf(line, "%d %d %*s %*s %n", &id, &parent, &where) < 2 || !where)
		return 0;
	char *path = line + where;
	path[strcspn(path, " ")] = 0;
	unescape(path);
	if (id == b->ids[0] && !b->base[0]) {
		snprintf(b->base, sizeof(b->base), "%s", path);
		return 1;
	}
	size_t n = strlen(b->base);
	if (!n || knows(b, id) || !knows(b, parent) || strncmp(path, b->base, n) != 0)
		return 0;
	if (b->n == BELOW_MAX)
		return -E2BIG;
	auto_close int fd = rootfs_open_real(b->top, path + n, O_PATH);
	b->ids[b->n++] = id;
	if (fd < 0)
		return fd == -ENOENT ? 1 : fd; /* hidden by another mount: nobody will see it */
	int rc = mount_id(fd) == id ? set_one(fd, b->set, b->clear) : 0;
	return rc < 0 ? rc : 1;
}

/* Once through mountinfo. 1: something new was seen, so there may be more below it. */
static int see_all(struct below *b)
{
	char text[16384];
	size_t have = 0;
	int found = 0;
	auto_close int info = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	if (info < 0)
		return -errno;
	for (;;) {
		ssize_t n = read(info, text + have, sizeof(text) - 1 - have);
		if (n <= 0)
			return n < 0 ? -errno : found;
		have += (size_t)n;
		text[have] = 0;
		char *at = text, *end;
		for (; (end = strchr(at, '\n')); at = end + 1) {
			*end = 0;
			int rc = see_line(b, at);
			if (rc < 0)
				return rc;
			found |= rc;
		}
		have -= (size_t)(at - text);
		if (have == sizeof(text) - 1)
			return -E2BIG;
		memmove(text, at, have);
	}
}

static int set_below(int mount_fd, uint64_t set, uint64_t clear)
{
	struct below b = { .n = 1, .top = mount_fd, .set = set, .clear = clear };
	b.ids[0] = mount_id(mount_fd);
	int rc = b.ids[0] < 0 ? b.ids[0] : 1;
	while (rc > 0)
		rc = see_all(&b);
	return rc;
}

int stage_set(int mount_fd, const struct sys_mount_attr *attr, bool recursive)
{
	bool any = attr->attr_set || attr->attr_clr;
	int rc = any ? set_one(mount_fd, attr->attr_set, attr->attr_clr) : 0;
	if (rc == 0 && any && recursive)
		rc = set_below(mount_fd, attr->attr_set, attr->attr_clr);
	if (rc < 0 || !attr->propagation)
		return rc;
	unsigned long how = attr->propagation | (recursive ? MS_REC : 0);
	return mount(NULL, name_of(mount_fd).text, NULL, how, NULL) < 0 ? -errno : 0;
}

int stage_attach(int mount_fd, int target)
{
	return mount(name_of(mount_fd).text, name_of(target).text, NULL, MS_MOVE, NULL) < 0 ? -errno
											    : 0;
}

int stage_hold(int mount_fd)
{
	return umount2(name_of(mount_fd).text, MNT_DETACH) < 0 ? -errno : 0;
}

int mountfd_reconfigure(int target, const struct op_mount *m)
{
	char data[PATH_MAX];
	unsigned long how = MS_REMOUNT | mount_flags(m->set) | (m->type ? m->super : MS_BIND);
	int rc = m->type ? data_of(m, data) : 0;
	if (rc < 0)
		return rc;
	rc = mount(NULL, name_of(target).text, NULL, how, m->type ? data : NULL);
	struct statfs fs;
	if (rc < 0 && errno == EPERM && !m->type && fstatfs(target, &fs) == 0) {
		/* What is locked by a user namespace above ours has to be said again. */
		how |= (unsigned long)fs.f_flags &
		       (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME);
		rc = mount(NULL, name_of(target).text, NULL, how, NULL);
	}
	return rc < 0 ? -errno : 0;
}

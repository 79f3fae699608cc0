/* devnode.c - devices that the host has no node of, for who is root of a user namespace and may
 * make none. */
#include "base/file.h"
#include "base/sys.h"
#include "box/plan.h"
#include "box/userns.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define NOBODY 65534

/* Of the i-th operation's. */
struct name {
	char text[24];
};

static struct name name_of(size_t i)
{
	struct name n;
	snprintf(n.text, sizeof(n.text), "device-%zu", i);
	return n;
}

static bool host_has(const struct op *o)
{
	struct stat st;
	return fstatat(-1, o->path, &st, 0) == 0 && st.st_rdev == o->device.number &&
	       (st.st_mode & S_IFMT) == (o->device.mode & S_IFMT);
}

static uint32_t host_id(const struct spec_id_mappings *m, uint32_t id)
{
	int64_t outside = userns_outside(m, id);
	return outside < 0 ? NOBODY : (uint32_t)outside;
}

/* By itself as a mount, whatever the directory's own mount says of devices. */
static int cut_out(int dir, const char *name)
{
	const struct sys_mount_attr attr = { .attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
					     .attr_clr = MOUNT_ATTR_NODEV,
					     .propagation = MS_PRIVATE };
	auto_close int fd = sys_open_tree(dir, name, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (fd < 0 || sys_mount_setattr(fd, "", AT_EMPTY_PATH, &attr) < 0)
		return -errno;
	return take_fd(&fd);
}

static int make(const struct op_device *d, const struct spec_linux *l, int dir, const char *name)
{
	if (mknodat(dir, name, d->mode & S_IFMT, d->number) < 0)
		return -errno;
	if (fchownat(dir, name, host_id(&l->uid_mappings, d->uid),
		     host_id(&l->gid_mappings, d->gid), AT_SYMLINK_NOFOLLOW) < 0 ||
	    fchmodat(dir, name, d->mode & 07777, 0) < 0)
		return -errno;
	return cut_out(dir, name);
}

int device_nodes_make(struct plan *p, const struct spec_linux *l, int dir, struct err *e)
{
	bool asked = false;
	p->nodes = dir;
	for (size_t i = 0; i < p->n; i++) {
		struct op *o = &p->v[i];
		if (o->kind != OP_MKNOD || !o->device.bind)
			continue;
		if (!asked && (!we_are_root() || !userns_first()))
			return 0;
		asked = true;
		if (host_has(o))
			continue;
		int fd = make(&o->device, l, dir, name_of(i).text);
		if (fd == -ENOSYS)
			refuse(e, ENOTSUP,
			       "%s: the host has none, and for a user namespace it can be made "
			       "from Linux 5.12 on",
			       o->what);
		else if (fd < 0)
			fail(e, fd, "%s", o->what);
		if (fd < 0)
			return op_within(o->kind, o->nth, e);
		o->fd = fd;
	}
	return 0;
}

void device_nodes_unlink(const struct plan *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].kind == OP_MKNOD && p->v[i].fd >= 0)
			unlinkat(p->nodes, name_of(i).text, 0);
}

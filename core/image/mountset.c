/* mountset.c - the root file system of a container: an overlay of an image's layers, mounted
 * nowhere. */
#include "image/mountset.h"
#include "base/file.h"
#include "base/log.h"
#include "base/sha256.h"
#include "base/sys.h"
#include "box/idmap.h"
#include "box/subid.h"
#include "image/tree.h"
#include "image/treecopy.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* The directories of one overlay. */
struct overlay {
	int lower[LAYERS_MAX]; /* the topmost first */
	size_t n;
	int upper, work;
	const struct root_ids *ids; /* NULL: as they are */
};

static void overlay_close(struct overlay *o)
{
	for (size_t i = 0; i < o->n; i++)
		put_fd(&o->lower[i], -1);
	put_fd(&o->upper, -1);
	put_fd(&o->work, -1);
}
#define auto_overlay __attribute__((cleanup(overlay_close))) struct overlay

/* What the kernel says about a refused mount, after errno's words. */
static int mount_failed(int fs, int errnum, struct err *e)
{
	char why[256];
	ssize_t n = read(fs, why, sizeof(why) - 1);
	why[n > 0 ? n : 0] = 0;
	why[strcspn(why, "\n")] = 0;
	return fail(e, errnum, "mount the overlay of the image's layers%s%s", n > 2 ? ": " : "",
		    n > 2 ? why + 2 : "");
}

static int set_dir(int fs, const char *key, int fd, bool by_fd)
{
	char name[32];
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	return by_fd ? sys_fsconfig(fs, FSC_FD, key, NULL, fd)
		     : sys_fsconfig(fs, FSC_STRING, key, name, 0);
}

/* One by one, so that there is no limit to their number: by fd, which Linux 6.13 takes, and
 * mountinfo shows their true paths; or by name, which 6.5 does. */
static int set_each(int fs, const struct overlay *o, bool by_fd)
{
	for (size_t i = 0; i < o->n; i++)
		if (set_dir(fs, "lowerdir+", o->lower[i], by_fd) < 0)
			return -errno;
	if (set_dir(fs, "upperdir", o->upper, by_fd) < 0 ||
	    set_dir(fs, "workdir", o->work, by_fd) < 0)
		return -errno;
	return 0;
}

/* The i-th of many names of one byte, none of which means anything to overlayfs. */
static const char *short_name(size_t i, char out[2])
{
	out[0] = (char)('0' + i + (i > 9) + (i > 42)); /* no ':', no backslash */
	out[1] = 0;
	return out;
}

/* All in one string, for older kernels, which allow 255 bytes of it: for as many layers as there
 * may be if the name of each is one byte, here and now. */
static int set_names(int fs, const struct overlay *o, int names, struct err *e)
{
	auto_buf lower = { .max = 256 };
	char name[2], target[32];
	for (size_t i = 0; i < o->n; i++) {
		short_name(i, name);
		snprintf(target, sizeof(target), "/proc/self/fd/%d", o->lower[i]);
		if (symlinkat(target, names, name) < 0)
			return fail(e, errno, "name the layers");
		buf_printf(&lower, "%s%s", i ? ":" : "", name);
	}
	if (lower.failed)
		return refuse(e, E2BIG, "%zu layers are more than this kernel can stack", o->n);
	if (sys_fsconfig(fs, FSC_STRING, "lowerdir", lower.p, 0) < 0 ||
	    set_dir(fs, "upperdir", o->upper, false) < 0 ||
	    set_dir(fs, "workdir", o->work, false) < 0)
		return mount_failed(fs, errno, e);
	return 0;
}

/* With these names' directory as the working directory. */
static int create_by_names(int fs, const struct overlay *o, int names, struct err *e)
{
	auto_close int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (here < 0 || fchdir(names) < 0)
		return fail(e, errno, "change the working directory");
	int rc = set_names(fs, o, names, e);
	if (rc == 0 && sys_fsconfig(fs, FSC_CREATE, NULL, NULL, 0) < 0)
		rc = mount_failed(fs, errno, e);
	if (fchdir(here) < 0)
		return rc < 0 ? rc : fail(e, errno, "change back to the working directory");
	return rc;
}

static int overlay_open(struct err *e)
{
	int fs = sys_fsopen("overlay", FSOPEN_CLOEXEC);
	if (fs < 0)
		return fail(e, errno,
			    "use overlay file systems (is the kernel's module \"overlay\" there?)");
	/* Attributes trusted.* are for root of the machine alone. */
	if (sys_fsconfig(fs, FSC_STRING, "source", "coracle", 0) == 0 &&
	    (!subid_inside() || sys_fsconfig(fs, FSC_FLAG, "userxattr", NULL, 0) == 0)) {
		if (!subid_inside()) {
			/* So that a change of owner copies no content, and a directory of a layer
			 * can be renamed. What does not know them does without. */
			sys_fsconfig(fs, FSC_STRING, "redirect_dir", "on", 0);
			sys_fsconfig(fs, FSC_STRING, "metacopy", "on", 0);
		}
		return fs;
	}
	int rc = fail(e, errno, "name the overlay");
	close(fs);
	return rc;
}

static int make_and_open(int dir, const char *name, mode_t mode, struct err *e)
{
	if (mkdirat(dir, name, mode) < 0 && errno != EEXIST)
		return fail(e, errno, "make directory %s of the container", name);
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? fail(e, errno, "open directory %s of the container", name) : fd;
}

static int overlay_by_names(int fs, const struct overlay *o, int dir, struct err *e)
{
	struct err ignored;
	tree_remove(dir, "names", &ignored);
	auto_close int names = make_and_open(dir, "names", 0700, e);
	int rc = names < 0 ? names : create_by_names(fs, o, names, e);
	tree_remove(dir, "names", &ignored);
	return rc;
}

/* What the overlay makes for itself is made by who mounts it, who has to have ids that its upper
 * directory knows; his rights are what they were. */
static int create_as(int fs, const struct root_ids *ids, struct err *e)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct all[_LINUX_CAPABILITY_U32S_3];
	if (syscall(SYS_capget, &h, all) < 0)
		return fail(e, errno, "capget");
	setfsuid(ids->uid);
	setfsgid(ids->gid);
	int rc = syscall(SYS_capset, &h, all) < 0 ? fail(e, errno, "capset") : 0;
	if (rc == 0 && sys_fsconfig(fs, FSC_CREATE, NULL, NULL, 0) < 0)
		rc = mount_failed(fs, errno, e);
	setfsuid(geteuid());
	setfsgid(getegid());
	syscall(SYS_capset, &h, all);
	return rc;
}

/* Only a kernel that takes layers by fd takes those that are mounted nowhere. */
static int overlay_mapped(const struct overlay *o, struct err *e)
{
	auto_close int fs = overlay_open(e);
	if (fs < 0)
		return fs;
	int rc = set_each(fs, o, true);
	if (rc == 0)
		rc = create_as(fs, o->ids, e);
	if (rc == -EINVAL)
		return refuse(e, ENOTSUP,
			      "this kernel does not map the ids of an image's layers: that needs "
			      "Linux 6.15");
	if (rc < 0)
		return e->code ? rc : mount_failed(fs, -rc, e);
	int mount = sys_fsmount(fs, FSMOUNT_CLOEXEC, 0);
	return mount < 0 ? mount_failed(fs, errno, e) : mount;
}

/* dir is for what older kernels need. */
static int overlay_mount(const struct overlay *o, int dir, struct err *e)
{
	auto_close int fs = overlay_open(e);
	int rc = fs < 0 ? fs : set_each(fs, o, true);
	if (fs >= 0 && rc < 0) { /* afresh: no trace of the first attempt */
		put_fd(&fs, overlay_open(e));
		rc = fs < 0 ? fs : set_each(fs, o, false);
	}
	if (rc == 0 && sys_fsconfig(fs, FSC_CREATE, NULL, NULL, 0) < 0)
		return mount_failed(fs, errno, e);
	if (fs >= 0 && rc < 0) {
		put_fd(&fs, overlay_open(e));
		rc = fs < 0 ? fs : overlay_by_names(fs, o, dir, e);
	}
	if (rc < 0)
		return rc;
	int mount = sys_fsmount(fs, FSMOUNT_CLOEXEC, 0);
	return mount < 0 ? mount_failed(fs, errno, e) : mount;
}

/* The root that a container sees is its upper directory's: it should look like the image's. */
static int shape_upper(const struct overlay *o, struct err *e)
{
	struct stat st;
	if (fstat(o->lower[0], &st) < 0 || fchown(o->upper, st.st_uid, st.st_gid) < 0 ||
	    fchmod(o->upper, st.st_mode & 07777) < 0 ||
	    futimens(o->upper, (struct timespec[]){ st.st_mtim, st.st_mtim }) < 0)
		return fail(e, errno, "shape the root of the container");
	return 0;
}

static int open_layers(const struct store *s, const struct image *im, int dir, struct overlay *o,
		       struct err *e)
{
	size_t n = im->chains.n;
	for (size_t i = 0; i < n; i++) {
		o->lower[i] = store_layer_open(s, im->chains.v[n - 1 - i], e);
		if (o->lower[i] == -ENOENT)
			return refuse(e, ENOENT,
				      "image %.200s is not unpacked here: coracle pull %.200s",
				      im->name, im->name);
		if (o->lower[i] < 0)
			return o->lower[i];
		o->n = i + 1;
		if (tree_opaque(o->lower[i])) /* of a root overlayfs does not ask that */
			break;
	}
	if (n)
		return 0;
	o->lower[0] = make_and_open(dir, "empty", 0755, e); /* an image without any layer */
	o->n = o->lower[0] >= 0;
	return o->n ? 0 : o->lower[0];
}

/* Where there is no overlay to be had: for this user, of this kernel, on this file system. */
static bool no_overlay(int rc)
{
	return rc == -EPERM || rc == -ENODEV || rc == -EINVAL || rc == -ENOTSUP || rc == -ENOSYS;
}

/* Then the container has the whole image to itself. */
static int copy_layers(const struct overlay *o, int dir, struct err *e)
{
	auto_close int root = sys_open_tree(dir, "upper", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	int rc = root < 0 ? -e->code : 0; /* no mounts at all: why there is no overlay says more */
	if (rc == 0)
		log_info("%s: the image is copied instead", e->msg);
	for (size_t i = o->n; rc == 0 && i--;)
		rc = tree_copy(o->lower[i], o->upper, e);
	return rc < 0 ? rc : take_fd(&root);
}

int mount_mapped(int dir, int ns, struct err *e)
{
	auto_close int fd = sys_open_tree(dir, "",
					  AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	const struct sys_mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP,
					     .userns_fd = (uint64_t)ns };
	if (fd >= 0 && sys_mount_setattr(fd, "", AT_EMPTY_PATH, &attr) == 0)
		return take_fd(&fd);
	if (errno == EINVAL || errno == ENOSYS)
		return refuse(e, ENOTSUP,
			      "this kernel does not map ids on the file system of the container's "
			      "root");
	return fail(e, errno, "map the ids of the container's root");
}

/* Its directories as a mount that maps ids shows them; *dir is the container's. */
static int map_layers(struct overlay *o, int *dir, struct err *e)
{
	for (size_t i = 0; i <= o->n; i++) {
		int *fd = i < o->n ? &o->lower[i] : dir;
		int mapped = mount_mapped(*fd, o->ids->ns, e);
		if (mapped < 0)
			return mapped;
		put_fd(fd, mapped);
	}
	return 0;
}

/* With the two that it writes to, as they are in dir. */
static int open_upper(struct overlay *o, int dir, struct err *e)
{
	int rc = make_and_open(dir, "upper", 0755, e);
	put_fd(&o->upper, rc);
	if (rc >= 0)
		put_fd(&o->work, rc = make_and_open(dir, "work", 0700, e));
	return rc < 0 ? rc : 0;
}

static int mount_in(const struct store *s, const struct image *im, int dir, struct err *e)
{
	auto_overlay o = { .upper = -1, .work = -1 };
	int rc = open_layers(s, im, dir, &o, e);
	if (rc == 0)
		rc = open_upper(&o, dir, e);
	if (rc == 0)
		rc = shape_upper(&o, e);
	if (rc == 0)
		rc = overlay_mount(&o, dir, e);
	return rc < 0 && no_overlay(rc) ? copy_layers(&o, dir, e) : rc;
}

/* Written before anything stands on them: from then on rmi leaves these layers alone, and of a copy
 * of them (NULL: there is none), too. What stands on them ends with the machine, so nobody waits
 * for the disk. */
static int note_layers(int dir, const struct image *im, const char *copy, struct err *e)
{
	auto_buf b = { 0 };
	buf_room(&b, (im->chains.n + 1) * SHA256_TEXT);
	if (copy)
		buf_printf(&b, "%s\n", copy);
	for (size_t i = 0; i < im->chains.n; i++) {
		buf_str(&b, im->chains.v[i]);
		buf_char(&b, '\n');
	}
	if (b.failed)
		return fail(e, ENOMEM, "note the layers of the container");
	return file_swap(dir, "layers", b.p ? b.p : "", b.len, 0600, e);
}

int image_mount(const struct store *s, const struct image *im, const char *id, struct err *e)
{
	auto_close int dir = store_container_make(s, id, e);
	if (dir < 0)
		return dir;
	int rc = note_layers(dir, im, NULL, e);
	if (rc == 0)
		rc = mount_in(s, im, dir, e);
	struct err ignored;
	if (rc < 0)
		store_container_remove(s, id, &ignored);
	return rc;
}

int image_mount_mapped(const struct store *s, const struct image *im, const char *id,
		       const struct root_ids *ids, struct err *e)
{
	auto_overlay o = { .upper = -1, .work = -1, .ids = ids };
	auto_close int dir = store_container_open(s, id, e);
	int rc = dir < 0 ? dir : open_layers(s, im, dir, &o, e);
	if (rc == 0)
		rc = map_layers(&o, &dir, e);
	if (rc == 0)
		rc = open_upper(&o, dir, e);
	return rc < 0 ? rc : overlay_mapped(&o, e);
}

/* Of one image more that stands in the container; the last of each is its topmost layer. */
static int note_beside(int dir, const struct image *im, struct err *e)
{
	auto_buf b = { 0 };
	int rc = file_read(dir, "layers", &b, e);
	if (rc < 0 && rc != -ENOENT)
		return rc;
	for (size_t i = 0; i < im->chains.n; i++)
		buf_printf(&b, "%s%s\n", i || !b.len ? "" : "\n", im->chains.v[i]);
	return b.failed ? fail(e, ENOMEM, "note the layers of the container")
			: file_swap(dir, "layers", b.p ? b.p : "", b.len, 0600, e);
}

static int open_beside(const struct store *s, const struct beside *w, int dir, struct overlay *o,
		       struct err *e)
{
	if (w->image)
		return open_layers(s, w->image, dir, o, e);
	o->lower[0] = openat(w->lower, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	o->n = o->lower[0] >= 0;
	return o->n ? 0 : fail(e, errno, "open it");
}

static int mount_beside(struct overlay *o, const struct beside *w, int *dir, struct err *e)
{
	int rc = open_upper(o, *dir, e);
	if (rc == 0)
		rc = shape_upper(o, e);
	if (rc == 0 && w->ids)
		rc = map_layers(o, dir, e);
	if (rc == 0 && w->ids)
		rc = open_upper(o, *dir, e);
	if (rc == 0)
		rc = w->ids ? overlay_mapped(o, e) : overlay_mount(o, *dir, e);
	return rc < 0 && w->image && !w->ids && no_overlay(rc) ? copy_layers(o, *dir, e) : rc;
}

int image_mount_beside(const struct store *s, const char *id, const struct beside *w, struct err *e)
{
	auto_overlay o = { .upper = -1, .work = -1, .ids = w->ids };
	auto_close int own = store_container_open(s, id, e);
	auto_close int all = own < 0 ? own : make_and_open(own, "mounts", 0700, e);
	auto_close int dir = all < 0 ? all : make_and_open(all, w->name, 0700, e);
	int rc = dir < 0 ? dir : w->image ? note_beside(own, w->image, e) : 0;
	if (rc == 0)
		rc = open_beside(s, w, dir, &o, e);
	return rc < 0 ? rc : mount_beside(&o, w, &dir, e);
}

/* What the layer is called that is a copy of all of an image's with these ids. */
static int copy_name(const struct image *im, const struct id_maps *maps, char out[SHA256_TEXT],
		     struct err *e)
{
	const struct spec_id_mappings *const kinds[] = { maps->uids, maps->gids };
	auto_buf b = { 0 };
	buf_printf(&b, "%s\n", im->chains.v[im->chains.n - 1]);
	for (size_t i = 0; i < 2; i++, buf_char(&b, '\n'))
		for (size_t k = 0; k < kinds[i]->n; k++)
			buf_printf(&b, "%u:%u:%u ", kinds[i]->v[k].container_id,
				   kinds[i]->v[k].host_id, kinds[i]->v[k].size);
	if (b.failed)
		return fail(e, ENOMEM, "copy the layers of the image");
	sha256_text(b.p, b.len, out);
	return 0;
}

static int copy_into(const struct store *s, const struct image *im, int work,
		     const struct id_maps *maps, struct err *e)
{
	auto_close int root = mount_in(s, im, work, e);
	auto_close int to = root < 0 ? root : make_and_open(work, "copy", 0755, e);
	auto_close int from = to < 0 ? -1 : openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (to < 0)
		return to;
	if (from < 0)
		return fail(e, errno, "open the image");
	int rc = tree_copy_mapped(from, to, maps, e);
	return rc == 0 && syncfs(to) < 0 ? fail(e, errno, "sync the copy of the image") : rc;
}

/* That layer, made unless it is there. */
static int copy_open(const struct store *s, const struct image *im, const char *name,
		     const struct id_maps *maps, struct err *e)
{
	char dir[STORE_WORK_NAME];
	struct err absent;
	int fd = store_layer_open(s, name, &absent);
	if (fd != -ENOENT)
		return fd < 0 ? store_layer_open(s, name, e) : fd;
	int work = store_work_begin(s, dir, e);
	if (work < 0)
		return work;
	int rc = copy_into(s, im, work, maps, e);
	if (rc == 0)
		rc = store_layer_commit(s, work, "copy", name, e);
	store_work_end(s, work, dir);
	return rc < 0 ? rc : store_layer_open(s, name, e);
}

/* The whole root as it is, where it is no overlay either. */
static int copy_whole(int dir, const struct root_copy *r, struct err *e)
{
	auto_close int to = make_and_open(dir, "root", 0755, e);
	auto_close int from = to < 0 ? -1
				     : openat(r->rootfs, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (to < 0)
		return to;
	if (from < 0)
		return fail(e, errno, "open the root of the container");
	int rc = tree_copy_mapped(from, to, r->maps, e);
	if (rc < 0)
		return rc;
	int mount = sys_open_tree(dir, "root", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	return mount < 0 ? fail(e, errno, "mount the root of the container") : mount;
}

int image_mount_copied(const struct store *s, const struct image *im, const char *id,
		       const struct root_copy *r, struct err *e)
{
	char name[SHA256_TEXT];
	struct statfs fs;
	auto_overlay o = { .upper = -1, .work = -1 };
	auto_close int dir = store_container_open(s, id, e);
	if (dir < 0)
		return dir;
	if (!im->chains.n || fstatfs(r->rootfs, &fs) < 0 || fs.f_type != OVERLAYFS_SUPER_MAGIC)
		return copy_whole(dir, r, e);
	auto_close int written = make_and_open(dir, "upper", 0755, e);
	int rc = written < 0 ? written : copy_name(im, r->maps, name, e);
	if (rc >= 0)
		rc = note_layers(dir, im, name, e);
	if (rc >= 0)
		rc = o.lower[0] = copy_open(s, im, name, r->maps, e);
	o.n = rc >= 0;
	if (rc >= 0)
		rc = o.upper = make_and_open(dir, "own", 0755, e);
	if (rc >= 0)
		rc = o.work = make_and_open(dir, "own-work", 0700, e);
	if (rc >= 0)
		rc = tree_copy_mapped(written, o.upper, r->maps, e);
	return rc < 0 ? rc : overlay_mount(&o, dir, e);
}

int image_mount_work(const struct store *s, const struct image *im, int work, struct err *e)
{
	return mount_in(s, im, work, e);
}

int image_release(const struct store *s, const char *id, struct err *e)
{
	return store_container_remove(s, id, e);
}

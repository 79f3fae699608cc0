/* treecopy.c - the tree of a whole image, or of a layer of it, as a directory of its own. */
#include "image/treecopy.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/loop.h"
#include "image/tree_inner.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <search.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define CHUNK 131072
#define FILES (PATH_MAX / 2 + 256) /* open at a time: one a level, of which a path has no more */

/* A file of several names, and the first of them. */
struct inode {
	dev_t dev;
	ino_t ino;
	char path[];
};

struct copy {
	struct tree tree;
	struct tree_entry entry;
	const struct id_maps *maps; /* NULL: ids are what they are */
	struct buf path;	    /* of the entry */
	void *inodes;		    /* tsearch's, of struct inode */
	struct buf values;	    /* of the entry's attributes */
	char names[XATTR_MOST];	    /* theirs */
	char link[PATH_MAX];	    /* a symlink's text */
	char chunk[CHUNK];
};

static int copy_directory(struct copy *c, int from, struct err *e);

static int by_inode(const void *a, const void *b)
{
	const struct inode *x = a, *y = b;
	if (x->dev != y->dev)
		return x->dev < y->dev ? -1 : 1;
	return x->ino == y->ino ? 0 : x->ino < y->ino ? -1 : 1;
}

/* Whether that file has been copied under another name: then the entry becomes a link to it. */
static int find_link(struct copy *c, const struct stat *st, struct err *e)
{
	struct inode *i = calloc(1, sizeof(*i) + c->path.len + 1);
	if (!i)
		return fail(e, ENOMEM, "copy %.200s", c->path.p);
	i->dev = st->st_dev;
	i->ino = st->st_ino;
	memcpy(i->path, c->path.p, c->path.len);
	struct inode **known = tsearch(i, &c->inodes, by_inode);
	if (!known || *known != i) {
		if (known) {
			c->entry.link = (*known)->path;
			c->entry.hard_link = true;
		}
		free(i);
		return known ? 0 : fail(e, ENOMEM, "copy %.200s", c->path.p);
	}
	return 0;
}

/* The attributes of an open file or directory; which of them may be set is the tree's to know. */
static int read_xattrs(struct copy *c, int fd, struct err *e)
{
	size_t at[TREE_XATTRS_MAX], n = 0;
	ssize_t all = flistxattr(fd, c->names, sizeof(c->names));
	c->values.len = 0;
	c->values.max = (size_t)TREE_XATTRS_MAX * XATTR_MOST;
	if (all < 0)
		return errno == ENOTSUP
			       ? 0
			       : fail(e, errno, "list the attributes of %.200s", c->path.p);
	for (const char *name = c->names; name < c->names + all; name += strlen(name) + 1) {
		ssize_t size = fgetxattr(fd, name, c->chunk, XATTR_MOST);
		if (size < 0)
			continue; /* not for us to see */
		if (n == TREE_XATTRS_MAX)
			return refuse(e, E2BIG, "%.200s has more than %d attributes", c->path.p,
				      TREE_XATTRS_MAX);
		at[n] = c->values.len;
		buf_add(&c->values, c->chunk, (size_t)size);
		c->entry.xattrs[n++] = (struct tree_xattr){ .name = name, .size = (size_t)size };
	}
	if (c->values.failed || !buf_room(&c->values, 0))
		return fail(e, ENOMEM, "read the attributes of %.200s", c->path.p);
	for (size_t i = 0; i < n; i++)
		c->entry.xattrs[i].value = c->values.p + at[i];
	c->entry.xattrs_n = n;
	return 0;
}

/* By the kernel if it can, which shares the blocks where the file systems know how. */
static int copy_range(struct copy *c, int from, int to, off_t at, off_t end, struct err *e)
{
	off_t in = at, out = at;
	while (out < end) {
		ssize_t n = copy_file_range(from, &in, to, &out, (size_t)(end - out), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
	}
	c->tree.end = out;
	while (out < end) {
		ssize_t n = pread(from, c->chunk, CHUNK, out);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? fail(e, errno, "read %.200s", c->path.p)
				 : refuse(e, EIO, "%.200s is shorter than it says", c->path.p);
		int rc = tree_file_write(&c->tree, to, c->chunk, (size_t)n, out, e);
		if (rc < 0)
			return within(e, "%.200s", c->path.p);
		out += n;
	}
	return 0;
}

/* Holes stay holes. */
static int copy_bytes(struct copy *c, int from, int to, off_t size, struct err *e)
{
	int rc = 0;
	for (off_t at = 0, hole; rc == 0 && at < size; at = hole) {
		off_t data = lseek(from, at, SEEK_DATA);
		if (data < 0 && errno == ENXIO)
			return 0;
		hole = data < 0 ? -1 : lseek(from, data, SEEK_HOLE);
		if (hole < 0) { /* a file system that does not know */
			data = at;
			hole = size;
		}
		rc = copy_range(c, from, to, data, hole < size ? hole : size, e);
	}
	return rc;
}

static int copy_file(struct copy *c, int from, off_t size, struct err *e)
{
	int to = -1;
	int rc = read_xattrs(c, from, e);
	if (rc == 0)
		rc = tree_add(&c->tree, &c->entry, &to, e);
	if (rc <= 0)
		return rc;
	rc = copy_bytes(c, from, to, size, e);
	if (rc == 0)
		return tree_file_end(&c->tree, &c->entry, to, size, e);
	close(to);
	return rc;
}

static bool interrupted(void)
{
	sigset_t waiting, ends;
	bool any = false;
	if (sigpending(&waiting) < 0 || sigisemptyset(&waiting))
		return false;
	signals_ending(&ends);
	for (int i = 1; i < 32; i++)
		any |= sigismember(&waiting, i) == 1 && sigismember(&ends, i) == 1;
	return any;
}

static int map_id(uint32_t *id, const struct spec_id_mappings *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (*id >= l->v[i].container_id && *id - l->v[i].container_id < l->v[i].size) {
			*id = l->v[i].host_id + (*id - l->v[i].container_id);
			return 0;
		}
	return -EINVAL;
}

static int map_owner(struct copy *c, struct err *e)
{
	uint32_t uid = c->entry.uid, gid = c->entry.gid;
	if (!c->maps)
		return 0;
	if (map_id(&uid, c->maps->uids) < 0 || map_id(&gid, c->maps->gids) < 0)
		return refuse(e, EINVAL,
			      "%.200s is of %u:%u, which the container has no ids for: give more "
			      "in /etc/subuid and /etc/subgid",
			      c->path.p, c->entry.uid, c->entry.gid);
	c->entry.uid = uid;
	c->entry.gid = gid;
	return 0;
}

/* What is under the entry's path. */
static int copy_entry(struct copy *c, int dir, const char *name, struct err *e)
{
	struct stat st, now;
	int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK;
	if (interrupted())
		return refuse(e, EINTR, "interrupted");
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(e, errno, "look at %.200s", c->path.p);
	c->entry = (struct tree_entry){ .path = c->path.p,
					.mode = st.st_mode,
					.uid = st.st_uid,
					.gid = st.st_gid,
					.device = st.st_rdev,
					.mtime = st.st_mtim };
	if (S_ISCHR(st.st_mode) && st.st_rdev == 0) /* overlayfs' whiteout */
		return tree_remove(c->tree.root, c->path.p, e);
	int rc = st.st_nlink > 1 && !S_ISDIR(st.st_mode) ? find_link(c, &st, e) : 0;
	if (rc == 0)
		rc = map_owner(c, e);
	if (rc < 0)
		return rc;
	bool open_it = !c->entry.hard_link && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode));
	auto_close int fd = open_it ? openat(dir, name, flags) : -1;
	if (open_it && (fd < 0 || fstat(fd, &now) < 0))
		return fail(e, errno, "open %.200s", c->path.p);
	if (open_it && (now.st_mode & S_IFMT) != (st.st_mode & S_IFMT)) /* by who lives there */
		return refuse(e, EAGAIN, "%.200s is changed while it is copied", c->path.p);
	if (S_ISDIR(st.st_mode))
		return copy_directory(c, take_fd(&fd), e);
	if (open_it)
		return copy_file(c, fd, st.st_size, e);
	if (S_ISLNK(st.st_mode) && !c->entry.hard_link) {
		ssize_t n = readlinkat(dir, name, c->link, sizeof(c->link) - 1);
		if (n < 0)
			return fail(e, errno, "read the link %.200s", c->path.p);
		c->link[n] = 0;
		c->entry.link = c->link;
	}
	return tree_add(&c->tree, &c->entry, NULL, e);
}

static bool is_opaque(const struct copy *c)
{
	for (size_t i = 0; i < c->entry.xattrs_n; i++) {
		const struct tree_xattr *x = &c->entry.xattrs[i];
		if (!strcmp(x->name, OVERLAY_OPAQUE) || !strcmp(x->name, OVERLAY_OPAQUE_USER))
			return true;
	}
	return false;
}

/* Takes the fd; the entry is its own. */
static int copy_directory(struct copy *c, int from, struct err *e)
{
	int rc = read_xattrs(c, from, e);
	if (rc == 0 && c->path.len > 1 && is_opaque(c))
		rc = tree_remove(c->tree.root, c->path.p, e);
	if (rc == 0)
		rc = tree_bare(c->tree.root, c->path.p, e);
	if (rc == 0)
		rc = tree_add(&c->tree, &c->entry, NULL, e);
	DIR *d = rc < 0 ? NULL : fdopendir(from);
	if (!d) {
		rc = rc < 0 ? rc : fail(e, errno, "read %.200s", c->path.p);
		close(from);
		return rc;
	}
	size_t above = c->path.len;
	for (struct dirent *entry; rc == 0 && (errno = 0, entry = readdir(d));) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		buf_printf(&c->path, "/%s", entry->d_name);
		rc = c->path.failed ? refuse(e, ENAMETOOLONG, "%.200s: too deep", c->path.p)
				    : copy_entry(c, from, entry->d_name, e);
		c->path.len = above;
		c->path.p[above] = 0;
	}
	if (rc == 0 && errno)
		rc = fail(e, errno, "read %.200s", c->path.p);
	closedir(d);
	return rc;
}

static int copy_tree(int from, int to, const struct id_maps *maps, struct err *e)
{
	struct copy *c = calloc(1, sizeof(*c));
	if (!c)
		return fail(e, ENOMEM, "copy a tree");
	/* It is the caller's own: there is no limit to it. */
	const struct limits none = { .size = INT64_MAX, .entries = UINT64_MAX, .name = PATH_MAX };
	struct usage used = { 0 };
	tree_begin(&c->tree, to, &none, &used);
	c->maps = maps;
	c->path.max = PATH_MAX;
	buf_str(&c->path, ".");
	int rc = c->path.failed ? fail(e, ENOMEM, "copy a tree") : copy_entry(c, from, ".", e);
	if (rc == 0)
		rc = tree_end(&c->tree, e);
	tdestroy(c->inodes, free);
	tree_free(&c->tree);
	buf_free(&c->path);
	buf_free(&c->values);
	free(c);
	return rc;
}

int tree_copy_mapped(int from, int to, const struct id_maps *maps, struct err *e)
{
	struct rlimit was, files;
	bool more = getrlimit(RLIMIT_NOFILE, &was) == 0 && was.rlim_cur < FILES;
	files = was;
	files.rlim_cur = was.rlim_max < FILES ? was.rlim_max : FILES;
	if (more)
		setrlimit(RLIMIT_NOFILE, &files);
	int rc = copy_tree(from, to, maps, e);
	if (more)
		setrlimit(RLIMIT_NOFILE, &was);
	return rc;
}

int tree_copy(int from, int to, struct err *e)
{
	return tree_copy_mapped(from, to, NULL, e);
}

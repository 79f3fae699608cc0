/* tree.c - the tree of one layer, written entry by entry below a directory that nothing in it can
 * lead out of. */
#include "base/file.h"
#include "base/sys.h"
#include "box/subid.h"
#include "image/tree_inner.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#define WHITEOUT ".wh."
#define OPAQUE	 ".wh..wh..opq"

#define IMPLIED 0755 /* the mode of a directory that nobody describes */

void tree_begin(struct tree *t, int root, const struct limits *l, struct usage *u)
{
	struct stat st;
	*t = (struct tree){ .root = root,
			    .limits = l,
			    .usage = u,
			    .owners = geteuid() == 0 && !subid_alone(),
			    .parent_fd = -1 };
	t->mask = umask(0);
	umask(t->mask);
	/* New files are root's own already, but for those below a directory that passes on its
	 * group. */
	t->plain = t->owners && getegid() == 0 && fstat(root, &st) == 0 && !(st.st_mode & S_ISGID);
	t->shaped = t->plain && !(t->mask & IMPLIED);
	tree_late(t, "", &(struct late){ .mode = IMPLIED, .implied = true }, NULL);
}

void tree_free(struct tree *t)
{
	put_fd(&t->parent_fd, -1);
	buf_free(&t->dirs);
	buf_free(&t->implied);
	buf_free(&t->parent);
}

int path_clean(const char *path, char *out, struct err *e)
{
	size_t len = 0;
	for (const char *p = path; *p;) {
		size_t n = strcspn(p, "/");
		const char *part = p;
		p += n + (p[n] == '/');
		if (!n || (n == 1 && *part == '.'))
			continue;
		if (n == 2 && !strncmp(part, "..", 2)) {
			if (!len)
				return refuse(e, EINVAL, "the entry %.200s leads out of the layer",
					      path);
			while (len && out[--len] != '/')
				;
			continue;
		}
		if (len + n + 2 > PATH_MAX)
			return refuse(e, ENAMETOOLONG, "the entry %.200s has too long a name",
				      path);
		if (len)
			out[len++] = '/';
		memcpy(out + len, part, n);
		len += n;
	}
	out[len] = 0;
	return 0;
}

static bool is_whiteout(int dir, const char *name)
{
	struct stat st;
	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISCHR(st.st_mode) &&
	       st.st_rdev == 0;
}

/* Attributes trusted.* are for root of the machine alone. */
static const char *opaque_mark(void)
{
	return subid_inside() ? OVERLAY_OPAQUE_USER : OVERLAY_OPAQUE;
}

bool tree_opaque(int dir)
{
	char mark = 0;
	return fgetxattr(dir, opaque_mark(), &mark, 1) == 1 && mark == 'y';
}

static int set_opaque(int dir, const char *name, struct err *e)
{
	auto_close int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return fail(e, errno, "open %s", name);
	if (fsetxattr(fd, opaque_mark(), "y", 1, 0) < 0)
		return fail(e, errno, "make directory %s opaque", name);
	return 0;
}

/* A directory of that name. In the place of a whiteout it is opaque: what the whiteout hid stays
 * hidden. 1 when it was made, 0 when there was one. */
static int make_dir(int dir, const char *name, mode_t mode, struct err *e)
{
	if (mkdirat(dir, name, mode) == 0)
		return 1;
	if (errno != EEXIST)
		return fail(e, errno, "make directory %s", name);
	struct stat st;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
		return 0;
	bool hidden = is_whiteout(dir, name);
	if (unlinkat(dir, name, 0) < 0 || mkdirat(dir, name, mode) < 0)
		return fail(e, errno, "make directory %s", name);
	int rc = hidden ? set_opaque(dir, name, e) : 0;
	return rc < 0 ? rc : 1;
}

/* A parent that no entry has described (yet), of something that is below path. */
static int imply_dir(struct tree *t, int above, const char *name, const char *path,
		     const char *below, struct err *e)
{
	struct stat st;
	int made = mkdirat(above, name, IMPLIED) == 0;
	if (!made && fstatat(above, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(st.st_mode) &&
	    !is_whiteout(above, name))
		return refuse(e, ENOTDIR, "%.200s lies below %.200s, which is no directory", below,
			      path);
	if (!made)
		made = make_dir(above, name, IMPLIED, e);
	if (made <= 0)
		return made;
	return tree_late(t, path, &(struct late){ .mode = IMPLIED, .implied = true }, e);
}

/* Opens the directory path[0..len), making what is missing of it. */
static int open_dir(struct tree *t, const char *path, size_t len, struct err *e)
{
	char upto[PATH_MAX];
	memcpy(upto, path, len);
	upto[len] = 0;
	int fd = tree_open(t->root, upto, O_PATH);
	if (fd >= 0)
		return fd;
	/* The longest part that is there, then downwards from it. */
	size_t have = len;
	while (have && (fd == -ENOENT || fd == -ENOTDIR)) {
		while (have && path[--have] != '/')
			;
		upto[have] = 0;
		fd = tree_open(t->root, upto, O_PATH);
	}
	auto_close int at = fd;
	while (at >= 0 && have < len) {
		size_t start = have + (path[have] == '/');
		have = start + strcspn(path + start, "/");
		memcpy(upto, path, have);
		upto[have] = 0;
		const char *name = upto + start;
		int rc = imply_dir(t, at, name, upto, path, e);
		if (rc < 0)
			return rc;
		put_fd(&at, openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
		if (at < 0)
			return fail(e, errno, "open directory %.200s", upto);
	}
	return at < 0 ? fail(e, fd, "open directory %.200s", path) : take_fd(&at);
}

/* The directory that a clean path's last part is in, and that part. The fd is the tree's. */
static int open_parent(struct tree *t, const char *path, const char **leaf, struct err *e)
{
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 0;
	*leaf = slash ? slash + 1 : path;
	if (t->parent_fd >= 0 && t->parent.len == len && !memcmp(t->parent.p, path, len))
		return t->parent_fd;
	int fd = open_dir(t, path, len, e);
	if (fd < 0)
		return fd;
	put_fd(&t->parent_fd, fd);
	t->parent.len = 0;
	buf_add(&t->parent, path, len);
	buf_char(&t->parent, 0);
	if (t->parent.failed)
		return fail(e, ENOMEM, "open directory of %.200s", path);
	t->parent.len = len;
	return fd;
}

/* Makes room for a leaf. */
static int clear(int dir, const char *leaf, struct err *e)
{
	if (unlinkat(dir, leaf, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return fail(e, errno, "replace %s", leaf);
	return tree_remove(dir, leaf, e);
}

/* Whether a new file of the entry has its owner from the start. */
static bool owned(const struct tree *t, const struct tree_entry *n)
{
	return t->plain && n->uid == 0 && n->gid == 0;
}

static int set_owner(const struct tree *t, const struct tree_entry *n, int dir, const char *leaf,
		     struct err *e)
{
	if (t->owners && !owned(t, n) &&
	    fchownat(dir, leaf, n->uid, n->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(e, errno, "set the owner of %.200s", n->path);
	return 0;
}

/* What a directory that is there gets at once. */
static int shape_directory(const struct tree *t, const struct tree_entry *n, int dir,
			   const char *leaf, struct err *e)
{
	auto_close int fd = openat(dir, leaf, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return fail(e, errno, "open %.200s", n->path);
	if (t->owners && fchown(fd, n->uid, n->gid) < 0)
		return fail(e, errno, "set the owner of %.200s", n->path);
	return tree_xattrs(n, fd, e);
}

static int add_directory(struct tree *t, const struct tree_entry *n, const char *path, int dir,
			 const char *leaf, struct err *e)
{
	/* 1: it is new, and so has no other owner. */
	int rc = *path ? make_dir(dir, leaf, 0700, e) : 0;
	if (rc < 0)
		return within(e, "%.200s", n->path);
	if (rc == 0 || n->xattrs_n || !owned(t, n))
		rc = shape_directory(t, n, dir, *path ? leaf : ".", e);
	if (rc < 0)
		return rc;
	struct late late = { .mode = n->mode & 07777, .mtime = n->mtime };
	for (size_t i = 0; i < n->xattrs_n; i++)
		if (!strcmp(n->xattrs[i].name, ACL_DEFAULT)) {
			late.acl = n->xattrs[i].value;
			late.acl_size = n->xattrs[i].size;
		}
	return tree_late(t, path, &late, e);
}

static int make_special(const struct tree_entry *n, int dir, const char *leaf)
{
	if (S_ISLNK(n->mode))
		return symlinkat(n->link, dir, leaf);
	return mknodat(dir, leaf, (n->mode & S_IFMT) | 0600, n->device);
}

/* Symlinks and nodes: made, owned, timed by name; chmod does not follow since a node is no link. */
static int add_special(struct tree *t, const struct tree_entry *n, int dir, const char *leaf,
		       struct err *e)
{
	struct timespec times[2] = { n->mtime, n->mtime };
	int rc = make_special(n, dir, leaf);
	if (rc < 0 && errno == EEXIST) {
		rc = clear(dir, leaf, e);
		if (rc < 0)
			return rc;
		rc = make_special(n, dir, leaf);
	}
	if (rc < 0 && errno == EPERM && (S_ISCHR(n->mode) || S_ISBLK(n->mode)) && subid_inside()) {
		/* He could not open it either; but what it hides stays hidden, where Linux (5.8)
		 * lets him say so. */
		mknodat(dir, leaf, S_IFCHR, makedev(0, 0));
		return 0;
	}
	if (rc < 0)
		return fail(e, errno, "make %.200s", n->path);
	rc = set_owner(t, n, dir, leaf, e);
	if (rc < 0)
		return rc;
	if (!S_ISLNK(n->mode) && fchmodat(dir, leaf, n->mode & 07777, 0) < 0)
		return fail(e, errno, "set the mode of %.200s", n->path);
	if (utimensat(dir, leaf, times, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(e, errno, "set the time of %.200s", n->path);
	return 0;
}

static int add_hard_link(struct tree *t, const struct tree_entry *n, const char *path, int dir,
			 const char *leaf, struct err *e)
{
	char target[PATH_MAX];
	int rc = path_clean(n->link, target, e);
	if (rc < 0)
		return rc;
	if (!*target)
		return refuse(e, EINVAL, "%.200s is a hard link to the root", n->path);
	if (!strcmp(target, path))
		return 0;
	char *slash = strrchr(target, '/');
	if (slash)
		*slash = 0;
	auto_close int from = tree_open(t->root, slash ? target : "", O_PATH);
	const char *name = slash ? slash + 1 : target;
	struct stat st;
	if (from < 0 || fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return refuse(e, ENOENT,
			      "%.200s is a hard link to %.200s, which is not in its layer", n->path,
			      n->link);
	struct stat here;
	if (fstatat(dir, leaf, &here, AT_SYMLINK_NOFOLLOW) == 0 && here.st_ino == st.st_ino)
		return 0; /* two names that links make the same: removing one would remove both */
	rc = clear(dir, leaf, e);
	if (rc == 0 && linkat(from, name, dir, leaf, 0) < 0)
		rc = fail(e, errno, "link %.200s to %.200s", n->path, n->link);
	return rc;
}

/* `.wh.NAME`: NAME of the layers below is gone. What this layer itself has of that name stays,
 * alone. */
static int add_whiteout(const struct tree_entry *n, int dir, const char *leaf, struct err *e)
{
	const char *name = leaf + strlen(WHITEOUT);
	struct stat st;
	if (!strcmp(leaf, OPAQUE)) {
		int rc = set_opaque(dir, ".", e);
		return rc < 0 ? within(e, "%.200s", n->path) : rc;
	}
	if (!*name || !strcmp(name, ".") || !strcmp(name, ".."))
		return refuse(e, EINVAL, "the whiteout %.200s names nothing", n->path);
	if (!strncmp(name, WHITEOUT, strlen(WHITEOUT)))
		return 0; /* notes that aufs left for itself */
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		int rc = S_ISDIR(st.st_mode) ? set_opaque(dir, name, e) : 0;
		return rc < 0 ? within(e, "%.200s", n->path) : rc;
	}
	if (mknodat(dir, name, S_IFCHR, makedev(0, 0)) < 0)
		return fail(e, errno, "make whiteout %.200s", n->path);
	return 0;
}

static int add_file(const struct tree *t, const struct tree_entry *n, int dir, const char *leaf,
		    int *file, struct err *e)
{
	int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	/* A file that would have an owner to lose is nobody's but ours until tree_file_end. */
	mode_t mode = owned(t, n) ? n->mode & 0777 : 0600;
	int fd = openat(dir, leaf, flags, mode);
	if (fd < 0 && errno == EEXIST) {
		int rc = clear(dir, leaf, e);
		if (rc < 0)
			return rc;
		fd = openat(dir, leaf, flags, mode);
	}
	if (fd < 0)
		return fail(e, errno, "create %.200s", n->path);
	*file = fd;
	return 1;
}

int tree_add(struct tree *t, const struct tree_entry *n, int *file, struct err *e)
{
	char path[PATH_MAX];
	const char *leaf;
	int rc = limits_entry(t->limits, t->usage, e);
	if (rc == 0 && strlen(n->path) > t->limits->name)
		rc = refuse(e, ENAMETOOLONG,
			    "the entry %.60s... has a name of %zu bytes, more than the %llu of "
			    "--max-name",
			    n->path, strlen(n->path), (unsigned long long)t->limits->name);
	if (rc == 0)
		rc = path_clean(n->path, path, e);
	if (rc < 0)
		return rc;
	bool directory = S_ISDIR(n->mode) && !n->hard_link;
	if (!*path && !directory)
		return refuse(e, EINVAL, "the entry %.200s would replace the root", n->path);
	int dir = open_parent(t, path, &leaf, e);
	if (dir < 0)
		return dir;
	t->end = 0;
	if (!strncmp(leaf, WHITEOUT, strlen(WHITEOUT)))
		return add_whiteout(n, dir, leaf, e);
	if (n->hard_link)
		return add_hard_link(t, n, path, dir, leaf, e);
	if (directory)
		return add_directory(t, n, path, dir, leaf, e);
	if (S_ISREG(n->mode))
		return add_file(t, n, dir, leaf, file, e);
	if (S_ISLNK(n->mode) || S_ISCHR(n->mode) || S_ISBLK(n->mode) || S_ISFIFO(n->mode) ||
	    S_ISSOCK(n->mode))
		return add_special(t, n, dir, leaf, e);
	return refuse(e, EINVAL, "the entry %.200s is of no known type", n->path);
}

int tree_file_write(struct tree *t, int file, const void *p, size_t n, int64_t at, struct err *e)
{
	const char *from = p;
	int rc = limits_bytes(t->limits, t->usage, (int64_t)n, e);
	if (rc < 0)
		return rc;
	for (; n;) {
		ssize_t done = pwrite(file, from, n, at);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return fail(e, errno, "write a file of the layer");
		from += done;
		at += done;
		n -= (size_t)done;
	}
	t->end = at;
	return 0;
}

int tree_file_end(struct tree *t, const struct tree_entry *n, int file, int64_t size, struct err *e)
{
	auto_close int fd = file;
	struct timespec times[2] = { n->mtime, n->mtime };
	if (t->end < size && ftruncate(fd, size) < 0) /* a hole at the end */
		return fail(e, errno, "set the size of %.200s", n->path);
	bool own = owned(t, n);
	if (t->owners && !own && fchown(fd, n->uid, n->gid) < 0)
		return fail(e, errno, "set the owner of %.200s", n->path);
	/* After chown, which takes setuid and capabilities away. */
	if (!(own && (n->mode & 07777 & ~t->mask) == (n->mode & 0777)) &&
	    fchmod(fd, n->mode & 07777) < 0)
		return fail(e, errno, "set the mode of %.200s", n->path);
	int rc = tree_xattrs(n, fd, e);
	if (rc == 0 && futimens(fd, times) < 0)
		rc = fail(e, errno, "set the time of %.200s", n->path);
	return rc;
}

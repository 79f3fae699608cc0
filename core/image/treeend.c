/* treeend.c - what a tree's directories get at the end, from their entries or from the layers
 * below. */
#include "base/file.h"
#include "base/walk.h"
#include "image/tree_inner.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

/* In t->dirs: this, the path with its NUL, the ACL. */
struct record {
	size_t path_size;
	struct late late;
};

int tree_late(struct tree *t, const char *path, const struct late *l, struct err *e)
{
	struct record r = { .path_size = strlen(path) + 1, .late = *l };
	buf_add(&t->dirs, &r, sizeof(r));
	buf_add(&t->dirs, path, r.path_size);
	buf_add(&t->dirs, l->acl, l->acl_size);
	return t->dirs.failed ? refuse(e, E2BIG, "too many directories in one layer") : 0;
}

/* Steps through t->dirs. Records are copied out: a byte buffer does not align them. */
static bool late_next(const struct tree *t, size_t *at, struct late *l, const char **path)
{
	struct record r;
	if (*at >= t->dirs.len)
		return false;
	memcpy(&r, t->dirs.p + *at, sizeof(r));
	*path = t->dirs.p + *at + sizeof(r);
	*l = r.late;
	l->acl = *path + r.path_size;
	*at += sizeof(r) + r.path_size + l->acl_size;
	return true;
}

int tree_open(int root, const char *path, int flags)
{
	struct open_how how = { .flags = (unsigned)(flags | O_DIRECTORY | O_CLOEXEC),
				.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS |
					   RESOLVE_NO_XDEV };
	return walk_open(root, *path ? path : ".", &how);
}

/* Only what a container may own: trusted.* would be orders to overlayfs. */
static bool xattr_allowed(const char *name)
{
	return (!strncmp(name, "user.", 5) && strncmp(name, "user.overlay.", 13)) ||
	       !strcmp(name, "security.capability") || !strncmp(name, "system.posix_acl_", 17);
}

int tree_xattrs(const struct tree_entry *n, int fd, struct err *e)
{
	for (size_t i = 0; i < n->xattrs_n; i++) {
		const struct tree_xattr *x = &n->xattrs[i];
		if (!xattr_allowed(x->name) || !strcmp(x->name, ACL_DEFAULT) ||
		    fsetxattr(fd, x->name, x->value, x->size, 0) == 0)
			continue;
		if (errno != ENOTSUP) /* a file system without them: nothing to be done */
			return fail(e, errno, "set %.80s of %.200s", x->name, n->path);
	}
	return 0;
}

int tree_bare(int root, const char *path, struct err *e)
{
	char names[XATTR_MOST];
	auto_close int fd = tree_open(root, path, O_RDONLY | O_NOFOLLOW);
	ssize_t n = fd < 0 ? 0 : flistxattr(fd, names, sizeof(names));
	if (n < 0 && errno != ENOTSUP)
		return fail(e, errno, "list the attributes of %.200s", path);
	for (ssize_t at = 0; at < n; at += (ssize_t)strlen(names + at) + 1)
		if (xattr_allowed(names + at) && fremovexattr(fd, names + at) < 0)
			return fail(e, errno, "remove %.80s of %.200s", names + at, path);
	if (fd >= 0 && fchmod(fd, 0700) < 0)
		return fail(e, errno, "set the mode of %.200s", path);
	return 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The sorted paths that entries have described; n of them, to be freed. */
static const char **described(const struct tree *t, size_t *n)
{
	const char *path, **out;
	struct late l;
	*n = 0;
	for (size_t at = 0; late_next(t, &at, &l, &path);)
		*n += !l.implied;
	out = malloc((*n + 1) * sizeof(*out));
	size_t i = 0;
	for (size_t at = 0; out && late_next(t, &at, &l, &path);)
		if (!l.implied)
			out[i++] = path;
	if (out)
		qsort(out, *n, sizeof(*out), by_text);
	return out;
}

static int apply_late(const struct tree *t, const struct late *l, const char *path, struct err *e)
{
	struct timespec times[2] = { l->mtime, l->mtime };
	auto_close int fd = tree_open(t->root, path, O_RDONLY | O_NOFOLLOW);
	if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP)
		return 0; /* a later entry has replaced it */
	if (fd < 0)
		return fail(e, fd, "open directory %.200s", path);
	if (fchmod(fd, l->mode) < 0)
		return fail(e, errno, "set the mode of %.200s", path);
	if (l->acl_size && fsetxattr(fd, ACL_DEFAULT, l->acl, l->acl_size, 0) < 0 &&
	    errno != ENOTSUP)
		return fail(e, errno, "set the default ACL of %.200s", path);
	if (!l->implied && futimens(fd, times) < 0)
		return fail(e, errno, "set the time of %.200s", path);
	return 0;
}

int tree_end(struct tree *t, struct err *e)
{
	size_t n;
	if (t->dirs.failed)
		return fail(e, ENOMEM, "unpack a layer");
	const char *path, **known = described(t, &n);
	if (!known)
		return fail(e, ENOMEM, "unpack a layer");
	struct late l;
	int rc = 0;
	for (size_t at = 0; rc == 0 && late_next(t, &at, &l, &path);) {
		if (l.implied && bsearch(&path, known, n, sizeof(*known), by_text))
			continue;
		if (l.implied)
			buf_add(&t->implied, path, strlen(path) + 1);
		if (!l.implied || !t->shaped || !*path)
			rc = apply_late(t, &l, path, e);
	}
	free(known);
	if (rc == 0 && t->implied.failed)
		rc = refuse(e, E2BIG, "too many directories in one layer");
	return rc;
}

static int copy_xattrs(int from, int to, const char *path, struct err *e)
{
	char names[XATTR_MOST], value[XATTR_MOST];
	ssize_t n = flistxattr(from, names, sizeof(names));
	if (n < 0 && errno != ENOTSUP)
		return fail(e, errno, "list the attributes of %.200s", path);
	for (ssize_t at = 0; at < n; at += (ssize_t)strlen(names + at) + 1) {
		if (!xattr_allowed(names + at))
			continue;
		ssize_t size = fgetxattr(from, names + at, value, sizeof(value));
		if (size < 0 || fsetxattr(to, names + at, value, (size_t)size, 0) < 0)
			return fail(e, errno, "copy %.80s of %.200s", names + at, path);
	}
	return 0;
}

size_t tree_having(const int *trees, size_t n, const char *path, size_t len, int *out)
{
	char upto[PATH_MAX];
	size_t found = 0;
	snprintf(upto, sizeof(upto), "%.*s", (int)len, path);
	for (size_t i = 0; i < n; i++) {
		auto_close int fd = len ? tree_open(trees[i], upto, O_PATH) : -1;
		if (fd >= 0 || !len)
			out[found++] = trees[i];
	}
	return found;
}

int tree_adopt(int root, const char *path, const int *lower, size_t n, struct err *e)
{
	while (n--) {
		struct stat st;
		auto_close int from = tree_open(lower[n], path, O_RDONLY);
		if (from < 0 || fstat(from, &st) < 0)
			continue;
		auto_close int to = tree_open(root, path, O_RDONLY | O_NOFOLLOW);
		if (to < 0)
			return 0;
		struct timespec times[2] = { st.st_mtim, st.st_mtim };
		if (fchown(to, st.st_uid, st.st_gid) < 0 || fchmod(to, st.st_mode & 07777) < 0)
			return fail(e, errno, "set owner and mode of %.200s", path);
		int rc = copy_xattrs(from, to, path, e);
		if (rc == 0 && futimens(to, times) < 0)
			rc = fail(e, errno, "set the time of %.200s", path);
		return rc;
	}
	return 0;
}

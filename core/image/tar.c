/* tar.c - a tar stream becomes a tree. Beside tarfile.c the only file that knows libarchive, of
 * which only the tar reader is used. */
#include "image/tar.h"

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>
#include <string.h>

struct feed {
	struct source *from;
	const void *first; /* what was read to see whether there is anything */
	ssize_t first_n;
	int64_t room; /* for bytes of a header */
	struct err *e;
	int failed; /* -errno when the source did, which says it better than libarchive could */
};

int tar_header_refuse(struct err *e)
{
	return refuse(e, E2BIG, "more than %lld bytes about one entry", (long long)TAR_HEADER_MAX);
}

static la_ssize_t feed_read(struct archive *a, void *arg, const void **p)
{
	struct feed *f = arg;
	ssize_t n = f->first_n;
	*p = f->first;
	f->first_n = 0;
	if (n == 0)
		n = source_read(f->from, p, f->e);
	if (n > f->room)
		n = tar_header_refuse(f->e);
	f->room -= n > 0 ? n : 0;
	if (n < 0) {
		f->failed = (int)n;
		archive_set_error(a, EIO, "source failed");
		return -1;
	}
	return n;
}

static int tar_wrong(struct archive *a, const struct feed *f, struct err *e)
{
	if (f->failed)
		return f->failed;
	const char *why = archive_error_string(a);
	return refuse(e, EBADMSG, "not a valid tar archive: %s", why ? why : "unknown error");
}

static int entry_read(struct archive_entry *in, struct tree_entry *n, struct err *e)
{
	const char *hard = archive_entry_hardlink(in);
	*n = (struct tree_entry){ .path = archive_entry_pathname(in), .hard_link = hard != NULL };
	if (!n->path)
		return refuse(e, EBADMSG, "an entry of the layer has no name");
	n->mode = archive_entry_mode(in);
	n->link = hard ? hard : archive_entry_symlink(in);
	if (S_ISLNK(n->mode) && !n->hard_link && !n->link)
		return refuse(e, EBADMSG, "the link %.200s leads nowhere", n->path);
	int64_t uid = archive_entry_uid(in), gid = archive_entry_gid(in);
	if (uid < 0 || uid >= UINT32_MAX || gid < 0 || gid >= UINT32_MAX)
		return refuse(e, EBADMSG, "the owner of %.200s is out of range", n->path);
	n->uid = (uid_t)uid;
	n->gid = (gid_t)gid;
	n->device = archive_entry_rdev(in);
	n->mtime = (struct timespec){ .tv_sec = archive_entry_mtime(in),
				      .tv_nsec = archive_entry_mtime_nsec(in) };
	const char *name;
	const void *value;
	size_t size;
	archive_entry_xattr_reset(in);
	while (archive_entry_xattr_next(in, &name, &value, &size) == ARCHIVE_OK) {
		if (n->xattrs_n == TREE_XATTRS_MAX)
			return refuse(e, E2BIG, "too many attributes on %.200s", n->path);
		n->xattrs[n->xattrs_n++] = (struct tree_xattr){ name, value, size };
	}
	return 0;
}

static int file_fill(struct archive *a, const struct feed *f, struct tree *t, int file,
		     struct err *e)
{
	const void *p;
	size_t n;
	la_int64_t at;
	int rc;
	while ((rc = archive_read_data_block(a, &p, &n, &at)) == ARCHIVE_OK || rc == ARCHIVE_WARN) {
		int bad = tree_file_write(t, file, p, n, at, e);
		if (bad < 0)
			return bad;
	}
	return rc == ARCHIVE_EOF ? 0 : tar_wrong(a, f, e);
}

static int entry_add(struct archive *a, struct archive_entry *in, const struct feed *f,
		     struct tree *t, struct err *e)
{
	struct tree_entry n;
	int file = -1, rc = entry_read(in, &n, e);
	if (rc == 0)
		rc = tree_add(t, &n, &file, e);
	if (rc <= 0)
		return rc; /* data of what is no file is skipped */
	rc = archive_entry_size(in) > 0 ? file_fill(a, f, t, file, e) : 0;
	struct err second;
	int end = tree_file_end(t, &n, file, archive_entry_size(in), rc < 0 ? &second : e);
	return rc < 0 ? rc : end;
}

static int next_header(struct archive *a, struct feed *f, struct archive_entry **in)
{
	f->room = TAR_HEADER_MAX;
	int rc = archive_read_next_header(a, in);
	f->room = INT64_MAX;
	return rc;
}

static int entries(struct archive *a, struct feed *f, struct tree *t, struct err *e)
{
	struct archive_entry *in;
	int rc;
	/* A warning is about a name's characters: its bytes come all the same. */
	while ((rc = next_header(a, f, &in)) == ARCHIVE_OK || rc == ARCHIVE_WARN) {
		int bad = entry_add(a, in, f, t, e);
		if (bad < 0)
			return bad;
		if (archive_read_data_skip(a) < ARCHIVE_WARN)
			return tar_wrong(a, f, e);
	}
	return rc == ARCHIVE_EOF ? 0 : tar_wrong(a, f, e);
}

int tar_read(struct source *s, struct tree *t, struct err *e)
{
	struct feed f = { .from = s, .room = INT64_MAX, .e = e };
	f.first_n = source_read(s, &f.first, e);
	if (f.first_n <= 0)
		return (int)f.first_n;
	/* Names in pax headers are UTF-8, and libarchive converts them to the locale's. */
	setlocale(LC_CTYPE, "C.UTF-8");
	struct archive *a = archive_read_new();
	if (!a)
		return fail(e, ENOMEM, "unpack a layer");
	int rc = 0;
	if (archive_read_support_format_tar(a) != ARCHIVE_OK ||
	    archive_read_open(a, &f, NULL, feed_read, NULL) != ARCHIVE_OK)
		rc = tar_wrong(a, &f, e);
	if (rc == 0)
		rc = entries(a, &f, t, e);
	archive_read_free(a);
	return rc;
}

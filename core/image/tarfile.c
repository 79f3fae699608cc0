/* tarfile.c - a tar file on disk whose members are read in any order. Beside tar.c the only file
 * that knows libarchive. */
#include "image/tarfile.h"
#include "base/buf.h"
#include "base/file.h"
#include "image/apart.h"
#include "image/tar.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MEMBERS_MAX ((size_t)1 << 16)
#define LIST_MAX    ((size_t)16 << 20)
#define LINKS_MAX   4

/* The file's bytes from a position of its own: fds that forked processes share have but one. */
struct place {
	struct source source;
	int fd;
	off_t at, size;
	char chunk[SOURCE_CHUNK];
};

struct reading {
	struct source source;
	struct apart apart;
	struct place place;
	struct inflate *inflate;
	struct archive *archive;
	const struct tarfile *file;
	const struct tarmember *member;
	int64_t drop; /* bytes to pass over before libarchive sees any */
	int64_t seen; /* bytes of the member */
	int64_t room; /* for bytes of a header */
	int64_t unpacked;
	struct err *e;
	int failed; /* -errno of the source, which says it better than libarchive could */
};

static ssize_t place_read(struct source *s, const void **p, struct err *e)
{
	struct place *f = (struct place *)s;
	ssize_t n;
	do {
		n = pread(f->fd, f->chunk, sizeof(f->chunk), f->at);
	} while (n < 0 && errno == EINTR);
	*p = f->chunk;
	f->at += n > 0 ? n : 0;
	return n < 0 ? fail(e, errno, "read an archive") : n;
}

static la_ssize_t feed_read(struct archive *a, void *arg, const void **p)
{
	struct reading *r = arg;
	ssize_t n;
	do {
		n = source_read(inflate_source(r->inflate), p, r->e);
		r->unpacked += n > 0 ? n : 0;
		if (n > 0 && r->file->packing != PACK_NONE &&
		    limits_ratio(r->file->limits, r->place.at, r->unpacked, r->e) < 0)
			n = -r->e->code;
		if (n > 0 && r->drop) {
			ssize_t over = r->drop < n ? (ssize_t)r->drop : n;
			*p = (const char *)*p + over;
			n -= over;
			r->drop -= over;
			if (!n)
				continue;
		}
		break;
	} while (true);
	if (n > r->room)
		n = tar_header_refuse(r->e);
	r->room -= n > 0 ? n : 0;
	if (n >= 0)
		return n;
	r->failed = (int)n;
	archive_set_error(a, EIO, "source failed");
	return -1;
}

/* Only what is there is passed over: a file that ends too early shall be found out. */
static la_int64_t feed_skip(struct archive *a, void *arg, la_int64_t n)
{
	struct reading *r = arg;
	if (r->file->packing != PACK_NONE || r->place.at >= r->place.size)
		return 0;
	if (n > r->place.size - r->place.at)
		n = r->place.size - r->place.at;
	r->place.at += n;
	return n;
}

static int wrong(const struct reading *r, struct err *e)
{
	if (r->failed)
		return within(e, "%.300s", r->file->path);
	const char *why = archive_error_string(r->archive);
	return refuse(e, EBADMSG, "%.300s is not a valid tar file: %s", r->file->path,
		      why ? why : "unknown error");
}

/* libarchive from that position on. */
static int begin(const struct tarfile *t, int64_t at, struct reading **out, struct err *e)
{
	struct stat st;
	struct reading *r = *out = calloc(1, sizeof(*r));
	if (!r)
		return fail(e, ENOMEM, "read %.300s", t->path);
	r->file = t;
	r->e = e;
	r->room = INT64_MAX;
	r->place.source.read = place_read;
	r->place.fd = t->fd;
	if (fstat(t->fd, &st) < 0)
		return fail(e, errno, "stat %.300s", t->path);
	r->place.size = st.st_size;
	if (t->packing == PACK_NONE)
		r->place.at = at;
	else
		r->drop = at;
	/* Names in pax headers are UTF-8, and libarchive converts them to the locale's. */
	setlocale(LC_CTYPE, "C.UTF-8");
	int rc = inflate_new(&r->place.source, t->packing, t->limits->window, &r->inflate, e);
	r->archive = rc < 0 ? NULL : archive_read_new();
	if (rc == 0 && !r->archive)
		rc = fail(e, ENOMEM, "read %.300s", t->path);
	if (rc == 0 && (archive_read_support_format_tar(r->archive) != ARCHIVE_OK ||
			archive_read_set_skip_callback(r->archive, feed_skip) != ARCHIVE_OK ||
			archive_read_set_read_callback(r->archive, feed_read) != ARCHIVE_OK ||
			archive_read_set_callback_data(r->archive, r) != ARCHIVE_OK ||
			archive_read_open1(r->archive) != ARCHIVE_OK))
		rc = wrong(r, e);
	return rc;
}

void reading_end(struct reading *r)
{
	if (!r)
		return;
	apart_end(&r->apart);
	if (r->archive)
		archive_read_free(r->archive);
	inflate_free(r->inflate);
	free(r);
}

static int next_header(struct reading *r, struct archive_entry **in)
{
	r->room = TAR_HEADER_MAX;
	int rc = archive_read_next_header(r->archive, in);
	r->room = INT64_MAX;
	return rc;
}

/* --- the list of members --- */

/* A member in the list as it is written, before its two names with a NUL each. */
struct record {
	int64_t at, size;
	uint32_t name, link; /* bytes with the NUL; link 0: none */
	enum packing packing;
};

static int write_member(struct reading *r, struct archive_entry *in, int out, struct err *e)
{
	const char *name = archive_entry_pathname(in);
	const char *link = archive_entry_hardlink(in);
	mode_t type = archive_entry_filetype(in);
	if (!link && type == S_IFLNK)
		link = archive_entry_symlink(in);
	if (!name || (!link && type != S_IFREG))
		return 0;
	if (archive_entry_size(in) < 0 || archive_entry_sparse_count(in) > 0)
		return refuse(e, EBADMSG, "%.300s: %.200s is sparse", r->file->path, name);
	while (!strncmp(name, "./", 2))
		name += 2;
	struct record m = { .at = archive_read_header_position(r->archive),
			    .size = archive_entry_size(in),
			    .name = (uint32_t)strlen(name) + 1,
			    .link = link ? (uint32_t)strlen(link) + 1 : 0 };
	const void *first;
	size_t n = 0;
	la_int64_t at;
	if (m.size >= 4 && archive_read_data_block(r->archive, &first, &n, &at) < ARCHIVE_WARN)
		return wrong(r, e);
	m.packing = n >= 4 ? packing_of(first) : PACK_NONE;
	int rc = write_all(out, &m, sizeof(m));
	if (rc == 0)
		rc = write_all(out, name, m.name);
	if (rc == 0 && link)
		rc = write_all(out, link, m.link);
	return rc < 0 ? fail(e, rc, "list %.300s", r->file->path) : 0;
}

static int write_members(struct reading *r, int out, struct err *e)
{
	struct archive_entry *in;
	int got;
	while ((got = next_header(r, &in)) == ARCHIVE_OK || got == ARCHIVE_WARN) {
		int rc = write_member(r, in, out, e);
		if (rc < 0)
			return rc;
		if (archive_read_data_skip(r->archive) < ARCHIVE_WARN)
			return wrong(r, e);
	}
	return got != ARCHIVE_EOF ? wrong(r, e) : 0;
}

static int write_list(void *arg, int out, struct err *e)
{
	struct reading *r;
	int rc = begin(arg, 0, &r, e);
	if (rc == 0)
		rc = write_members(r, out, e);
	reading_end(r);
	return rc;
}

/* A text of the list, with its NUL; NULL when it is none, or there is no room. */
static const char *take_text(const struct buf *list, size_t *at, uint32_t n, struct arena *a)
{
	const char *p = list->p + *at;
	if (!n || n > list->len - *at || memchr(p, 0, n) != p + n - 1)
		return NULL;
	*at += n;
	return arena_strn(a, p, n - 1);
}

/* Who wrote it may be anybody by then. */
static bool take_list(struct tarfile *t, const struct buf *list, size_t most, struct arena *a)
{
	for (size_t at = 0; at < list->len; t->n++) {
		struct record m;
		struct tarmember *to = &t->v[t->n];
		if (t->n == most || list->len - at < sizeof(m))
			return false;
		memcpy(&m, list->p + at, sizeof(m));
		at += sizeof(m);
		*to = (struct tarmember){ .at = m.at, .size = m.size, .packing = m.packing };
		to->name = take_text(list, &at, m.name, a);
		to->link = m.link ? take_text(list, &at, m.link, a) : NULL;
		if (!to->name || (m.link && !to->link) || m.at < 0 || m.size < 0 ||
		    m.packing > PACK_ZSTD)
			return false;
	}
	return true;
}

static int read_list(struct tarfile *t, struct arena *a, struct err *e)
{
	auto_buf list = { .max = LIST_MAX };
	struct apart *reader = calloc(1, sizeof(*reader));
	if (!reader)
		return fail(e, ENOMEM, "read %.300s", t->path);
	int rc = apart_begin(reader, t->path, write_list, t, e);
	if (rc == 0)
		rc = source_append(&reader->source, &list, e);
	apart_end(reader);
	free(reader);
	if (rc < 0 && !list.failed)
		return rc;
	size_t most = list.len / sizeof(struct record);
	if (most > MEMBERS_MAX)
		most = MEMBERS_MAX;
	t->v = arena_array(a, most + 1, sizeof(*t->v));
	if (!list.failed && t->v && take_list(t, &list, most, a))
		return 0;
	t->n = 0;
	return refuse(e, E2BIG, "%.300s has too many members (limit: %zu), or too long names",
		      t->path, MEMBERS_MAX);
}

int tarfile_open(const char *path, const struct limits *l, struct arena *a, struct tarfile *out,
		 struct err *e)
{
	struct stat st;
	unsigned char magic[4] = { 0 };
	*out = (struct tarfile){ .fd = -1, .path = path, .limits = l };
	const char *whole = path_absolute(a, path);
	out->fd = whole ? open(whole, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK) : -1;
	if (out->fd < 0 || fstat(out->fd, &st) < 0)
		return fail(e, errno, "open the archive %.300s", path);
	if (!S_ISREG(st.st_mode))
		return refuse(e, EINVAL, "the archive %.300s is not a file", path);
	ssize_t n = pread(out->fd, magic, sizeof(magic), 0);
	if (n < (ssize_t)sizeof(magic))
		return n < 0 ? fail(e, errno, "read the archive %.300s", path)
			     : refuse(e, EBADMSG, "the archive %.300s is empty", path);
	out->packing = packing_of(magic);
	return read_list(out, a, e);
}

void tarfile_close(struct tarfile *t)
{
	put_fd(&t->fd, -1);
}

/* --- one member --- */

/* name without . and .. in it; NULL when it leads out, or at the arena's cap. */
static const char *straight(const char *name, struct arena *a)
{
	char *out = arena_str(a, name), *end = out;
	for (const char *p = name; out && *p;) {
		size_t n = strcspn(p, "/");
		bool up = n == 2 && !strncmp(p, "..", 2);
		if (up && end == out)
			return NULL;
		if (up) {
			while (end > out && *--end != '/')
				;
		} else if (n && !(n == 1 && *p == '.')) {
			if (end > out)
				*end++ = '/';
			memmove(end, p, n);
			end += n;
		}
		p += n + (p[n] == '/');
	}
	if (out)
		*end = 0;
	return out;
}

static int find_one(const struct tarfile *t, const char *name, const struct tarmember **out,
		    struct err *e)
{
	*out = NULL;
	for (size_t i = 0; i < t->n; i++) {
		if (strcmp(t->v[i].name, name) != 0)
			continue;
		if (*out)
			return refuse(e, EBADMSG, "the archive %.300s has %.200s twice", t->path,
				      name);
		*out = &t->v[i];
	}
	return *out ? 0 : refuse(e, ENOENT, "the archive %.300s has no %.200s", t->path, name);
}

int tarfile_find(const struct tarfile *t, const char *name, struct arena *a,
		 const struct tarmember **out, struct err *e)
{
	const char *at = name;
	for (int links = 0; links <= LINKS_MAX; links++) {
		at = straight(at, a);
		if (!at)
			return refuse(e, EBADMSG, "the archive %.300s: %.200s leads out of it",
				      t->path, name);
		int rc = find_one(t, at, out, e);
		if (rc < 0 || !(*out)->link)
			return rc;
		const char *slash = strrchr(at, '/');
		/* A hard link has its target's whole name, a soft one is from where it is; those
		 * that docker wrote are soft. */
		const char *link = (*out)->link;
		if (*link == '/')
			link++;
		at = slash && !strncmp(link, "..", 2)
			     ? arena_printf(a, "%.*s/%s", (int)(slash - at), at, link)
			     : link;
		if (!at)
			return fail(e, E2BIG, "read %.300s", t->path);
	}
	return refuse(e, EBADMSG, "the archive %.300s: %.200s is a link to a link without end",
		      t->path, name);
}

static ssize_t member_read(struct source *s, const void **p, struct err *e)
{
	struct reading *r = (struct reading *)s;
	size_t n = 0;
	la_int64_t at = 0;
	r->e = e;
	int rc = archive_read_data_block(r->archive, p, &n, &at);
	if (rc == ARCHIVE_EOF)
		return 0;
	if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN)
		return wrong(r, e);
	if (at != r->seen)
		return refuse(e, EBADMSG, "%.300s: %.200s is sparse", r->file->path,
			      r->member->name);
	r->seen += (int64_t)n;
	return n ? (ssize_t)n : member_read(s, p, e);
}

/* Where it is called. */
static int begin_member(const struct tarfile *t, const struct tarmember *m, struct reading **out,
			struct err *e)
{
	struct archive_entry *in;
	int rc = begin(t, m->at, out, e);
	if (rc < 0)
		return rc;
	struct reading *r = *out;
	r->source.read = member_read;
	r->member = m;
	int got = next_header(r, &in);
	if (got != ARCHIVE_OK && got != ARCHIVE_WARN)
		return got == ARCHIVE_EOF
			       ? refuse(e, EIO, "the archive %.300s is truncated", t->path)
			       : wrong(r, e);
	if (archive_entry_size(in) != m->size)
		return refuse(e, EIO, "the archive %.300s was changed while it was read", t->path);
	return 0;
}

struct wanted {
	const struct tarfile *file;
	const struct tarmember *member;
};

static int write_bytes(void *arg, int out, struct err *e)
{
	const struct wanted *w = arg;
	struct reading *r;
	const void *p;
	ssize_t n;
	int rc = begin_member(w->file, w->member, &r, e);
	while (rc == 0 && (n = source_read(&r->source, &p, e)) != 0)
		rc = n < 0 ? (int)n : write_all(out, p, (size_t)n);
	reading_end(r);
	return rc;
}

int reading_begin(const struct tarfile *t, const struct tarmember *m, struct reading **out,
		  struct err *e)
{
	struct wanted w = { t, m };
	int rc;
	*out = NULL;
	if (t->confined) {
		rc = begin_member(t, m, out, e);
	} else {
		*out = calloc(1, sizeof(**out));
		rc = *out ? apart_begin(&(*out)->apart, t->path, write_bytes, &w, e)
			  : fail(e, ENOMEM, "read %.300s", t->path);
	}
	if (rc == 0)
		return 0;
	reading_end(*out);
	*out = NULL;
	return rc;
}

struct source *reading_source(struct reading *r)
{
	return r->apart.verdict ? &r->apart.source : &r->source;
}

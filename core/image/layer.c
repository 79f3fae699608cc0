/* layer.c - one layer: its bytes verified, unpacked and written, in one pass. */
#include "image/layer.h"
#include "image/tar.h"
#include "image/tree.h"

#include <stdlib.h>
#include <string.h>

/* What begins with bytes that were looked at, in however small pieces they came. */
struct begun {
	struct source source;
	struct source *from;
	unsigned char first[262];
	size_t n;	  /* of these */
	const char *rest; /* of the last piece */
	size_t left;
};

static ssize_t begun_read(struct source *s, const void **p, struct err *e)
{
	struct begun *b = (struct begun *)s;
	size_t n = b->n ? b->n : b->left;
	*p = b->n ? (const void *)b->first : b->rest;
	*(b->n ? &b->n : &b->left) = 0;
	return n ? (ssize_t)n : source_read(b->from, p, e);
}

/* Of some layers the media type says another packing than they have. After an error nothing but
 * that is read: what was before it is not to be blamed. */
static enum packing packing_seen(struct begun *b, enum packing said, struct err *e)
{
	const void *p;
	ssize_t n = 0;
	while (b->n < sizeof(b->first) && (n = source_read(b->from, &p, e)) > 0) {
		size_t room = sizeof(b->first) - b->n, more = (size_t)n < room ? (size_t)n : room;
		memcpy(b->first + b->n, p, more);
		b->n += more;
		b->rest = (const char *)p + more;
		b->left = (size_t)n - more;
	}
	if (n < 0)
		b->n = 0;
	if (b->n == sizeof(b->first) && !memcmp(b->first + 257, "ustar", 5))
		return PACK_NONE;
	enum packing seen = b->n < 4 ? PACK_NONE : packing_of(b->first);
	return seen == PACK_NONE ? said : seen;
}

/* Between unpacker and tar reader: stops a bomb while it is small. */
struct ratio {
	struct source source;
	struct source *from;
	const struct check *packed;
	const struct limits *limits;
	int64_t seen;
};

static ssize_t ratio_read(struct source *s, const void **p, struct err *e)
{
	struct ratio *r = (struct ratio *)s;
	ssize_t n = source_read(r->from, p, e);
	r->seen += n > 0 ? n : 0;
	int rc = n < 0 ? 0 : limits_ratio(r->limits, r->packed->seen, r->seen, e);
	return rc < 0 ? rc : n;
}

static int read_tree(struct source *tar, const struct layer_job *j, struct buf *implied,
		     struct err *e)
{
	struct tree t;
	tree_begin(&t, j->tree, j->limits, j->usage);
	int rc = tar_read(tar, &t, e);
	if (rc == 0)
		rc = tree_end(&t, e);
	if (rc == 0)
		buf_add(implied, t.implied.p, t.implied.len);
	tree_free(&t);
	return rc;
}

/* What was unpacked, to its end. */
static int write_tree(struct source *unpacked, const struct layer_job *j, struct buf *implied,
		      struct err *e)
{
	struct check tar;
	check_init(&tar, unpacked, "unpacked layer", j->diff_id, -1);
	int rc = read_tree(&tar.source, j, implied, e);
	return rc < 0 ? rc : source_drain(&tar.source, e);
}

/* Not our own trouble, but that of the bytes. */
static bool is_theirs(const struct err *e)
{
	return e->code == EBADMSG || e->code == EINVAL || e->code == EIO;
}

/* Unpacking fails on bytes that are not the right ones: then that is what there is to say. */
static int blame(struct check *packed, int rc, struct err *e)
{
	struct err real = { 0 };
	if (packed->failed)
		return rc;
	if (!is_theirs(e))
		return within(e, "layer %s", packed->digest);
	packed->progress = NULL;
	packed->copy = -1;
	if (source_drain(&packed->source, &real) < 0) {
		*e = real;
		return -real.code;
	}
	return within(e, "layer %s", packed->digest);
}

int layer_unpack(struct source *bytes, const struct layer_job *j, struct buf *implied,
		 struct err *e)
{
	int packing = layer_packing(j->blob->media_type, e);
	if (packing < 0)
		return packing;
	struct check packed;
	check_init(&packed, bytes, "layer", j->blob->digest, j->blob->size);
	packed.copy = j->copy;
	packed.progress = j->progress;
	packed.arg = j->arg;
	struct inflate *inflate;
	struct begun begun = { .source.read = begun_read, .from = &packed.source };
	packing = (int)packing_seen(&begun, (enum packing)packing, e);
	int rc = inflate_new(&begun.source, (enum packing)packing, j->limits->window, &inflate, e);
	if (rc < 0)
		return rc;
	struct ratio ratio = { .source.read = ratio_read,
			       .from = inflate_source(inflate),
			       .packed = &packed,
			       .limits = j->limits };
	rc = j->to ? ferry_give(j->to, &ratio.source, e) : write_tree(&ratio.source, j, implied, e);
	if (rc == 0)
		rc = source_drain(&packed.source, e);
	inflate_free(inflate);
	if (rc < 0)
		rc = blame(&packed, rc, e);
	if (j->to && packed.failed)
		ferry_doubt(j->to);
	return rc;
}

int layer_write(struct ferry *from, const struct layer_job *j, struct buf *implied, struct err *e)
{
	struct err real = { 0 };
	ferry_wait(from);
	int rc = write_tree(&from->source, j, implied, e);
	if (rc == 0 || from->failed)
		return rc;
	if (is_theirs(e) && ferry_stop(from, &real) < 0) {
		*e = real;
		return -real.code;
	}
	return within(e, "layer %s", j->blob->digest);
}

/* source.c - where bytes come from: files, and the check of size and digest on the way. */
#include "image/source.h"
#include "base/file.h"

#include <string.h>

static ssize_t file_source_read(struct source *s, const void **p, struct err *e)
{
	struct file_source *f = (struct file_source *)s;
	ssize_t n;
	do {
		n = read(f->fd, f->chunk, sizeof(f->chunk));
	} while (n < 0 && errno == EINTR);
	*p = f->chunk;
	return n < 0 ? fail(e, errno, "read a blob") : n;
}

void file_source_init(struct file_source *f, int fd)
{
	f->source.read = file_source_read;
	f->fd = fd;
}

static int check_end(struct check *c, struct err *e)
{
	char got[DIGEST_TEXT];
	if (c->size >= 0 && c->seen < c->size)
		return refuse(e, EIO, "%s %s is truncated: %lld of %lld bytes", c->what, c->digest,
			      (long long)c->seen, (long long)c->size);
	digest_end(&c->sum, got);
	if (strcmp(got, c->digest))
		return refuse(e, EBADMSG,
			      "%s %s is not what it should be: its content has the digest %s",
			      c->what, c->digest, got);
	c->done = true;
	return 0;
}

static ssize_t check_bytes(struct check *c, const void *p, size_t n, struct err *e)
{
	c->seen += (int64_t)n;
	if (c->size >= 0 && c->seen > c->size)
		return refuse(e, EBADMSG, "%s %s is longer than the %lld bytes it should have",
			      c->what, c->digest, (long long)c->size);
	digest_add(&c->sum, p, n);
	int rc = c->copy < 0 ? 0 : write_all(c->copy, p, n);
	if (rc < 0)
		return fail(e, rc, "write %s %s", c->what, c->digest);
	if (c->progress)
		c->progress(c->arg, c->seen);
	return (ssize_t)n;
}

static ssize_t check_read(struct source *s, const void **p, struct err *e)
{
	struct check *c = (struct check *)s;
	if (c->failed || c->done)
		return c->failed;
	ssize_t n = source_read(c->from, p, e);
	if (n > 0)
		n = check_bytes(c, *p, (size_t)n, e);
	else if (n == 0)
		n = check_end(c, e);
	if (n < 0)
		c->failed = (int)n;
	return n;
}

void check_init(struct check *c, struct source *from, const char *what, const char *digest,
		int64_t size)
{
	*c = (struct check){
		.from = from, .what = what, .digest = digest, .size = size, .copy = -1
	};
	c->source.read = check_read;
	digest_begin(&c->sum, digest);
}

enum packing packing_of(const unsigned char magic[4])
{
	return !memcmp(magic, "\x1f\x8b", 2)	       ? PACK_GZIP
	       : !memcmp(magic, "\x28\xb5\x2f\xfd", 4) ? PACK_ZSTD
						       : PACK_NONE;
}

int source_append(struct source *s, struct buf *b, struct err *e)
{
	const void *p;
	ssize_t n;
	while ((n = source_read(s, &p, e)) > 0 && !b->failed)
		buf_add(b, p, (size_t)n);
	if (n >= 0 && b->failed)
		return refuse(e, E2BIG, "more than %zu bytes", b->max);
	return (int)n;
}

int source_drain(struct source *s, struct err *e)
{
	const void *p;
	ssize_t n;
	do {
		n = source_read(s, &p, e);
	} while (n > 0);
	return (int)n;
}

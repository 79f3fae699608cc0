/* inflate.c - gzip and zstd, unpacked as a stream. The only file that knows zlib and zstd. */
#include "image/source.h"

#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

struct inflate {
	struct source source;
	struct source *from;
	z_stream zlib;
	ZSTD_DCtx *zstd;
	ZSTD_inBuffer in;
	bool open; /* inside a member or frame: the end may not come here */
	bool more; /* the last call filled the chunk: there may be output left without new input */
	unsigned char chunk[SOURCE_CHUNK];
};

static ssize_t pass(struct source *s, const void **p, struct err *e)
{
	return source_read(((struct inflate *)s)->from, p, e);
}

/* The end of the input: fine between members, truncation inside one. */
static ssize_t input_end(const struct inflate *i, const char *kind, struct err *e)
{
	if (i->open)
		return refuse(e, EIO, "the %s data ends too early", kind);
	return 0;
}

/* Gets input when there is none. 1: there is some, 0: the end, -errno. */
static ssize_t gzip_fill(struct inflate *i, struct err *e)
{
	if (i->zlib.avail_in)
		return 1;
	const void *p;
	ssize_t n = source_read(i->from, &p, e);
	if (n <= 0)
		return n;
	i->zlib.next_in = (z_const Bytef *)p;
	i->zlib.avail_in = (uInt)n;
	return 1;
}

static ssize_t gzip_read(struct source *s, const void **p, struct err *e)
{
	struct inflate *i = (struct inflate *)s;
	z_stream *z = &i->zlib;
	z->next_out = i->chunk;
	z->avail_out = sizeof(i->chunk);
	*p = i->chunk;
	while (z->avail_out) {
		ssize_t n = i->more ? 1 : gzip_fill(i, e);
		if (n < 0)
			return n;
		if (n == 0)
			break;
		if (!i->open && inflateReset(z) != Z_OK)
			return fail(e, ENOMEM, "unpack gzip data");
		i->open = true;
		int rc = inflate(z, Z_NO_FLUSH);
		i->more = z->avail_out == 0;
		if (rc == Z_STREAM_END) {
			i->open = false;
			i->more = false;
		} else if (rc != Z_OK && rc != Z_BUF_ERROR) {
			return refuse(e, EBADMSG, "not valid gzip data%s%s", z->msg ? ": " : "",
				      z->msg ? z->msg : "");
		}
	}
	size_t got = sizeof(i->chunk) - z->avail_out;
	return got ? (ssize_t)got : input_end(i, "gzip", e);
}

static ssize_t zstd_read(struct source *s, const void **p, struct err *e)
{
	struct inflate *i = (struct inflate *)s;
	ZSTD_outBuffer out = { i->chunk, sizeof(i->chunk), 0 };
	*p = i->chunk;
	while (out.pos < out.size) {
		if (!i->more && i->in.pos == i->in.size) {
			const void *in;
			ssize_t n = source_read(i->from, &in, e);
			if (n < 0)
				return n;
			if (n == 0)
				break;
			i->in = (ZSTD_inBuffer){ in, (size_t)n, 0 };
		}
		size_t rc = ZSTD_decompressStream(i->zstd, &out, &i->in);
		if (ZSTD_isError(rc))
			return refuse(e, EBADMSG, "not valid zstd data: %s", ZSTD_getErrorName(rc));
		i->open = rc != 0;
		i->more = i->open && out.pos == out.size;
	}
	return out.pos ? (ssize_t)out.pos : input_end(i, "zstd", e);
}

struct source *inflate_source(struct inflate *i)
{
	return &i->source;
}

void inflate_free(struct inflate *i)
{
	if (!i)
		return;
	inflateEnd(&i->zlib);
	ZSTD_freeDCtx(i->zstd);
	free(i);
}

int inflate_new(struct source *from, enum packing packing, struct inflate **out, struct err *e)
{
	struct inflate *i = calloc(1, sizeof(*i));
	if (!i)
		return fail(e, ENOMEM, "unpack a layer");
	i->from = from;
	i->source.read = packing == PACK_GZIP ? gzip_read : packing == PACK_ZSTD ? zstd_read : pass;
	bool good = true;
	if (packing == PACK_GZIP)
		good = inflateInit2(&i->zlib, 15 + 16) ==
		       Z_OK; /* 16: a gzip header, nothing else */
	else if (packing == PACK_ZSTD)
		good = (i->zstd = ZSTD_createDCtx()) != NULL;
	if (!good) {
		inflate_free(i);
		return fail(e, ENOMEM, "unpack a layer");
	}
	*out = i;
	return 0;
}

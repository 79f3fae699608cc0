/* inflate.c - gzip and zstd, unpacked as a stream. The only file that knows ISA-L and zstd. */
#include "image/source.h"

#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>
#include <stdlib.h>
#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>
#include <zstd_errors.h>

struct gzip {
	struct inflate_state state;
	struct isal_gzip_header header;
	bool body; /* the member's header was read */
};

struct inflate {
	struct source source;
	struct source *from;
	struct gzip *gzip;
	ZSTD_DCtx *zstd;
	ZSTD_inBuffer in;
	int64_t window; /* zstd's, at most */
	bool open;	/* inside a member or frame: the end may not come here */
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

#ifdef __x86_64__
#include <cpuid.h>
uint32_t crc32_gzip_refl_by8(uint32_t crc, const unsigned char *p, uint64_t n);

static bool processor_can(void)
{
	unsigned a, b, c, d;
	return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_PCLMUL) && (c & bit_SSE4_1);
}

/* ISA-L's inflate calls it; ISA-L's own would bring all the checksums there are. The question is
 * asked once: it ends a virtual machine's turn. */
uint32_t crc32_gzip_refl(uint32_t crc, const unsigned char *p, uint64_t n)
{
	static enum { UNKNOWN, NO, YES } can;
	if (can == UNKNOWN)
		can = processor_can() ? YES : NO;
	return can == YES ? crc32_gzip_refl_by8(crc, p, n)
			  : crc32_gzip_refl_base(crc, (uint8_t *)(uintptr_t)p, n);
}
#else
uint32_t crc32_gzip_refl(uint32_t crc, const unsigned char *p, uint64_t n)
{
	return crc32_gzip_refl_base(crc, (uint8_t *)(uintptr_t)p, n);
}
#endif

/* Gets input when there is none. 1: there is some, 0: the end, -errno. */
static ssize_t gzip_fill(struct inflate *i, struct err *e)
{
	if (i->gzip->state.avail_in)
		return 1;
	const void *p;
	ssize_t n = source_read(i->from, &p, e);
	if (n <= 0)
		return n;
	i->gzip->state.next_in = (uint8_t *)(uintptr_t)p;
	i->gzip->state.avail_in = (uint32_t)n;
	return 1;
}

static int gzip_wrong(int rc, struct err *e)
{
	const char *why = rc == ISAL_INVALID_BLOCK	  ? "no such block"
			  : rc == ISAL_INVALID_SYMBOL	  ? "no such symbol"
			  : rc == ISAL_INVALID_LOOKBACK	  ? "it repeats what was not there"
			  : rc == ISAL_INVALID_WRAPPER	  ? "its header is none"
			  : rc == ISAL_INCORRECT_CHECKSUM ? "the checksum is another"
							  : "unknown method";
	return refuse(e, EBADMSG, "not valid gzip data: %s", why);
}

/* Takes a step in a member that has begun or begins. */
static int gzip_step(struct inflate *i, struct err *e)
{
	struct gzip *g = i->gzip;
	if (!i->open) {
		isal_inflate_reset(&g->state);
		isal_gzip_header_init(&g->header);
		i->open = true;
		g->body = false;
	}
	if (!g->body) {
		int rc = isal_read_gzip_header(&g->state, &g->header);
		g->body = rc == ISAL_DECOMP_OK;
		return rc < 0 ? gzip_wrong(rc, e) : 0;
	}
	int rc = isal_inflate(&g->state);
	if (rc < 0)
		return gzip_wrong(rc, e);
	i->open = g->state.block_state != ISAL_BLOCK_FINISH;
	i->more = i->open && !g->state.avail_out;
	return 0;
}

static ssize_t gzip_read(struct source *s, const void **p, struct err *e)
{
	struct inflate *i = (struct inflate *)s;
	struct inflate_state *z = &i->gzip->state;
	z->next_out = i->chunk;
	z->avail_out = sizeof(i->chunk);
	*p = i->chunk;
	while (z->avail_out) {
		ssize_t n = i->more ? 1 : gzip_fill(i, e);
		if (n > 0)
			n = gzip_step(i, e);
		else if (n == 0)
			break;
		if (n < 0)
			return n;
	}
	size_t got = sizeof(i->chunk) - z->avail_out;
	return got ? (ssize_t)got : input_end(i, "gzip", e);
}

static int zstd_wrong(const struct inflate *i, size_t rc, struct err *e)
{
	if (ZSTD_getErrorCode(rc) == ZSTD_error_frameParameter_windowTooLarge)
		return refuse(e, E2BIG,
			      "its zstd window has more than the %lld bytes of --max-window",
			      (long long)i->window);
	return refuse(e, EBADMSG, "not valid zstd data: %s", ZSTD_getErrorName(rc));
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
			return zstd_wrong(i, rc, e);
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
	free(i->gzip);
	ZSTD_freeDCtx(i->zstd);
	free(i);
}

int inflate_new(struct source *from, enum packing packing, int64_t window, struct inflate **out,
		struct err *e)
{
	struct inflate *i = calloc(1, sizeof(*i));
	if (!i)
		return fail(e, ENOMEM, "unpack a layer");
	i->from = from;
	i->window = window;
	i->source.read = packing == PACK_GZIP ? gzip_read : packing == PACK_ZSTD ? zstd_read : pass;
	bool good = true;
	if (packing == PACK_GZIP)
		good = (i->gzip = calloc(1, sizeof(*i->gzip))) != NULL;
	else if (packing == PACK_ZSTD)
		good = (i->zstd = ZSTD_createDCtx()) != NULL &&
		       !ZSTD_isError(ZSTD_DCtx_setMaxWindowSize(i->zstd, (size_t)window));
	if (!good) {
		inflate_free(i);
		return fail(e, ENOMEM, "unpack a layer");
	}
	if (i->gzip) {
		isal_inflate_init(&i->gzip->state);
		i->gzip->state.crc_flag = ISAL_GZIP;
	}
	*out = i;
	return 0;
}

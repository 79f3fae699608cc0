/* source.h - where bytes come from: a chain, each link reading from the one before it, nothing
 * copied between. */
#ifndef IMAGE_SOURCE_H
#define IMAGE_SOURCE_H

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"
#include "image/manifest.h"

#include <stdint.h>
#include <sys/types.h>

struct source {
	/* Points *p at the next bytes, good until the next call: their number, 0 at the end,
	 * -errno. */
	ssize_t (*read)(struct source *s, const void **p, struct err *e);
};

static inline ssize_t source_read(struct source *s, const void **p, struct err *e)
{
	return s->read(s, p, e);
}

#define SOURCE_CHUNK 131072 /* fits the processor's cache together with what works on it */

/* An open file, from where it is. */
struct file_source {
	struct source source;
	int fd;
	char chunk[SOURCE_CHUNK];
};
void file_source_init(struct file_source *f, int fd);

/* Lets through what its source gives, and at the end refuses it if size or digest are not the
 * wanted ones. */
struct check {
	struct source source;
	struct source *from;
	const char *what;			    /* "layer" */
	const char *digest;			    /* wanted */
	int64_t size;				    /* wanted; -1: any */
	int copy;				    /* fd that gets a copy of all bytes; -1: none */
	void (*progress)(void *arg, int64_t bytes); /* may be NULL */
	void *arg;
	int64_t seen;
	int failed; /* -errno once it has refused */
	bool done;  /* the end was reached and all is well */
	struct digest sum;
};
void check_init(struct check *c, struct source *from, const char *what, const char *digest,
		int64_t size);

/* Appends all of it to b. -E2BIG when that takes no more. */
int source_append(struct source *s, struct buf *b, struct err *e);

/* Reads on to the end, for the digest's sake. 0 or -errno. */
int source_drain(struct source *s, struct err *e);

/* How what begins with these four bytes is packed. */
enum packing packing_of(const unsigned char magic[4]);

/* gzip (any number of members), zstd (any number of frames) or plain bytes, unpacked. Of zstd's
 * frames those whose window is larger are refused: so much is kept of what was unpacked. */
struct inflate;
int inflate_new(struct source *from, enum packing packing, int64_t window, struct inflate **out,
		struct err *e);
struct source *inflate_source(struct inflate *i);
void inflate_free(struct inflate *i);

#endif

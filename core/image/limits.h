/* limits.h - how much an image may be before it is refused. */
#ifndef IMAGE_LIMITS_H
#define IMAGE_LIMITS_H

#include "base/err.h"
#include "image/manifest.h"

#include <stdint.h>

struct limits {
	int64_t manifest, config; /* bytes; no more than MANIFEST_MAX */
	int64_t size;		  /* bytes of all files */
	uint64_t entries;	  /* of all layers */
	uint64_t name;		  /* bytes of an entry's path */
	uint64_t ratio;		  /* of a layer's unpacked bytes to the packed ones */
	int64_t window;		  /* bytes that zstd may look back: memory for each layer at work */
};

/* 1100: more than deflate can do at its best. 128 MiB: what zstd itself unpacks without being told,
 * and --ultra and --long pack with at the most. */
#define LIMITS_DEFAULT                                 \
	(struct limits){ .manifest = (int64_t)4 << 20, \
			 .config = (int64_t)4 << 20,   \
			 .size = (int64_t)256 << 30,   \
			 .entries = 4000000,           \
			 .name = 4095,                 \
			 .ratio = 1100,                \
			 .window = (int64_t)128 << 20 }

/* What the layers of an image have used up together: in memory that their processes share. */
struct usage {
	_Atomic int64_t size;
	_Atomic uint64_t entries;
};

/* -EINVAL for limits that could not be kept. */
int limits_check(const struct limits *l, struct err *e);

/* "the KIND has N bytes, more than MOST; --max-KIND allows more" when it has. */
int limits_document(const char *kind, int64_t bytes, int64_t most, struct err *e);

/* -E2BIG when the layers are larger as they are packed than they may be unpacked, by more than goes
 * with every file: it is not what they unpack to, then, that would bound them. */
int limits_packed(const struct limits *l, const struct descriptors *layers, struct err *e);

/* Counts an entry, bytes of a file; -E2BIG when they are too many. */
int limits_entry(const struct limits *l, struct usage *u, struct err *e);
int limits_bytes(const struct limits *l, struct usage *u, int64_t bytes, struct err *e);

/* -E2BIG when so many bytes have become too many. */
int limits_ratio(const struct limits *l, int64_t packed, int64_t unpacked, struct err *e);

#endif

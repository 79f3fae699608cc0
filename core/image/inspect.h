/* inspect.h - all that the store knows of one image. */
#ifndef IMAGE_INSPECT_H
#define IMAGE_INSPECT_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "image/image.h"
#include "image/store.h"

/* As an object of JSON, indented: names, digests, platform, size, layers (with their diff and chain
 * ids, and the directory of those that are unpacked), annotations, and the configuration and
 * history as the image has them. */
int inspect_json(const struct store *s, const struct image *im, struct arena *a, struct buf *out,
		 struct err *e);

/* The most of it, a line a thing. */
int inspect_text(const struct store *s, const struct image *im, struct arena *a, struct buf *out,
		 struct err *e);

#endif

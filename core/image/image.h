/* image.h - one image of the store, ready to be run or shown. */
#ifndef IMAGE_IMAGE_H
#define IMAGE_IMAGE_H

#include "base/arena.h"
#include "base/err.h"
#include "image/manifest.h"
#include "image/store.h"

struct image {
	const char *name;	      /* "127.0.0.1:5000/app:1" as the store calls it */
	struct descriptor descriptor; /* of its manifest; digest is the image's digest */
	struct manifest manifest;
	struct image_config config;
	struct strs chains; /* a chain id for each layer, the lowest first */
	int64_t size;	    /* of its manifest, configuration and packed layers */
};

/* Finds an image of the store by what a person wrote: a whole reference, a short name (one image of
 * the store whose name ends with it), or the first 4 or more hex digits of its id (its
 * configuration's digest) or digest. -ENOENT: "image NAME is not in the store; get it with: coracle
 * pull NAME". */
int image_open(const struct store *s, const char *text, struct arena *a, struct image **out,
	       struct err *e);

/* Reads the documents of one name of the store. */
int image_read(const struct store *s, const struct descriptor *d, struct arena *a,
	       struct image *out, struct err *e);

/* The chain ids of n diff ids: what a layer is called together with all those below it. */
int image_chains(const struct strs *diff_ids, struct arena *a, struct strs *out, struct err *e);

/* Takes a name away, and with it the blobs and layers that nothing else needs. */
int image_remove(struct store *s, const char *text, struct store_gc *out, struct err *e);

#endif

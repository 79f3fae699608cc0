/* prune.h - what nothing needs goes out of the store. */
#ifndef IMAGE_PRUNE_H
#define IMAGE_PRUNE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "image/store.h"

#include <stdbool.h>

struct pruned {
	struct strs images; /* by name, those that had none by digest */
	struct store_gc gc;
};

/* Removes the images without a name (with all: also those with one, unless a container stands on
 * them), then every blob and layer that nothing needs, and what killed pulls left, and the
 * caches of builds. Waits until the
 * store is ours alone, and keeps it so. */
int store_prune(struct store *s, bool all, struct arena *a, struct pruned *out, struct err *e);

/* As an object of JSON, and a newline. */
void pruned_json(const struct pruned *p, struct buf *out);

/* Takes a name away that means this image, and with it what nothing else needs; it may mean another
 * one by now, or nothing. -EBUSY when a container stands on it. The store is ours alone then. */
int image_drop(struct store *s, const char *name, const char *digest, struct err *e);

#endif

/* save.h - images of the store as one tar file. */
#ifndef IMAGE_SAVE_H
#define IMAGE_SAVE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/list.h"
#include "image/store.h"

/* Writes the images of those names to fd, an OCI layout that also has docker's manifest.json; each
 * blob once, and verified. The same images are always the same bytes. What was written before a
 * failure is of no use. */
int images_save(const struct store *s, const struct strs *names, int fd, struct arena *a,
		struct err *e);

#endif

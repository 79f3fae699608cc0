/* space.h - whether a disk has room for an image, and how much it lacks. */
#ifndef IMAGE_SPACE_H
#define IMAGE_SPACE_H

#include "base/arena.h"
#include "base/err.h"
#include "image/fetch.h"

/* One image on its way. */
struct space {
	int64_t free;		  /* bytes, before it began */
	int64_t total;		  /* of the layers that come or are unpacked, as they are packed */
	int64_t seen[LAYERS_MAX]; /* of them, so far */
};

/* -ENOSPC when not even the blobs of the fetch, and as much again for what is unpacked, have room
 * in its work directory. */
int space_check(struct space *s, const struct fetch *f, struct err *e);

/* Notes how far it is. */
void space_progress(struct space *s, const struct fetch_progress *p);

/* Says in an error for want of room about how much more is needed. Other errors stay as they are.
 */
void space_blame(const struct space *s, struct err *e);

#endif

/* show.h - images of the store as text. */
#ifndef IMAGE_SHOW_H
#define IMAGE_SHOW_H

#include "base/buf.h"
#include "image/image.h"
#include "image/store.h"

enum show { SHOW_TABLE, SHOW_JSON, SHOW_IDS };

/* "table", "json". */
int show_parse(const char *format, bool quiet, enum show *out, struct err *e);

/* All images of the store. One that cannot be read has a line too, with what is known of it. */
int show_images(const struct store *s, enum show how, struct buf *out, struct err *e);

/* One that was pulled: its digest, or an object of JSON; and a newline. */
void show_pulled(const struct image *im, enum show how, struct buf *out);

#endif

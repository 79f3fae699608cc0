/* tar.h - a tar stream becomes a tree. */
#ifndef IMAGE_TAR_H
#define IMAGE_TAR_H

#include "base/err.h"
#include "image/source.h"
#include "image/tree.h"

/* Bytes of all that is said of an entry before its content: names, attributes, where its holes are.
 * What libarchive remembers of them takes a dozen times as much memory. */
#define TAR_HEADER_MAX ((int64_t)8 << 20)

/* -E2BIG, in words. */
int tar_header_refuse(struct err *e);

/* Reads the tar archive that s gives to the archive's end (there may be bytes left in s) and adds
 * every entry to t. An empty stream is an empty archive. */
int tar_read(struct source *s, struct tree *t, struct err *e);

#endif

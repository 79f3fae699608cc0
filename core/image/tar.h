/* tar.h - a tar stream becomes a tree. */
#ifndef IMAGE_TAR_H
#define IMAGE_TAR_H

#include "base/err.h"
#include "image/source.h"
#include "image/tree.h"

/* Reads the tar archive that s gives to the archive's end (there may be bytes left in s) and adds
 * every entry to t. An empty stream is an empty archive. */
int tar_read(struct source *s, struct tree *t, struct err *e);

#endif

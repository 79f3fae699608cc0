/* features.h - what this build understands, as JSON for those who choose a runtime. */
#ifndef CONTAINER_FEATURES_H
#define CONTAINER_FEATURES_H

#include "base/buf.h"
#include "base/err.h"

/* Appends the structure that the OCI spec's features.md describes, out of the tables that the
 * program works by. Of the kernel it tells only what features.md asks of it: the seccomp flags. */
int features_write(struct buf *out, struct err *e);

#endif

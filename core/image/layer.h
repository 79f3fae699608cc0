/* layer.h - one layer: its bytes verified, unpacked and written, in one pass. */
#ifndef IMAGE_LAYER_H
#define IMAGE_LAYER_H

#include "base/buf.h"
#include "base/err.h"
#include "image/ferry.h"
#include "image/limits.h"
#include "image/manifest.h"
#include "image/source.h"

struct layer_job {
	const struct descriptor *blob;
	const char *diff_id; /* of who writes, and read once there is something to write */
	int copy;	     /* fd that gets the bytes as they come; -1: none */
	int tree;	     /* an empty directory */
	struct ferry *to; /* who gets what was unpacked, and writes it; NULL: it is written here */
	const struct limits *limits;
	struct usage *usage;
	void (*progress)(void *arg, int64_t bytes); /* bytes of the blob so far; may be NULL */
	void *arg;
};

/* Reads the layer from bytes to its end. Only when it returns 0 are copy and tree what they should
 * be: the size and both digests fit and every entry is written. implied gets the directories that
 * the layers below must shape (see tree.h). */
int layer_unpack(struct source *bytes, const struct layer_job *j, struct buf *implied,
		 struct err *e);

/* Writes what another process unpacks for the same job: with its end all of that is true. */
int layer_write(struct ferry *from, const struct layer_job *j, struct buf *implied, struct err *e);

#endif

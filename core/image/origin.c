/* origin.c - where an image comes from: a small blob of it, whole and verified. */
#include "image/origin.h"

int origin_read(struct origin *o, const struct descriptor *d, const char *what, struct buf *b,
		struct err *e)
{
	struct source *bytes;
	struct check check;
	int rc = o->blob(o, d, &bytes, e);
	if (rc < 0)
		return rc;
	check_init(&check, bytes, what, d->digest, d->size);
	return source_append(&check.source, b, e);
}

/* obtain.h - the image that is to be run, out of the store or into it first. */
#ifndef MONITOR_OBTAIN_H
#define MONITOR_OBTAIN_H

#include "image/image.h"
#include "monitor/runspec.h"

/* As --pull says: missing (when not given; a layout or archive is looked into each time), always,
 * newer, never. How a pull goes on is shown on stderr, unless --quiet. */
int obtain(const struct store *s, const char *text, const struct run_options *o, struct arena *a,
	   struct image **out, struct err *e);

/* What the kernel cannot execute (rc -ENOEXEC) is most likely for the machine that the image is
 * for: then e says so. rc. */
int obtain_explain(const struct image *im, int rc, struct err *e);

#endif

/* load.h - what images a tar file or a layout has. */
#ifndef IMAGE_LOAD_H
#define IMAGE_LOAD_H

#include "base/arena.h"
#include "base/err.h"
#include "base/list.h"

struct loadable {
	const char *text;  /* a reference that pull understands */
	struct strs names; /* what it is to be called in the store; none: it does not say */
};
struct loadables {
	struct loadable *v;
	size_t n;
};

/* The images in an OCI layout (a directory or a tar file) or in what docker save wrote; those
 * without a name only when there is none with one. path is absolute or not and has no colon.
 * -EBADMSG and such for what is neither. */
int load_list(const char *path, struct arena *a, struct loadables *out, struct err *e);

#endif

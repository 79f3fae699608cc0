/* treecopy.h - the tree of a whole image, or of a layer of it, as a directory of its own. */
#ifndef IMAGE_TREECOPY_H
#define IMAGE_TREECOPY_H

#include "base/err.h"

/* Copies all that is below the directory from, which nobody changes, into the directory to: owners,
 * modes, times, attributes, hard links, holes. What is in to and is not replaced stays, unless
 * overlayfs' whiteouts and opaque directories say otherwise. The kernel copies the bytes where it
 * can. -EINTR when SIGINT, SIGTERM or SIGHUP is blocked and waiting. */
int tree_copy(int from, int to, struct err *e);

#endif

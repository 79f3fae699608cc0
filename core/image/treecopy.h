/* treecopy.h - the tree of a whole image as a directory of its own. */
#ifndef IMAGE_TREECOPY_H
#define IMAGE_TREECOPY_H

#include "base/err.h"

/* Copies all that is below the directory from (a mount that nobody changes) into the empty
 * directory to: owners, modes, times, attributes, hard links, holes. The kernel copies the bytes
 * where it can. -EINTR when SIGINT, SIGTERM or SIGHUP is blocked and waiting. */
int tree_copy(int from, int to, struct err *e);

#endif

/* treecopy.h - the tree of a whole image, or of a layer of it, as a directory of its own. */
#ifndef IMAGE_TREECOPY_H
#define IMAGE_TREECOPY_H

#include "base/err.h"
#include "oci/spec.h"

struct id_maps {
	const struct spec_id_mappings *uids, *gids;
};

/* Copies all that is below the directory from, which nobody changes, into the directory to: owners,
 * modes, times, attributes, hard links, holes. What is in to and is not replaced stays, unless
 * overlayfs' whiteouts and opaque directories say otherwise. The kernel copies the bytes where it
 * can. -EINTR when SIGINT, SIGTERM or SIGHUP is blocked and waiting. */
int tree_copy(int from, int to, struct err *e);

/* The same, but what belongs to an id of a container gets the id that this is here. */
int tree_copy_mapped(int from, int to, const struct id_maps *maps, struct err *e);

#endif

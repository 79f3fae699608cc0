/* runvolume.h - the volumes of the store that a container gets. */
#ifndef MONITOR_RUNVOLUME_H
#define MONITOR_RUNVOLUME_H

#include "base/arena.h"
#include "base/err.h"
#include "image/store.h"
#include "monitor/runspec.h"
#include "oci/spec.h"

/* What a mount of a volume is until volumes_apply(): of this type, its source the volume's name, ""
 * for one of its own, the path of its files when it is inherited, and perhaps this among its
 * options: the image's files there are not copied into it. */
#define VOLUME_TYPE	 "volume"
#define VOLUME_NOCOPY	 "nocopy"
#define VOLUME_INHERITED "inherited" /* it has a name, but perhaps nobody gave it that */

/* Whether there are such mounts. */
bool volumes_wanted(const struct spec *s);

/* --volumes-from: of each "CONTAINER[:ro|rw][,z]" of the state directory `root` the mounts that its
 * user asked for, run it or not, to o->inherited. */
int volumes_inherit(struct run_options *o, const char *root, struct arena *a, struct err *e);

/* Notes with the spec which mounts its user asked for: those from the first on, and
 * all volumes. */
int volumes_remember(struct spec *s, size_t first, struct arena *a, struct err *e);

/* Whose they are. */
struct volume_use {
	const struct store *store;
	int rootfs;	/* what is at the target there a new volume begins with */
	const char *id; /* the container that has a directory in the store; NULL: a bundle */
	bool remove;	/* at its end, and with it what has no name */
	bool mapped;	/* their ids are those of the container's user namespace */
};

/* Makes of each a bind of the volume's files; what is not there yet is made. */
int volumes_apply(struct spec *s, const struct volume_use *u, struct arena *a, struct err *e);

#endif

/* mountset.h - the root file system of a container: an overlay of an image's layers, mounted
 * nowhere. */
#ifndef IMAGE_MOUNTSET_H
#define IMAGE_MOUNTSET_H

#include "base/err.h"
#include "image/image.h"
#include "image/store.h"

#include <stdint.h>

/* Makes STORE/containers/ID for what the container will write and returns a detached mount
 * (fsmount) of the layers under it: for create_request.rootfs_fd, or to open files in. It is
 * visible in no namespace and goes with its last fd. Where overlays are not to be had, for this
 * user or on this file system, the layers are copied there together. -EEXIST when the id has a
 * directory already. On failure nothing is left. */
int image_mount(const struct store *s, const struct image *im, const char *id, struct err *e);

/* The ids of a container whose root shows them mapped. */
struct root_ids {
	int ns;	      /* a user namespace that maps them so */
	uint32_t uid; /* any that is one of the container's, as the host has it: its root's */
	uint32_t gid;
};

/* The same once more, when the mount that image_mount() gave has been closed: the files have the
 * ids that they have for the container, and are shown with those that the host has for it. */
int image_mount_mapped(const struct store *s, const struct image *im, const char *id,
		       const struct root_ids *ids, struct err *e);

/* What image_mount() gave, and what its files' ids are to be. */
struct id_maps;
struct root_copy {
	int rootfs;
	const struct id_maps *maps;
};

/* Where a user may not have ids mapped: the same with a copy of the image's layers in the place of
 * them, whose files have the ids that they are to have. It is a layer of the store, for all
 * containers of these ids, and goes when neither one of them nor rmi and such leave it. What had
 * been written is copied, too. */
int image_mount_copied(const struct store *s, const struct image *im, const char *id,
		       const struct root_copy *r, struct err *e);

/* What stands beside the root in a container. */
struct beside {
	const char *name; /* of a directory that is its alone, below mounts in the container's */
	const struct image *image;
	int lower;		    /* where there is no image: a directory of the host's */
	const struct root_ids *ids; /* NULL: as they are */
};

/* A detached mount of that image, whose layers are noted as the container's, or of an overlay of
 * that directory. What is written to it is the container's and goes with it. */
int image_mount_beside(const struct store *s, const char *id, const struct beside *w,
		       struct err *e);

/* A detached mount of the open directory dir, its ids mapped. */
int mount_mapped(int dir, int ns, struct err *e);

/* A mount of the image to be read, as its layers together show it; what the overlay wants to write
 * is below work, a directory of store_work_begin, and goes with that. */
int image_mount_work(const struct store *s, const struct image *im, int work, struct err *e);

/* Removes what container ID wrote. Idempotent. Every mount of it must be gone. */
int image_release(const struct store *s, const char *id, struct err *e);

#endif

/* runsource.h - sources of mounts that are no path of the host's: an image, a part of a volume,
 * what an overlay makes of a directory; and files that are given to the container's user. */
#ifndef MONITOR_RUNSOURCE_H
#define MONITOR_RUNSOURCE_H

#include "image/image.h"
#include "image/mountset.h"
#include "monitor/runspec.h"

/* What a mount is and has among its options until sources_make(): the type of one whose source is
 * an image's name; a path in it; all files get the container's user; they are not changed. */
#define SOURCE_IMAGE   "image"
#define SOURCE_PART    "subpath="
#define SOURCE_GIVEN   "U"
#define SOURCE_COVERED "O"

#define SOURCES_MAX 64

struct sources {
	struct source_image {
		const char *name;
		struct image *image;
	} images[SOURCES_MAX];
	size_t images_n;
	int fds[SOURCES_MAX]; /* held open until the container has them */
	size_t n;
};

/* Whether there are some that need a directory of the container's in the store. */
bool sources_wanted(const struct spec *s);

/* Refuses these, for a bundle: it has but paths. */
int sources_refuse(const struct spec *s, struct err *e);

/* Whether these options name images, and gets those, as --pull says. */
bool sources_are_images(const struct run_options *o);
int sources_obtain(struct sources *all, const struct store *s, const struct run_options *o,
		   struct arena *a, struct err *e);

/* Whose they are. */
struct source_use {
	const struct store *store;
	const char *id;
	const struct id_maps *maps; /* of the container's user namespace; NULL: it has none */
	const struct root_ids *ids; /* so, where root files are shown with these */
};

/* Makes each a bind. */
int sources_make(struct sources *all, struct spec *s, const struct source_use *u, struct arena *a,
		 struct err *e);

/* Before, and with nothing changed: whether it could. */
int sources_try(const struct sources *all, const struct spec *spec, const struct store *s,
		struct arena *a, struct err *e);

/* Whether nobody else may have it. */
bool source_is_held(const struct spec_mount *m);

/* Makes of all of them, and of volumes, empty directories: for a container that is only tried. True
 * if there were some. */
bool sources_empty(struct spec *s);

/* Lets go of all. */
void sources_end(struct sources *all);

#endif

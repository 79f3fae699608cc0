/* bundle.h - what to run in an image: its configuration and the caller's wishes become a runtime
 * spec. */
#ifndef IMAGE_BUNDLE_H
#define IMAGE_BUNDLE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/list.h"
#include "image/image.h"
#include "oci/spec.h"

#include <stdbool.h>

/* All may be zero or NULL: then the image decides. */
struct run_overrides {
	struct strs args;	/* instead of Cmd; Entrypoint stays in front */
	const char *entrypoint; /* instead of Entrypoint and Cmd; "" for none, ["A","B"] more */
	struct strs env;	/* NAME=VALUE, or NAME for the caller's own value; later ones win */
	struct strs merge;	/* NAME=VALUE, whose $NAME and ${NAME} are the image's */
	struct strs unset;	/* of all variables, these are not there */
	bool unset_all;		/* nor any of the image's */
	const char *cwd;
	const char *user;     /* NAME|UID[:GROUP|GID] */
	const char *hostname; /* NULL: stays that of the default spec */
	bool terminal;
	bool readonly;
};

/* spec_default() changed into a spec for this image: args, environment (a PATH always; TERM for a
 * terminal), cwd, user and groups as /etc/passwd and /etc/group inside rootfs_fd say, hostname.
 * Everything is read through rootfs_fd (see image_mount), never outside it. A NULL image says
 * nothing about itself. -EINVAL when there is nothing to run, the user is unknown, ... */
int image_spec(const struct image *im, int rootfs_fd, const struct run_overrides *o,
	       struct arena *a, struct spec **out, struct err *e);

/* Puts NAME=VALUE into the list, which has room for one more, in the place of the value that it has
 * for NAME, if any. */
void env_set(struct strs *env, const char *assignment);

#endif

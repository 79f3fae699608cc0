/* user.h - who a container's process is: names and homes from the passwd and group of its root. */
#ifndef BOX_USER_H
#define BOX_USER_H

#include "base/arena.h"
#include "base/err.h"
#include "oci/spec.h"

/* The user of a process, from "NAME|UID[:GROUP|GID]" and the files of the root file system (a
 * directory fd); home (may be NULL) gets the home directory, "/" when unknown. NULL or "" is
 * root. */
int user_find(int root, const char *text, struct arena *a, struct spec_user *out, const char **home,
	      struct err *e);

/* The id of a group, by its name or as a number. */
int user_group(int root, const char *group, uint32_t *gid, struct err *e);

/* The home of a user, "/" when it has none or cannot be told. */
const char *user_home(int root, uint32_t uid, struct arena *a);

/* The name of a user; NULL when it has none. */
const char *user_name(int root, uint32_t uid, struct arena *a);

/* Whether the group file of the root file system has that id. */
bool group_known(int root, uint32_t gid);

#endif

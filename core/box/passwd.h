/* passwd.h - users of a container, from the etc/passwd of its root. */
#ifndef BOX_PASSWD_H
#define BOX_PASSWD_H

#include "base/arena.h"

#include <stdint.h>

/* The home directory of uid; "/" when there is no such user, no file or no sense in it. root: a directory fd. */
const char *passwd_home(int root, uint32_t uid, struct arena *a);

#endif

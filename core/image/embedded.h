/* embedded.h - the image that needs no store: a root file system with this program in it, and
 * nothing else. */
#ifndef IMAGE_EMBEDDED_H
#define IMAGE_EMBEDDED_H

#include "base/err.h"

#define EMBEDDED_PROGRAM "/coracle"

/* A detached tmpfs with a copy of this program and the directories to mount on. For
 * create_request.rootfs_fd. */
int embedded_rootfs(struct err *e);

#endif

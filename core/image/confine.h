/* confine.h - a process that reads foreign bytes gives up what it will not need. */
#ifndef IMAGE_CONFINE_H
#define IMAGE_CONFINE_H

#include "base/err.h"

/* From now on this process and its children can write, make and remove files below dir only, and
 * execute nothing (Landlock). Reading and connecting stay as they were; what is open stays open.
 * 1: so it is; 0: this kernel cannot. */
int confine_writes(int dir, struct err *e);

#endif

/* selfexe.h - this program's own file, out of reach of the containers it makes (CVE-2019-5736). */
#ifndef BOX_SELFEXE_H
#define BOX_SELFEXE_H

#include "base/err.h"

/* Executes this program again from a read-only detached clone of its mount (or, where the kernel
 * cannot, from a sealed memory file), so that /proc/PID/exe of what becomes a container's process
 * cannot be written through. Returns when that is already so, or need not be: who runs it may not
 * write the file; else -errno. Call it first thing in main. */
int selfexe_protect(char **argv, struct err *e);

/* Called before that by who will ask for selfexe_path(). */
void selfexe_remember(void);

/* That clone, or that memory file, to be executed by somebody else; -errno. */
int selfexe_open(void);

/* Where that file is on the host, also for the second time, if it was remembered. NULL
 * when that cannot be told. */
struct arena;
const char *selfexe_path(struct arena *a);

#endif

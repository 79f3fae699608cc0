/* bootstrap.h - the commands of a shim's binary: start, delete, -info, and the server that start
 * leaves behind. */
#ifndef TTRPC_BOOTSTRAP_H
#define TTRPC_BOOTSTRAP_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>

/* The arguments, as containerd gives them to all of them. */
struct shim_args {
	const char *namespace_, *id;
	const char *address; /* containerd's GRPC socket */
	const char *bundle;  /* NULL: the working directory */
	const char *program; /* the name that we were called by */
	bool debug;
	char *const *argv; /* of this process: [0] names the server */
};

/* Makes sure that a shim serves for the container's group and writes where, in the words that the
 * containerd that asks understands: its input (in), or the lack of it, tells which one it is. The
 * server is this program again. */
int shim_start(const struct shim_args *a, const struct buf *in, struct buf *out, struct err *e);

/* Being that server, on fd 3. Returns when it is done. */
int shim_server(const struct shim_args *a, struct err *e);

/* After a shim died: kills and removes what is left of its container and answers how it ended. */
int shim_delete(const struct shim_args *a, struct buf *out, struct err *e);

/* What this runtime is and can do, for -info: the options on stdin, in, come back. program is the
 * name that we were called by, containerd-shim-NAME-VERSION: then we are
 * io.containerd.NAME.VERSION.
 */
int shim_info(const char *program, const struct buf *in, struct buf *out, struct err *e);

/* Reads what containerd has to say on stdin; a terminal says nothing, and who does not end it has
 * said all after three seconds. More than 10 MiB is E2BIG. */
int shim_input(struct buf *in, struct err *e);

#endif

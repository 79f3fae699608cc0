/* logger.h - a program that reads a container's output: binary://PROGRAM?KEY=VALUE. */
#ifndef TTRPC_LOGGER_H
#define TTRPC_LOGGER_H

#include "base/err.h"

#include <stdbool.h>

struct logger {
	int out, err;		/* what the container writes to */
	int hold_out, hold_err; /* the other ends, so that a logger that died kills nobody */
	int held;		/* the process, see proc.h */
};

bool is_logger(const char *uri);

/* Starts it with an id and the namespace in its environment (CONTAINER_ID, which is the exec's for
 * that of an exec, and CONTAINER_NAMESPACE), stdout and stderr as its fds 3 and 4, and fd 5, on
 * which it says that it is ready: by a byte, or unless it is of binary-v2:// by closing it. Waits
 * for that, ten seconds at most. The logger is a child of ours that sees the end of its input when
 * all ends are closed. The witness is a socket: before anything of the logger's runs it is sent
 * there, held, with one byte, for whoever outlives us. */
struct logger_request {
	const char *uri, *id, *namespace_;
	int witness;
	const int *nice; /* of it, as we made way for others; NULL: as ours is */
};
int logger_start(const struct logger_request *r, struct logger *out, struct err *e);

#endif

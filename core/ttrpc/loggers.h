/* loggers.h - the loggers of a shim's processes, from their start to their end. */
#ifndef TTRPC_LOGGERS_H
#define TTRPC_LOGGERS_H

#include "base/err.h"

#include <stdbool.h>

struct shim;
struct member;
struct attended; /* a logger */

struct loggers {
	struct attended *first;
};

/* Takes held. A logger that ends before its process is said to, and what is written then is
 * dropped: there will be nobody to read it. */
int logger_attend(struct shim *s, struct member *m, int held, struct err *e);

/* Its process is no more, and its input has ended: it has two seconds to end by itself, and ten
 * more after SIGTERM. */
void logger_see_off(struct shim *s, const struct member *m);

/* Kills those that are left. */
void loggers_close(struct shim *s);

#endif

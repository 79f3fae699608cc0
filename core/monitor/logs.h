/* logs.h - the log of a container, found by its id. */
#ifndef MONITOR_LOGS_H
#define MONITOR_LOGS_H

#include "base/err.h"
#include "monitor/logread.h"

#include <stdbool.h>

/* Writes what query q asks for to our stdout and stderr; with follow until the container's monitor
 * ends (q->follow is not looked at). */
int logs_show(const char *root, const char *id, const struct log_query *q, bool follow,
	      struct err *e);

#endif

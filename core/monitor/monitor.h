/* monitor.h - a container and its parent: made, started, attended until its end, recorded. */
#ifndef MONITOR_MONITOR_H
#define MONITOR_MONITOR_H

#include "base/err.h"
#include "container/container.h"
#include "monitor/discard.h"

#include <stdbool.h>

#define EXIT_OURS \
	125 /* exit status of a failure that is not the container's, as other tools have it */

struct monitor_request {
	struct create_request create; /* stdio, console and owner are the monitor's to fill in */
	bool interactive;	      /* our stdin is the container's; else it has /dev/null */
	bool terminal;
	const char *data;	    /* directory for the log, absolute; NULL: no log */
	uint64_t timeout;	    /* seconds until it is killed; 0: it is not */
	bool remove;		    /* at the end: the container and all it wrote */
	struct dropped drop;	    /* and then its image; name NULL: it stays */
	bool fragile;		    /* a signal for us kills it: monitor_run() fails with -EINTR */
	void (*created)(void *arg); /* when the container exists: nothing else is needed for it;
				       NULL: none */
	int (*check)(void *arg, struct err *e); /* of struct attend; NULL: none */
	void *arg;				/* of both */
};

/* Makes and starts the container as our child, on our stdio, and waits for its end: its exit
 * status, or -errno. */
int monitor_run(const struct monitor_request *r, struct err *e);

/* The same in a process of its own, which needs nobody any more: returns when the container has
 * been started. */
int monitor_detach(const struct monitor_request *r, struct err *e);

#endif

/* lifecycle.h - what may happen to a container in which state, as one table. */
#ifndef CONTAINER_LIFECYCLE_H
#define CONTAINER_LIFECYCLE_H

#include "base/err.h"
#include "oci/state.h"

enum event {
	EV_START,
	EV_KILL,
	EV_PAUSE,
	EV_RESUME,
	EV_EXEC,
	EV_UPDATE,
	EV_CHECKPOINT,
	EV_DELETE,
	EV_EXIT,
	EVENTS
};

/* 0 when the event is allowed, else refused in the words that other programs know from runc. */
int lifecycle_check(enum status s, enum event ev, const char *id, struct err *e);

#endif

/* discard.h - removing a container that `run` made, with all that it wrote. */
#ifndef MONITOR_DISCARD_H
#define MONITOR_DISCARD_H

#include "base/err.h"
#include "container/container.h"

/* Annotations that `run` gives to its containers. */
#define NOTE_STORE	  "coracle.store" /* the image store that has its directory */
#define NOTE_STOP_SIGNAL  "coracle.stop-signal"
#define NOTE_STOP_TIMEOUT "coracle.stop-timeout" /* seconds */

/* container_delete(), then its directory in the image store: written layer and log. Idempotent. */
int discard(struct container *c, bool force, struct err *e);

/* The same for each id; removed() is told of each. Goes on after an error; the first one is
 * reported. With force, one that does not exist is none. */
int discard_all(const char *root, const struct strs *ids, bool force,
		void (*removed)(void *arg, const char *id), struct err *e);

/* In a container's directory of the store: the state directory that it belongs to, as a path. */
#define DATA_STATE "state"

/* Says in the store's directory dir which container (root, id) it belongs to. */
int data_mark(int dir, const char *root, const char *id, struct err *e);

/* Removes the store's directory of container id. */
int data_remove(const char *store, const char *id, struct err *e);

#endif

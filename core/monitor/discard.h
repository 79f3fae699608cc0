/* discard.h - removing a container that `run` made, with all that it wrote. */
#ifndef MONITOR_DISCARD_H
#define MONITOR_DISCARD_H

#include "base/err.h"
#include "container/container.h"

/* Annotations that `run` gives to its containers. */
#define NOTE_STOP_SIGNAL  "coracle.stop-signal"
#define NOTE_STOP_TIMEOUT "coracle.stop-timeout" /* seconds */

/* What discard() may do more than it must. */
enum {
	DISCARD_FORCE = 1,   /* end it first, if it runs */
	DISCARD_VOLUMES = 2, /* the volumes that were made for it alone, too */
	DISCARD_ABSENT = 4,  /* of discard_all(): one that does not exist is no error */
};

/* container_delete(), then its directory in the image store: written layer and log, volumes that
 * were to go with it, and the file of --pidfile. Idempotent. */
int discard(struct container *c, unsigned how, struct err *e);

/* The same for each id; removed() is told of each. Goes on after an error; the first one is
 * reported. */
int discard_all(const char *root, const struct strs *ids, unsigned how,
		void (*removed)(void *arg, const char *id), struct err *e);

/* In a container's directory of the store: the state directory that it belongs to, as a path. */
#define DATA_STATE "state"

/* Says in the store's directory dir which container (root, id) it belongs to. */
int data_mark(int dir, const char *root, const char *id, struct err *e);

/* What a store has of a container. */
struct data {
	const char *store, *id;
	bool volumes; /* with all that were made for it alone */
	int dir;      /* its directory, open; -1: what is there under its name */
};

/* An image that goes with its container, unless another one stands on it. */
struct dropped {
	const char *store, *name, *digest;
};

/* Removes it from the store, or warns of why it stays. As the last thing that is done: it waits for
 * who has the store, and a signal ends us meanwhile. */
void discard_image(const struct dropped *d);

/* What a store has of a container, opened. -ENOENT, nothing said: it has nothing. */
int data_open(const char *store, const char *id, struct err *e);

/* Removes it. */
int data_remove(const struct data *d, struct err *e);

#endif

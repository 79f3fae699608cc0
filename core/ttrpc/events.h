/* events.h - what happened to a task, told to containerd in order. */
#ifndef TTRPC_EVENTS_H
#define TTRPC_EVENTS_H

#include "base/loop.h"
struct events;

/* To containerd's ttrpc socket (its TTRPC_ADDRESS), for one namespace; the strings must stay. A
 * NULL or empty address makes a publisher that has nobody to tell. idle is called whenever all has
 * been told. NULL: errno. */
struct events_options {
	const char *address, *namespace_;
	void (*idle)(void *arg);
	void *arg;
};
struct events *events_new(struct loop *l, const struct events_options *o);
void events_free(struct events *v);

/* In the order in which they happen to a task. */
enum event {
	EVENT_CREATE,
	EVENT_START,
	EVENT_OOM,
	EVENT_EXIT,
	EVENT_DELETE,
	EVENT_EXEC_ADDED,
	EVENT_EXEC_STARTED,
	EVENT_PAUSED,
	EVENT_RESUMED,
	EVENT_CHECKPOINTED,
	EVENT_EXEC_EXIT, /* a TaskExit, too */
};

/* Queues the event's message (containerd.events.TaskExit, ...) with the time of now. A container's
 * exit, OOM and delete arrive however long containerd is away: OOM once, however often it happened
 * meanwhile. Of the rest the oldest go when too many wait, those of exec's ends last. */
void events_publish(struct events *v, enum event which, const void *message);

/* How many are not yet told. */
unsigned events_waiting(const struct events *v);

#endif

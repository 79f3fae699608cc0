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
};

/* Queues the event's message (containerd.events.TaskExit, ...) with the time of now. Exit, OOM and
 * delete arrive however long containerd is away. */
void events_publish(struct events *v, enum event which, const void *message);

/* How many are not yet told. */
unsigned events_waiting(const struct events *v);

#endif

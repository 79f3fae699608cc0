/* events.h - what happens to a container, told as it happens. */
#ifndef CONTAINER_EVENTS_H
#define CONTAINER_EVENTS_H

#include "container/container.h"

/* Where the events go: one line of JSON each, {"type":"stats"|"oom","id","data"} as runc writes
 * them. A negative result ends it. */
struct event_sink {
	int (*line)(void *arg, const struct buf *line, struct err *e);
	void *arg;
};

/* Its statistics once. -EINVAL: "container with id ID is not running". */
int container_stats(struct container *c, const struct event_sink *to, struct err *e);

/* Statistics every interval_ms, and every time that the kernel killed in it for lack of memory;
 * until it ends. */
int container_events(struct container *c, uint64_t interval_ms, const struct event_sink *to,
		     struct err *e);

/* The JSON of stats alone. */
struct stats;
struct stats_extra;
void stats_json(const struct stats *s, const struct stats_extra *x, struct buf *out);

#endif

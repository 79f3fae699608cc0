/* engine.h - who isolates a container: what an engine can do and how it makes a plan of a spec. */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "box/plan.h"

/* What an engine may be able to do; an operation is refused by name where it cannot. */
enum engine_capability {
	ENGINE_EXEC = 1 << 0,
	ENGINE_PAUSE = 1 << 1,
	ENGINE_OOM_EVENTS = 1 << 2,
	ENGINE_JOIN_NETWORK = 1 << 3, /* a network namespace that others made */
	ENGINE_CHECKPOINT = 1 << 4,
};

struct engine {
	const char *name;
	unsigned capabilities;
	bool own_root; /* the container has a root file system of its own */
	int (*plan)(const struct plan_context *c, struct arena *a, struct plan *out, struct err *e);
};

/* "native" (namespaces, a root of its own) or "host" (a command on the node itself, in a cgroup).
 * NULL: native. An unknown name is refused with those that there are. */
int engine_find(const char *name, const struct engine **out, struct err *e);

/* Refuses an operation that the engine of that name cannot do: "runtime NAME does not support
 * OPERATION". */
int engine_allows(const char *name, enum engine_capability capability, const char *operation,
		  struct err *e);

#endif

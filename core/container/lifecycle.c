/* lifecycle.c - what may happen to a container in which state, as one table. */
#include "container/lifecycle.h"

/* An allowed event has no words. An empty cell would be a hole in the table: it is refused too. */
struct cell {
	int allowed;
	int code;
	const char *words; /* %s: the id */
};

#define NOT_STOPPED "cannot delete container %s that is not stopped: "
#define NOT_CHECKPOINTED(state_) \
	{ 0, EINVAL, "Container cannot be checkpointed in " state_ " state: %s" }
#define PAUSED_EXEC "cannot exec in a paused container: %s (use --ignore-paused to override)"
#define ALLOWED	    { .allowed = 1 }

static const struct cell table[][EVENTS] = {
	[STATUS_CREATING] = {
		[EV_START] = { 0, EINVAL, "container %s is being created" },
		[EV_KILL] = { 0, ESRCH, "container not running (%s is being created)" },
		[EV_PAUSE] = { 0, EINVAL, "container not running (%s is being created)" },
		[EV_RESUME] = { 0, EINVAL, "container not paused (%s is being created)" },
		[EV_EXEC] = { 0, EINVAL, "cannot exec in container %s: it is being created" },
		[EV_UPDATE] = { 0, EINVAL, "container not running (%s is being created)" },
		[EV_CHECKPOINT] = NOT_CHECKPOINTED("creating"),
		[EV_DELETE] = { 0, EBUSY, NOT_STOPPED "creating" },
		[EV_EXIT] = ALLOWED,
	},
	[STATUS_CREATED] = {
		[EV_START] = ALLOWED,
		[EV_KILL] = ALLOWED,
		[EV_PAUSE] = ALLOWED,
		[EV_RESUME] = { 0, EINVAL, "container not paused: %s" },
		[EV_EXEC] = ALLOWED,
		[EV_UPDATE] = ALLOWED,
		[EV_CHECKPOINT] = NOT_CHECKPOINTED("created"),
		[EV_DELETE] = ALLOWED, /* its init has done nothing yet: it is killed */
		[EV_EXIT] = ALLOWED,
	},
	[STATUS_RUNNING] = {
		[EV_START] = { 0, EINVAL, "cannot start an already running container: %s" },
		[EV_KILL] = ALLOWED,
		[EV_PAUSE] = ALLOWED,
		[EV_RESUME] = { 0, EINVAL, "container not paused: %s" },
		[EV_EXEC] = ALLOWED,
		[EV_UPDATE] = ALLOWED,
		[EV_CHECKPOINT] = ALLOWED,
		[EV_DELETE] = { 0, EBUSY, NOT_STOPPED "running" },
		[EV_EXIT] = ALLOWED,
	},
	[STATUS_PAUSED] = {
		[EV_START] = { 0, EINVAL, "cannot start a container in the paused state: %s" },
		[EV_KILL] = ALLOWED,
		[EV_PAUSE] = { 0, EINVAL, "container already paused: %s" },
		[EV_RESUME] = ALLOWED,
		[EV_EXEC] = { 0, EINVAL, PAUSED_EXEC },
		[EV_UPDATE] = ALLOWED,
		[EV_CHECKPOINT] = ALLOWED,
		[EV_DELETE] = { 0, EBUSY, NOT_STOPPED "paused" },
		[EV_EXIT] = ALLOWED,
	},
	[STATUS_STOPPED] = {
		[EV_START] = { 0, EINVAL, "cannot start a container that has stopped: %s" },
		[EV_KILL] = { 0, ESRCH, "container not running: %s" },
		[EV_PAUSE] = { 0, EINVAL, "container not running: %s" },
		[EV_RESUME] = { 0, EINVAL, "container not paused: %s" },
		[EV_EXEC] = { 0, EINVAL, "cannot exec in a stopped container: %s" },
		[EV_UPDATE] = { 0, EINVAL, "container not running: %s" },
		[EV_CHECKPOINT] = NOT_CHECKPOINTED("stopped"),
		[EV_DELETE] = ALLOWED,
		[EV_EXIT] = ALLOWED,
	},
};

int lifecycle_check(enum status s, enum event ev, const char *id, struct err *e)
{
	const struct cell *c = &table[s][ev];
	if (c->allowed)
		return 0;
	return refuse(e, c->code ? c->code : EINVAL, c->words ? c->words : "not possible now: %s",
		      id);
}

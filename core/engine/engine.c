/* engine.c - who isolates a container: the table of engines. */
#include "engine/engine.h"

#include <string.h>

static const struct engine engines[] = {
	{
		.name = "native",
		.capabilities = ENGINE_EXEC | ENGINE_PAUSE | ENGINE_OOM_EVENTS |
				ENGINE_JOIN_NETWORK | ENGINE_CHECKPOINT,
		.own_root = true,
		.plan = plan_create,
	},
	{
		.name = "host",
		.capabilities = ENGINE_EXEC | ENGINE_PAUSE | ENGINE_OOM_EVENTS,
		.plan = plan_host,
	},
};
#define ENGINES (sizeof(engines) / sizeof(engines[0]))

int engine_find(const char *name, const struct engine **out, struct err *e)
{
	for (size_t i = 0; i < ENGINES; i++)
		if (!name || !strcmp(engines[i].name, name)) {
			*out = &engines[i];
			return 0;
		}
	return refuse(e, EINVAL, "unknown engine '%s': use native or host", name);
}

int engine_allows(const char *name, enum engine_capability capability, const char *operation,
		  struct err *e)
{
	const struct engine *engine;
	int rc = engine_find(name, &engine, e);
	if (rc == 0 && !(engine->capabilities & capability))
		rc = refuse(e, ENOTSUP, "runtime %s does not support %s", engine->name, operation);
	return rc;
}

/* exec.h - one more process in a running container, attended until it ends. */
#ifndef MONITOR_EXEC_H
#define MONITOR_EXEC_H

#include "base/arena.h"
#include "base/err.h"
#include "base/list.h"

#include <stdbool.h>

struct exec_options {
	const char *root;
	bool detach, interactive, terminal, privileged;
	struct strs env, env_files;
	const char *cwd, *user;
};

/* args: the container's id, then the command. Its exit status, or -errno. Detached, it is left to
 * itself once it runs, without streams: 0. */
int exec_run(const struct exec_options *o, const struct strs *args, struct arena *a, struct err *e);

#endif

/* exec.h - one more process in a running container, attended until it ends. */
#ifndef MONITOR_EXEC_H
#define MONITOR_EXEC_H

#include "base/arena.h"
#include "base/err.h"
#include "base/list.h"

#include <stdbool.h>

struct exec_options {
	const char *root;
	bool interactive, terminal, privileged;
	struct strs env;
	const char *cwd, *user;
};

/* args: the container's id, then the command. Its exit status, or -errno. */
int exec_run(const struct exec_options *o, const struct strs *args, struct arena *a, struct err *e);

#endif

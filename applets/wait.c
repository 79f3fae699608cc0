/* wait.c - `coracle wait`: until containers have ended. */
#include "applets.h"
#include "base/log.h"
#include "base/proc.h"
#include "container/container.h"
#include "monitor/exit.h"

#include <stdio.h>

struct wait_options {
	const char *root;
};

static const struct opt options[] = {
	OPT(OPT_PATH, wait_options, root, 0, "root", "DIR", "where states are kept"),
	{ 0 },
};

static int wait_one(const char *root, const char *id, struct err *e)
{
	struct container *c = NULL;
	struct exit_status st;
	int rc = container_open(root, id, &c, e);
	if (rc == 0)
		rc = exit_wait(c, -1, &st, e);
	if (rc == 0)
		printf("%d\n", st.code);
	container_close(c);
	bool said = rc < 0 || (proc_has_stdout() && fflush(stdout) == 0);
	return said ? rc : fail(e, EIO, "write to stdout");
}

static int wait_applet(const struct call *c, struct err *e)
{
	const struct wait_options *o = c->opts;
	const char *root = container_root(o->root, c->arena, e);
	int rc = !root ? -e->code : 0;
	for (size_t i = 0; root && i < c->args.n; i++) {
		struct err one = { 0 };
		rc = log_next(rc, wait_one(root, c->args.v[i], &one), &one, e);
	}
	return rc;
}

const struct command applet_wait = {
	.name = "wait",
	.args = "ID...",
	.help = "wait until containers have ended and print their exit statuses",
	.opts = options,
	.opts_size = sizeof(struct wait_options),
	.min_args = 1,
	.max_args = 4096,
	.run = wait_applet,
};

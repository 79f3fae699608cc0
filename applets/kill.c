/* kill.c - `coracle kill`: send a signal. */
#include "applets.h"
#include "base/log.h"
#include "container/container.h"

#include <signal.h>
#include <stdio.h>

struct kill_options {
	const char *signal, *root;
	bool all;
};

static const struct opt options[] = {
	OPT(OPT_MAYBE_STR, kill_options, signal, 's', "signal", "NAME", "KILL otherwise"),
	OPT(OPT_FLAG, kill_options, all, 'a', "all", NULL, "to all its processes"),
	OPT(OPT_PATH, kill_options, root, 0, "root", "DIR", "where states are kept"),
	{ 0 },
};
static const struct kill_options defaults;

static int kill_one(const struct kill_options *o, const char *id, int sig, struct err *e)
{
	struct container *c = NULL;
	int rc = container_open(o->root, id, &c, e);
	if (rc == 0)
		rc = container_kill(c, sig, o->all, e);
	if (rc == 0)
		puts(id);
	container_close(c);
	return rc;
}

static int kill_applet(const struct call *c, struct err *e)
{
	struct kill_options o = *(const struct kill_options *)c->opts;
	int sig = o.signal ? signal_parse(o.signal) : SIGKILL;
	o.root = container_root(o.root, c->arena, e);
	int rc = o.root ? 0 : -e->code;
	if (sig < 0)
		return refuse(e, EINVAL, "unknown signal '%s'", o.signal);
	for (size_t i = 0; o.root && i < c->args.n; i++) {
		struct err one = { 0 };
		rc = log_next(rc, kill_one(&o, c->args.v[i], sig, &one), &one, e);
	}
	return rc;
}

const struct command applet_kill = {
	.name = "kill",
	.args = "ID...",
	.help = "send a signal to containers",
	.opts = options,
	.opts_size = sizeof(struct kill_options),
	.defaults = &defaults,
	.min_args = 1,
	.max_args = 4096,
	.run = kill_applet,
};

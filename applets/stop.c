/* stop.c - `coracle stop`: end containers politely, and after a while not. */
#include "monitor/stop.h"
#include "applets.h"
#include "container/container.h"
#include "monitor/listing.h"

#include <stdio.h>

struct stop_options {
	struct opt_i64 seconds;
	const char *signal, *root;
	bool all;
};

static const struct opt options[] = {
	OPT(OPT_MAYBE_I64, stop_options, seconds, 't', "time", "SECONDS",
	    "before KILL (10); -1: never"),
	OPT(OPT_MAYBE_STR, stop_options, signal, 's', "signal", "NAME",
	    "instead of TERM or what it was made with"),
	OPT(OPT_FLAG, stop_options, all, 'a', "all", NULL, "all that run, in the place of ids"),
	OPT(OPT_PATH, stop_options, root, 0, "root", "DIR", "where states are kept"),
	{ 0 },
};

static void print_id(void *arg, const char *id)
{
	(void)arg;
	puts(id);
}

static int stop_applet(const struct call *c, struct err *e)
{
	const struct stop_options *o = c->opts;
	struct pick p = { container_root(o->root, c->arena, e), c->args, o->all, .running = true };
	struct stop_request r = {
		.root = p.root,
		.absent = o->all,
		.signal = o->signal,
		.seconds = o->seconds,
		.stopped = print_id,
	};
	int rc = p.root ? listing_pick(&p, c->arena, &r.ids, e) : -e->code;
	return rc < 0 ? rc : stop(&r, c->arena, e);
}

const struct command applet_stop = {
	.name = "stop",
	.args = "ID...|--all",
	.help = "end containers: a signal, and after a while KILL",
	.opts = options,
	.opts_size = sizeof(struct stop_options),
	.max_args = 4096,
	.run = stop_applet,
};

/* logs.c - `coracle logs`: what a detached container wrote. */
#include "monitor/logs.h"
#include "applets.h"
#include "container/container.h"

#include <string.h>

struct logs_options {
	bool follow, timestamps;
	const char *tail, *since, *root;
};

static const struct opt options[] = {
	OPT(OPT_FLAG, logs_options, follow, 'f', "follow", NULL, "go on until the container ends"),
	OPT(OPT_STR, logs_options, tail, 'n', "tail", "NUMBER", "the last so many lines, or all"),
	OPT(OPT_FLAG, logs_options, timestamps, 't', "timestamps", NULL,
	    "when each line was written"),
	OPT(OPT_STR, logs_options, since, 0, "since", "TIME",
	    "what is younger: 10m, 1h30m, or a time"),
	OPT(OPT_PATH, logs_options, root, 0, "root", "DIR", "where states are kept"),
	{ 0 },
};
static const struct logs_options defaults = { .tail = "all" };

static int logs(const struct call *c, struct err *e)
{
	const struct logs_options *o = c->opts;
	struct log_query q = { .tail = -1, .timestamps = o->timestamps, .follow = -1 };
	int64_t n = 0;
	if (strcmp(o->tail, "all") && (size_parse(o->tail, &n) < 0 || n < 0))
		return refuse(e, EINVAL, "option --tail: '%s' is neither a number nor all",
			      o->tail);
	if (strcmp(o->tail, "all"))
		q.tail = n;
	if (o->since && log_since_parse(o->since, &q.since) < 0)
		return refuse(e, EINVAL,
			      "option --since: '%s' is neither a duration such as 10m nor a time",
			      o->since);
	const char *root = container_root(o->root, c->arena, e);
	return !root ? -e->code : logs_show(root, c->args.v[0], &q, o->follow, e);
}

const struct command applet_logs = {
	.name = "logs",
	.args = "ID",
	.help = "show what a detached container wrote",
	.opts = options,
	.opts_size = sizeof(struct logs_options),
	.defaults = &defaults,
	.min_args = 1,
	.max_args = 1,
	.run = logs,
};

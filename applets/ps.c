/* ps.c - `coracle ps`: the containers there are. */
#include "applets.h"
#include "container/container.h"
#include "monitor/listing.h"

#include <stdio.h>
#include <string.h>

struct ps_options {
	bool all, quiet;
	const char *format, *root;
};

static const struct opt options[] = {
	OPT(OPT_FLAG, ps_options, all, 'a', "all", NULL, "also those that do not run"),
	OPT(OPT_FLAG, ps_options, quiet, 'q', "quiet", NULL, "ids alone"),
	OPT(OPT_STR, ps_options, format, 'f', "format", "table|json", "a table (default), or JSON"),
	OPT(OPT_PATH, ps_options, root, 0, "root", "DIR", "where states are kept"),
	{ 0 },
};
static const struct ps_options defaults = { .format = "table" };

static int ps(const struct call *c, struct err *e)
{
	const struct ps_options *o = c->opts;
	bool json = !strcmp(o->format, "json");
	struct listing l;
	auto_buf out = { 0 };
	if (!json && strcmp(o->format, "table"))
		return refuse(e, EINVAL, "option --format: '%s' is neither table nor json",
			      o->format);
	const char *root = container_root(o->root, c->arena, e);
	int rc = !root ? -e->code : listing_read(root, o->all, c->arena, &l, e);
	if (rc < 0)
		return rc;
	(json ? listing_json : o->quiet ? listing_ids : listing_table)(&l, &out);
	return cli_print(&out, e);
}

const struct command applet_ps = {
	.name = "ps",
	.help = "list containers",
	.more = "As JSON it is a list of {\"id\", \"image\", \"command\", \"status\": "
		"\"creating\", \"created\", \"running\", \"paused\" or \"stopped\", \"pid\" (0: "
		"none), \"created\", \"started\", \"finished\", \"exitCode\"}; what has not come "
		"yet is left out.",
	.opts = options,
	.opts_size = sizeof(struct ps_options),
	.defaults = &defaults,
	.run = ps,
};

/* rm.c - `coracle rm`: remove containers with all that they wrote. */
#include "applets.h"
#include "container/container.h"
#include "monitor/discard.h"
#include "monitor/listing.h"

#include <stdio.h>

struct rm_options {
	bool force, all, volumes;
	const char *root;
};

static const struct opt options[] = {
	OPT(OPT_FLAG, rm_options, force, 'f', "force", NULL,
	    "kill it first; one that is not there is no error"),
	OPT(OPT_FLAG, rm_options, all, 'a', "all", NULL, "all that there are, in the place of ids"),
	OPT(OPT_FLAG, rm_options, volumes, 'v', "volumes", NULL,
	    "with its volumes that have no name"),
	OPT(OPT_PATH, rm_options, root, 0, "root", "DIR", "where states are kept"),
	{ 0 },
};

static void print_id(void *arg, const char *id)
{
	(void)arg;
	puts(id);
}

static int rm(const struct call *c, struct err *e)
{
	const struct rm_options *o = c->opts;
	struct pick p = { container_root(o->root, c->arena, e), c->args, .all = o->all };
	struct strs ids;
	unsigned how = (o->force ? DISCARD_FORCE : 0) | (o->volumes ? DISCARD_VOLUMES : 0) |
		       (o->force || o->all ? DISCARD_ABSENT : 0);
	int rc = p.root ? listing_pick(&p, c->arena, &ids, e) : -e->code;
	return rc < 0 ? rc : discard_all(p.root, &ids, how, print_id, e);
}

const struct command applet_rm = {
	.name = "rm",
	.args = "ID...|--all",
	.help = "remove containers with all that they wrote",
	.opts = options,
	.opts_size = sizeof(struct rm_options),
	.max_args = 4096,
	.run = rm,
};

/* rmi.c - `coracle rmi`: images out of the store. */
#include "applets.h"
#include "box/subid.h"
#include "image/image.h"

#include <stdio.h>

struct rmi_options {
	const char *store;
};

static const struct opt options[] = {
	OPT(OPT_STR, rmi_options, store, 0, "store", "DIR",
	    "the image store (default: $CORACLE_STORE or " DEFAULT_STORE ")"),
	OPT(OPT_STR, rmi_options, store, 0, "root", "DIR", NULL),
	{ 0 },
};

static int rmi(const struct call *c, struct err *e)
{
	const struct rmi_options *o = c->opts;
	struct store s;
	int rc = subid_enter(e); /* layers have files of all of a user's ids */
	if (rc == 0)
		rc = store_open(o->store, &s, e);
	if (rc < 0)
		return rc;
	for (size_t i = 0; rc == 0 && i < c->args.n; i++) {
		struct store_gc gc;
		rc = image_remove(&s, c->args.v[i], &gc, e);
		if (rc == 0)
			puts(c->args.v[i]);
	}
	store_close(&s);
	return rc;
}

const struct command applet_rmi = {
	.name = "rmi",
	.args = "IMAGE...",
	.help = "remove images, and the layers that nothing else needs",
	.opts = options,
	.opts_size = sizeof(struct rmi_options),
	.min_args = 1,
	.max_args = 256,
	.run = rmi,
};

/* rmi.c - `coracle rmi`: images out of the store. */
#include "applets.h"
#include "base/log.h"
#include "box/subid.h"
#include "image/image.h"

#include <stdio.h>

struct rmi_options {
	const char *store;
	bool force;
};

static const struct opt options[] = {
	OPT(OPT_PATH, rmi_options, store, 0, "store", "DIR",
	    "the image store (default: $CORACLE_STORE or " DEFAULT_STORE ")"),
	OPT(OPT_PATH, rmi_options, store, 0, "root", "DIR", NULL),
	OPT(OPT_FLAG, rmi_options, force, 'f', "force", NULL, "one that is not there is no error"),
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
	for (size_t i = 0; i < c->args.n; i++) {
		struct store_gc gc;
		struct err one = { 0 };
		int removed = image_remove(&s, c->args.v[i], &gc, &one);
		if (removed == 0)
			puts(c->args.v[i]);
		rc = log_next(rc, removed == -ENOENT && o->force ? 0 : removed, &one, e);
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

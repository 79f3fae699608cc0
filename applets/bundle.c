/* bundle.c - `coracle bundle`: an image as a bundle for any runtime. */
#include "applets.h"
#include "monitor/bundledir.h"
#include "runoptions.h"

#include <stdlib.h>

/* IMAGE BUNDLE, or with an app BUNDLE alone; and the rest. */
static int bundle(const struct call *c, struct err *e)
{
	const struct run_options *o = c->opts;
	size_t n = o->app ? 0 : 1;
	if (c->args.n <= n)
		return refuse(e, EINVAL, "no BUNDLE: name a directory to make");
	struct bundle_request r = {
		.options = *o,
		.source = c->args.v[0],
		.directory = c->args.v[n],
		.command = { c->args.v + n + 1, c->args.n - n - 1 },
	};
	if (o->root && !o->store && !getenv("CORACLE_STORE")) { /* as with pull */
		r.options.store = o->root;
		r.options.root = NULL;
	}
	return bundle_make(&r, c->arena, e);
}

const struct command applet_bundle = {
	.name = "bundle",
	.args = "IMAGE|--cnb APP BUNDLE [COMMAND [ARG...]]",
	.help = "unpack an image into a bundle for any runtime",
	.more = "BUNDLE, a directory that is made or empty, gets the image's files in rootfs,"
		" a copy that is its own, and a config.json of the image's configuration and "
		"the options, as `coracle run` would have it. The image's labels become "
		"annotations, but for those that are orders to some runtime. An image that is"
		" not in the store is pulled into it; the store is --root where neither --store "
		"nor $CORACLE_STORE says so. What a user makes who is not root has his "
		"ids in a user namespace, and is for him to run.\n\n"
		"With --cnb the image is built from a copy of APP, by the builder's lifecycle in a "
		"container without rights. For it are also the limits, --network (host, if "
		"buildpacks download) and the variables. The image stays in the store, as "
		"localhost/cnb:NAME of APP's last part; what the next build can use stays until "
		"`coracle prune`. COMMAND is for the image's launcher.",
	.opts = run_options_all + RUN_OPTIONS_ONLY,
	.opts_size = sizeof(struct run_options),
	.defaults = &run_options_defaults,
	.min_args = 1,
	.max_args = -1,
	.run = bundle,
};

/* bundle.c - `coracle bundle`: an image as a bundle for any runtime. */
#include "applets.h"
#include "monitor/bundledir.h"
#include "runoptions.h"

static int bundle(const struct call *c, struct err *e)
{
	const struct bundle_request r = {
		.options = *(const struct run_options *)c->opts,
		.source = c->args.v[0],
		.directory = c->args.v[1],
		.command = { c->args.v + 2, c->args.n - 2 },
	};
	return bundle_make(&r, c->arena, e);
}

const struct command applet_bundle = {
	.name = "bundle",
	.args = "IMAGE BUNDLE [COMMAND [ARG...]]",
	.help = "unpack an image into a bundle for any runtime",
	.more = "BUNDLE, a directory that is made or empty, gets the image's files in rootfs,"
		" a copy that is its own, and a config.json of the image's configuration and "
		"the options, as `coracle run` would have it. The image's labels become "
		"annotations, but for those that are orders to some runtime. An image that is"
		" not in the store is pulled into it.",
	.opts = run_options_all + RUN_OPTIONS_ONLY,
	.opts_size = sizeof(struct run_options),
	.min_args = 2,
	.max_args = -1,
	.run = bundle,
};

/* tag.c - `coracle tag`: more names for an image of the store. */
#include "applets.h"
#include "image/image.h"

#include <stdio.h>

struct tag_options {
	const char *store;
};

static const struct opt options[] = {
	OPT(OPT_PATH, tag_options, store, 0, "store", "DIR",
	    "the image store (default: $CORACLE_STORE or " DEFAULT_STORE ")"),
	OPT(OPT_PATH, tag_options, store, 0, "root", "DIR", NULL),
	{ 0 },
};

static int tag(const struct call *c, struct err *e)
{
	const struct tag_options *o = c->opts;
	struct store s;
	struct image *im;
	const char *name;
	auto_arena *a = arena_new(ARENA_IMAGE);
	int rc = a ? 0 : fail(e, ENOMEM, "tag %s", c->args.v[0]);
	for (size_t i = 1; rc == 0 && i < c->args.n; i++) /* all of them good, or none is given */
		rc = store_name_new(c->args.v[i], a, &name, e);
	if (rc == 0)
		rc = store_open(o->store, &s, e);
	if (rc < 0)
		return rc;
	store_sweep(&s);
	rc = image_open(&s, c->args.v[0], a, &im, e);
	for (size_t i = 1; rc == 0 && i < c->args.n; i++) {
		rc = store_name_new(c->args.v[i], a, &name, e);
		if (rc == 0)
			rc = store_name_put(&s, name, &im->descriptor, e);
		if (rc == 0)
			puts(name);
	}
	store_close(&s);
	return rc;
}

const struct command applet_tag = {
	.name = "tag",
	.args = "IMAGE NAME...",
	.help = "give an image of the store more names",
	.more = "NAME is [HOST[:PORT]/]NAME[:TAG], :latest without a tag. An image that had that "
		"name before loses it. `coracle rmi NAME` takes a name away again; the image goes "
		"with its last one.",
	.opts = options,
	.opts_size = sizeof(struct tag_options),
	.min_args = 2,
	.max_args = 256,
	.run = tag,
};

/* images.c - `coracle images`: what the store has. */
#include "applets.h"
#include "image/show.h"

#include <stdio.h>

struct images_options {
	const char *store, *format;
	bool quiet;
};

static const struct opt options[] = {
	OPT(OPT_PATH, images_options, store, 0, "store", "DIR",
	    "the image store (default: $CORACLE_STORE or " DEFAULT_STORE ")"),
	OPT(OPT_PATH, images_options, store, 0, "root", "DIR", NULL),
	OPT(OPT_STR, images_options, format, 0, "format", "table|json", "how to print them"),
	OPT(OPT_FLAG, images_options, quiet, 'q', "quiet", NULL, "ids alone"),
	{ 0 },
};

static int images(const struct call *c, struct err *e)
{
	const struct images_options *o = c->opts;
	struct store s;
	enum show how;
	auto_buf out = { 0 };
	int rc = show_parse(o->format, o->quiet, &how, e);
	if (rc == 0)
		rc = store_open(o->store, &s, e);
	if (rc < 0)
		return rc;
	rc = show_images(&s, how, &out, e);
	if (rc == 0)
		rc = cli_print(&out, e);
	store_close(&s);
	return rc;
}

const struct command applet_images = {
	.name = "images",
	.help = "list the images of the store",
	.opts = options,
	.opts_size = sizeof(struct images_options),
	.run = images,
};

/* inspect.c - `coracle inspect`: all that is known of an image. */
#include "image/inspect.h"
#include "applets.h"
#include "image/show.h"

struct inspect_options {
	const char *store, *format;
};

static const struct opt options[] = {
	OPT(OPT_PATH, inspect_options, store, 0, "store", "DIR",
	    "the image store (default: $CORACLE_STORE or " DEFAULT_STORE ")"),
	OPT(OPT_PATH, inspect_options, store, 0, "root", "DIR", NULL),
	OPT(OPT_STR, inspect_options, format, 0, "format", "json|table",
	    "how to print it: all as JSON (default), or the most of it as text"),
	{ 0 },
};

static int one(const struct store *s, const char *name, enum show how, struct buf *out,
	       struct err *e)
{
	struct image *im;
	auto_arena *a = arena_new(ARENA_IMAGE);
	int rc = a ? image_open(s, name, a, &im, e) : fail(e, ENOMEM, "inspect %s", name);
	if (rc < 0)
		return rc;
	return how == SHOW_JSON ? inspect_json(s, im, a, out, e) : inspect_text(s, im, a, out, e);
}

/* Nothing is printed unless all of them are there. */
static int inspect(const struct call *c, struct err *e)
{
	const struct inspect_options *o = c->opts;
	struct store s;
	enum show how;
	auto_buf out = { 0 };
	int rc = show_parse(o->format ? o->format : "json", false, &how, e);
	if (rc == 0)
		rc = store_open(o->store, &s, e);
	if (rc < 0)
		return rc;
	bool json = how == SHOW_JSON;
	buf_str(&out, json ? "[\n" : "");
	for (size_t i = 0; rc == 0 && i < c->args.n; i++) {
		buf_str(&out, !i ? "" : json ? ",\n" : "\n");
		rc = one(&s, c->args.v[i], how, &out, e);
	}
	buf_str(&out, json ? "\n]\n" : "");
	store_close(&s);
	return rc < 0 ? rc : cli_print(&out, e);
}

const struct command applet_inspect = {
	.name = "inspect",
	.args = "IMAGE...",
	.help = "show all that is known of images of the store",
	.more = "The JSON is a list with an object an image: its names, digest, id (the digest of "
		"its configuration), platform, size, layers (packed size, diff id, chain id and "
		"the directory where it is unpacked), annotations, and its configuration and "
		"history as the image has them. `coracle runtime state` shows a container.",
	.opts = options,
	.opts_size = sizeof(struct inspect_options),
	.min_args = 1,
	.max_args = 256,
	.run = inspect,
};

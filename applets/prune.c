/* prune.c - `coracle prune`: what nothing needs goes out of the store. */
#include "image/prune.h"
#include "applets.h"
#include "box/subid.h"
#include "image/show.h"

struct prune_options {
	const char *store, *format;
	bool all, force;
};

static const struct opt options[] = {
	OPT(OPT_PATH, prune_options, store, 0, "store", "DIR",
	    "the image store (default: $CORACLE_STORE or " DEFAULT_STORE ")"),
	OPT(OPT_PATH, prune_options, store, 0, "root", "DIR", NULL),
	OPT(OPT_FLAG, prune_options, all, 'a', "all", NULL,
	    "images with a name, too, if no container stands on them"),
	OPT(OPT_FLAG, prune_options, force, 'f', "force", NULL, NULL),
	OPT(OPT_STR, prune_options, format, 0, "format", "table|json",
	    "how to print what was removed"),
	{ 0 },
};

static void as_text(const struct pruned *p, struct buf *out)
{
	char size[32];
	size_format(p->gc.bytes, size, sizeof(size));
	for (size_t i = 0; i < p->images.n; i++)
		buf_printf(out, "%s\n", p->images.v[i]);
	buf_printf(out, "removed %zu image%s, %zu blob%s of %s, %zu unpacked layer%s\n",
		   p->images.n, p->images.n == 1 ? "" : "s", p->gc.blobs,
		   p->gc.blobs == 1 ? "" : "s", size, p->gc.layers, p->gc.layers == 1 ? "" : "s");
}

static int prune(const struct call *c, struct err *e)
{
	const struct prune_options *o = c->opts;
	struct store s;
	struct pruned p;
	enum show how;
	auto_buf out = { 0 };
	auto_arena *a = arena_new(4 * ARENA_IMAGE);
	int rc = a ? show_parse(o->format, false, &how, e) : fail(e, ENOMEM, "prune");
	if (rc == 0)
		rc = subid_enter(e); /* layers have files of all of a user's ids */
	if (rc == 0)
		rc = store_open(o->store, &s, e);
	if (rc < 0)
		return rc;
	rc = store_prune(&s, o->all, a, &p, e);
	store_close(&s);
	if (rc < 0)
		return rc;
	if (how == SHOW_JSON)
		pruned_json(&p, &out);
	else
		as_text(&p, &out);
	return cli_print(&out, e);
}

const struct command applet_prune = {
	.name = "prune",
	.help = "remove what nothing in the store needs any more",
	.more = "That is: images without a name, blobs and unpacked layers that no image and no "
		"container needs, what killed pulls have left, and the caches of "
		"builds. It waits until nobody else has "
		"the store open, as a pull has. What containers stand on stays, whether they run "
		"or not; `coracle rm` and `coracle cleanup` remove those.\n\n"
		"As JSON it is {\"images\": their names or digests, \"blobs\" and \"layers\": how "
		"many, \"bytes\": of the blobs}.",
	.opts = options,
	.opts_size = sizeof(struct prune_options),
	.run = prune,
};

/* tag.c - `coracle tag`: more names for an image of the store. */
#include "applets.h"
#include "image/image.h"

#include <stdio.h>

struct tag_options {
	const char *store;
};

static const struct opt options[] = {
	OPT(OPT_STR, tag_options, store, 0, "store", "DIR",
	    "the image store (default: $CORACLE_STORE or " DEFAULT_STORE ")"),
	{ 0 },
};

/* What the new name is in the store; a digest cannot be given away. */
static int new_name(const char *text, struct arena *a, const char **out, struct err *e)
{
	struct ref r;
	int rc = ref_parse(text, a, &r, e);
	if (rc < 0)
		return rc;
	if (r.kind != REF_REGISTRY && r.kind != REF_SHORT)
		return refuse(e, EINVAL, "%.200s: a new name is [HOST[:PORT]/]NAME[:TAG]", text);
	if (r.digest)
		return refuse(e, EINVAL, "%.200s: a new name has a tag, not a digest", text);
	*out = ref_text(&r, a);
	return *out ? 0 : fail(e, E2BIG, "name %.200s", text);
}

static int tag(const struct call *c, struct err *e)
{
	const struct tag_options *o = c->opts;
	struct store s;
	struct image *im;
	const char *name;
	auto_arena *a = arena_new(ARENA_IMAGE);
	int rc = a ? 0 : fail(e, ENOMEM, "tag %s", c->args.v[0]);
	for (size_t i = 1; rc == 0 && i < c->args.n; i++) /* all of them good, or none is given */
		rc = new_name(c->args.v[i], a, &name, e);
	if (rc == 0)
		rc = store_open(o->store, &s, e);
	if (rc < 0)
		return rc;
	rc = image_open(&s, c->args.v[0], a, &im, e);
	for (size_t i = 1; rc == 0 && i < c->args.n; i++) {
		rc = new_name(c->args.v[i], a, &name, e);
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

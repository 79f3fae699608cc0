/* inspect.c - all that the store knows of one image. */
#include "image/inspect.h"
#include "base/cli.h"
#include "base/file.h"
#include "base/json.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

struct layer_view {
	const char *digest, *media_type, *diff_id, *chain_id, *directory;
	int64_t size;
};

struct image_view {
	const char *name, *digest, *id, *media_type, *created, *os, *architecture, *variant;
	struct strs names;
	int64_t size;
	struct {
		struct layer_view *v;
		size_t n;
	} layers;
	struct {
		struct pairs annotations;
	} manifest;
	struct {
		const char *config, *history, *author; /* JSON, as the image has it */
	} own;
};

static const struct json_field layer_fields[] = {
	JSON_F(J_STR, layer_view, digest, "digest", J_KEEP),
	JSON_F(J_STR, layer_view, media_type, "mediaType", J_KEEP),
	JSON_F(J_I64, layer_view, size, "size", J_KEEP),
	JSON_F(J_STR, layer_view, diff_id, "diffId", J_KEEP),
	JSON_F(J_STR, layer_view, chain_id, "chainId", J_KEEP),
	JSON(J_STR, layer_view, directory, "directory"),
	{ 0 },
};

static const struct json_field view_fields[] = {
	JSON_F(J_STR, image_view, name, "name", J_KEEP),
	JSON_F(J_STRS, image_view, names, "names", J_KEEP),
	JSON_F(J_STR, image_view, digest, "digest", J_KEEP),
	JSON_F(J_STR, image_view, id, "id", J_KEEP),
	JSON_F(J_STR, image_view, media_type, "mediaType", J_KEEP),
	JSON(J_STR, image_view, created, "created"),
	JSON(J_RAW, image_view, own.author, "author"),
	JSON(J_STR, image_view, os, "os"),
	JSON(J_STR, image_view, architecture, "architecture"),
	JSON(J_STR, image_view, variant, "variant"),
	JSON_F(J_I64, image_view, size, "size", J_KEEP),
	{ .name = "layers",
	  .type = J_LIST,
	  .flags = J_KEEP,
	  .offset = offsetof(struct image_view, layers),
	  .sub = layer_fields,
	  .size = sizeof(struct layer_view) },
	JSON(J_PAIRS, image_view, manifest.annotations, "annotations"),
	JSON(J_RAW, image_view, own.config, "config"),
	JSON(J_RAW, image_view, own.history, "history"),
	{ 0 },
};

static const struct json_field manifest_view[] = {
	JSON(J_PAIRS, image_view, manifest.annotations, "annotations"),
	{ 0 },
};
static const struct json_field config_view[] = {
	JSON(J_RAW, image_view, own.config, "config"),
	JSON(J_RAW, image_view, own.history, "history"),
	JSON(J_RAW, image_view, own.author, "author"),
	{ 0 },
};

static int no_room(const struct image *im, struct err *e)
{
	return fail(e, E2BIG, "inspect %.200s", im->name ? im->name : im->descriptor.digest);
}

/* Every name that stands for this manifest. */
static int view_names(const struct store *s, const struct image *im, struct arena *a,
		      struct strs *out, struct err *e)
{
	struct index ix;
	int rc = store_names(s, a, &ix, e);
	if (rc < 0)
		return rc;
	*out = (struct strs){ arena_array(a, ix.manifests.n + 1, sizeof(char *)), 0 };
	if (!out->v)
		return no_room(im, e);
	for (size_t i = 0; i < ix.manifests.n; i++) {
		const char *name = descriptor_name(&ix.manifests.v[i]);
		if (name && !strcmp(ix.manifests.v[i].digest, im->descriptor.digest))
			out->v[out->n++] = name;
	}
	return 0;
}

/* Where the unpacked layer is; NULL when it is not. */
static const char *directory(const struct store *s, const char *chain, struct arena *a)
{
	struct err absent;
	auto_close int fd = store_layer_open(s, chain, &absent);
	return fd < 0 ? NULL : path_of(fd, a, &absent);
}

static int view_layers(const struct store *s, const struct image *im, struct arena *a,
		       struct image_view *v, struct err *e)
{
	v->layers.n = im->manifest.layers.n;
	v->layers.v = arena_array(a, v->layers.n + 1, sizeof(*v->layers.v));
	if (!v->layers.v)
		return no_room(im, e);
	for (size_t i = 0; i < v->layers.n; i++) {
		const struct descriptor *d = &im->manifest.layers.v[i];
		v->layers.v[i] = (struct layer_view){
			.digest = d->digest,
			.media_type = d->media_type,
			.size = d->size,
			.diff_id = im->config.rootfs.diff_ids.v[i],
			.chain_id = im->chains.v[i],
			.directory = directory(s, im->chains.v[i], a),
		};
	}
	return 0;
}

/* What of a document is only shown. */
static int view_document(const struct store *s, const struct descriptor *d,
			 const struct json_field *table, struct arena *a, struct image_view *v,
			 struct err *e)
{
	auto_buf b = { .max = MANIFEST_MAX + 1 };
	int rc = store_blob_read(s, d, &b, e);
	return rc < 0 ? rc : json_read(b.p, b.len, table, v, a, e);
}

static int view(const struct store *s, const struct image *im, struct arena *a,
		struct image_view *out, struct err *e)
{
	*out = (struct image_view){
		.name = im->name,
		.digest = im->descriptor.digest,
		.id = im->manifest.config.digest,
		.media_type = im->descriptor.media_type,
		.created = im->config.created,
		.os = im->config.os,
		.architecture = im->config.architecture,
		.variant = im->config.variant,
		.size = im->size,
	};
	int rc = view_names(s, im, a, &out->names, e);
	if (rc == 0)
		rc = view_layers(s, im, a, out, e);
	if (rc == 0)
		rc = view_document(s, &im->descriptor, manifest_view, a, out, e);
	if (rc == 0)
		rc = view_document(s, &im->manifest.config, config_view, a, out, e);
	return rc;
}

int inspect_json(const struct store *s, const struct image *im, struct arena *a, struct buf *out,
		 struct err *e)
{
	struct image_view v;
	int rc = view(s, im, a, &v, e);
	if (rc == 0)
		json_write(out, view_fields, &v, 2);
	return rc;
}

/* Nothing that an image says speaks to a terminal. */
static void line(struct buf *out, const char *what, const char *value)
{
	size_t at = out->len;
	if (!value || !*value)
		return;
	buf_printf(out, "%-10s  %s", what, value);
	if (!out->failed)
		text_tame(out->p + at, out->len - at, '?');
	buf_char(out, '\n');
}

static void lines(struct buf *out, const char *what, const struct strs *l)
{
	for (size_t i = 0; i < l->n; i++)
		line(out, i ? "" : what, l->v[i]);
}

int inspect_text(const struct store *s, const struct image *im, struct arena *a, struct buf *out,
		 struct err *e)
{
	struct image_view v;
	char size[32];
	int rc = view(s, im, a, &v, e);
	if (rc < 0)
		return rc;
	lines(out, "NAMES", &v.names);
	line(out, "DIGEST", v.digest);
	line(out, "ID", v.id);
	line(out, "CREATED", v.created);
	line(out, "PLATFORM",
	     arena_printf(a, "%s/%s%s%s", v.os ? v.os : "?", v.architecture ? v.architecture : "?",
			  v.variant ? "/" : "", v.variant ? v.variant : ""));
	size_format((uint64_t)v.size, size, sizeof(size));
	line(out, "SIZE", size);
	lines(out, "ENTRYPOINT", &im->config.config.entrypoint);
	lines(out, "COMMAND", &im->config.config.cmd);
	line(out, "USER", im->config.config.user);
	line(out, "DIRECTORY", im->config.config.working_dir);
	lines(out, "ENV", &im->config.config.env);
	for (size_t i = 0; i < v.layers.n; i++) {
		size_format((uint64_t)v.layers.v[i].size, size, sizeof(size));
		buf_printf(out, "%-10s  %s  %s%s\n", i ? "" : "LAYERS", v.layers.v[i].digest, size,
			   v.layers.v[i].directory ? "" : ", not unpacked");
	}
	return 0;
}

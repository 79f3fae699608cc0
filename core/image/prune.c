/* prune.c - what nothing needs goes out of the store. */
#include "image/prune.h"
#include "base/file.h"
#include "base/json.h"
#include "image/image.h"

#include <string.h>

/* The topmost layers of all images in containers. */
struct used {
	struct arena *a;
	struct strs tops;
};

/* One image a paragraph, its topmost layer last. */
static int used_add(void *arg, const char *id, char *layers, struct err *e)
{
	struct used *u = arg;
	for (char *p = layers, *end; p; p = end) {
		end = strstr(p, "\n\n");
		if (end)
			*end = 0, end += 2;
		const char *last = strrchr(p, '\n');
		const char **to = LIST_ADD(u->a, &u->tops);
		if (!to || !(*to = arena_str(u->a, last ? last + 1 : p)))
			return fail(e, E2BIG, "read the store's containers");
	}
	return 0;
}

static bool in_use(const struct image *im, const struct used *u)
{
	const char *top = im->chains.n ? im->chains.v[im->chains.n - 1] : "";
	return strs_has(&u->tops, top);
}

/* One that cannot be read is kept: rmi removes it, by its name. */
static bool wanted(const struct store *s, const struct descriptor *d, const struct used *u,
		   struct arena *a)
{
	struct image im;
	struct err damaged;
	return image_read(s, d, a, &im, &damaged) < 0 || in_use(&im, u);
}

static int drop_images(struct store *s, bool all, struct arena *a, struct strs *out, struct err *e)
{
	struct index ix;
	struct used u = { .a = a };
	int rc = store_names(s, a, &ix, e);
	if (rc == 0 && all)
		rc = store_notes_each(s, "layers", used_add, &u, e);
	if (rc < 0)
		return rc;
	size_t kept = 0;
	*out = (struct strs){ arena_array(a, ix.manifests.n + 1, sizeof(char *)), 0 };
	if (!out->v)
		return fail(e, E2BIG, "prune the store");
	for (size_t i = 0; i < ix.manifests.n; i++) {
		const struct descriptor *d = &ix.manifests.v[i];
		const char *name = descriptor_name(d);
		if (name && (!all || wanted(s, d, &u, a)))
			ix.manifests.v[kept++] = *d;
		else
			out->v[out->n++] = name ? name : d->digest;
	}
	ix.manifests.n = kept;
	return out->n ? store_names_save(s, &ix, e) : 0;
}

int store_prune(struct store *s, bool all, struct arena *a, struct pruned *out, struct err *e)
{
	struct pruned p = { 0 };
	int rc = store_alone(s, e);
	if (rc < 0)
		return rc;
	struct err ignored; /* they would only have saved time */
	store_sweep(s);
	tree_remove(s->dir, STORE_CACHE, &ignored);
	rc = drop_images(s, all, a, &p.images, e);
	if (rc == 0)
		rc = store_collect(s, &p.gc, e);
	if (rc == 0)
		*out = p;
	return rc;
}

/* Of that name, if it still means that; NULL: it does not. */
static const struct descriptor *named(const struct index *ix, const char *name, const char *digest)
{
	for (size_t i = 0; i < ix->manifests.n; i++) {
		const char *has = descriptor_name(&ix->manifests.v[i]);
		if (has && !strcmp(has, name) && !strcmp(ix->manifests.v[i].digest, digest))
			return &ix->manifests.v[i];
	}
	return NULL;
}

int image_drop(struct store *s, const char *name, const char *digest, struct err *e)
{
	struct index ix;
	struct store_gc gc;
	auto_arena *a = arena_new(ARENA_IMAGE);
	struct used u = { .a = a };
	struct image im;
	if (!a)
		return fail(e, ENOMEM, "remove image %.100s", name);
	int rc = store_alone(s, e);
	if (rc == 0)
		rc = store_names(s, a, &ix, e);
	const struct descriptor *d = rc < 0 ? NULL : named(&ix, name, digest);
	if (!d)
		return rc;
	rc = store_notes_each(s, "layers", used_add, &u, e);
	if (rc == 0)
		rc = image_read(s, d, a, &im, e);
	if (rc == 0 && in_use(&im, &u))
		rc = refuse(e, EBUSY, "a container needs it");
	if (rc == 0)
		rc = store_name_remove(s, name, e);
	return rc < 0 ? rc : store_collect(s, &gc, e);
}

struct flat {
	struct strs images;
	uint64_t blobs, layers, bytes;
};
static const struct json_field flat_fields[] = {
	JSON_F(J_STRS, flat, images, "images", J_KEEP),
	JSON_F(J_U64, flat, blobs, "blobs", J_KEEP),
	JSON_F(J_U64, flat, layers, "layers", J_KEEP),
	JSON_F(J_U64, flat, bytes, "bytes", J_KEEP),
	{ 0 },
};

void pruned_json(const struct pruned *p, struct buf *out)
{
	const struct flat f = { p->images, p->gc.blobs, p->gc.layers, p->gc.bytes };
	json_write(out, flat_fields, &f, 0);
	buf_char(out, '\n');
}

/* archive.c - an image in a tar file as its origin: an OCI layout, or what docker save writes. */
#include "base/file.h"
#include "base/sha256.h"
#include "image/origin.h"
#include "image/store.h"
#include "image/tarfile.h"

#include <stdlib.h>
#include <string.h>

#define MEDIA_CONFIG "application/vnd.oci.image.config.v1+json"
#define MEDIA_LAYER  "application/vnd.oci.image.layer.v1.tar"

struct blob {
	const char *digest;
	const struct tarmember *member;
};

struct archive_origin {
	struct origin origin;
	struct arena *arena; /* the caller's */
	struct tarfile tar;
	struct reading *reading;
	struct ref ref;
	const struct index *index; /* of a layout */
	struct buf manifest;	   /* of docker's: made here, for it has none */
	char digest[SHA256_TEXT];  /* its own */
	struct blob blobs[LAYERS_MAX + 1];
	size_t blobs_n;
};

struct saved {
	const char *config;
	struct strs tags, layers;
};
struct saves {
	struct {
		struct saved *v;
		size_t n;
	} images;
};
static const struct json_field saved_fields[] = {
	JSON_F(J_STR, saved, config, "Config", J_REQUIRED),
	JSON(J_STRS, saved, tags, "RepoTags"),
	JSON(J_STRS, saved, layers, "Layers"),
	{ 0 },
};
static const struct json_field saves_fields[] = {
	JSON_SUB(J_LIST, saves, images, "images", saved_fields, saved),
	{ 0 },
};

/* The member that is a blob of a layout, or one of docker's by what its configuration says. */
static int find_blob(struct archive_origin *o, const char *digest, const struct tarmember **out,
		     struct err *e)
{
	for (size_t i = 0; i < o->blobs_n; i++)
		if (!strcmp(o->blobs[i].digest, digest)) {
			*out = o->blobs[i].member;
			return 0;
		}
	char name[PLACE_MAX];
	blob_place(name, digest);
	return tarfile_find(&o->tar, name, o->arena, out, e);
}

/* Opens the member instead of the one before. */
static int turn_to(struct archive_origin *o, const struct tarmember *m, struct source **out,
		   struct err *e)
{
	reading_end(o->reading);
	o->reading = NULL;
	int rc = reading_begin(&o->tar, m, &o->reading, e);
	if (rc == 0)
		*out = reading_source(o->reading);
	return rc;
}

/* Appends the whole of a document. */
static int read_member(struct archive_origin *o, const struct tarmember *m, struct buf *b,
		       struct err *e)
{
	struct source *s;
	if (m->size > (int64_t)MANIFEST_MAX)
		return refuse(e, E2BIG, "%.300s: %.200s is larger than %zu bytes", o->tar.path,
			      m->name, MANIFEST_MAX);
	int rc = turn_to(o, m, &s, e);
	if (rc == 0)
		rc = source_append(s, b, e);
	if (rc < 0)
		return rc;
	return !buf_room(b, 0) ? fail(e, ENOMEM, "read %.300s", o->tar.path) : 0;
}

static int read_named(struct archive_origin *o, const char *name, struct buf *b, struct err *e)
{
	const struct tarmember *m;
	int rc = tarfile_find(&o->tar, name, o->arena, &m, e);
	return rc < 0 ? rc : read_member(o, m, b, e);
}

/* Docker's has one document, which was made here. */
static int made_document(struct archive_origin *o, const char *which, struct buf *b,
			 const char **type, struct err *e)
{
	if (which)
		return refuse(e, ENOTSUP,
			      "%.300s is a docker-archive, which has one image and nothing beside",
			      o->tar.path);
	*type = MEDIA_OCI_MANIFEST;
	buf_add(b, o->manifest.p, o->manifest.len);
	return b->failed ? fail(e, ENOMEM, "read %.300s", o->tar.path) : 0;
}

static int archive_document(struct origin *origin, const char *which, struct buf *b,
			    const char **type, struct err *e)
{
	struct archive_origin *o = (struct archive_origin *)origin;
	const struct tarmember *m;
	struct descriptor d;
	char got[DIGEST_TEXT];
	if (!o->index)
		return made_document(o, which, b, type, e);
	int rc = layout_which(o->index, &o->ref, which, &d, e);
	*type = d.media_type;
	if (rc == 0)
		rc = find_blob(o, d.digest, &m, e);
	if (rc == 0)
		rc = read_member(o, m, b, e);
	if (rc < 0)
		return rc;
	if (!digest_is(d.digest, b->p, b->len, got))
		return refuse(e, EBADMSG,
			      "%.300s: %s is not what it should be: its content has the digest %s",
			      o->tar.path, d.digest, got);
	return 0;
}

/* Of a layout's manifests everything is in its index. */
static int archive_referrers(struct origin *origin, const char *digest, struct arena *a,
			     struct index *out, struct err *e)
{
	struct archive_origin *o = (struct archive_origin *)origin;
	if (!o->index)
		return refuse(e, ENOENT, "%.300s has one image and nothing beside", o->tar.path);
	*out = *o->index;
	return 0;
}

static int archive_blob(struct origin *origin, const struct descriptor *d, struct source **out,
			struct err *e)
{
	struct archive_origin *o = (struct archive_origin *)origin;
	const struct tarmember *m;
	int rc = find_blob(o, d->digest, &m, e);
	return rc < 0 ? rc : turn_to(o, m, out, e);
}

static int archive_forked(struct origin *origin, struct err *e)
{
	struct archive_origin *o = (struct archive_origin *)origin;
	o->reading = NULL; /* which is the parent's */
	o->tar.confined = true;
	return 0;
}

static void archive_close(struct origin *origin)
{
	struct archive_origin *o = (struct archive_origin *)origin;
	reading_end(o->reading);
	tarfile_close(&o->tar);
	buf_free(&o->manifest);
	free(o);
}

/* --- a layout --- */

static int open_layout(struct archive_origin *o, struct ref *r, struct err *e)
{
	auto_buf b = { .max = MANIFEST_MAX + 1 };
	const struct tarmember *mark;
	struct descriptor top;
	struct index *ix = arena_alloc(o->arena, sizeof(*ix));
	if (!ix)
		return fail(e, E2BIG, "read %.300s", o->tar.path);
	if (tarfile_find(&o->tar, "oci-layout", o->arena, &mark, e) < 0)
		return refuse(e, ENOENT,
			      "%.300s has no OCI layout in it: no file oci-layout; if docker save "
			      "wrote it, it is docker-archive:FILE",
			      r->name);
	int rc = read_named(o, "index.json", &b, e);
	if (rc == 0 && index_parse(b.p, b.len, o->arena, ix, e) < 0)
		rc = within(e, "%.300s: index.json", r->name);
	if (rc < 0)
		return rc;
	o->index = ix;
	o->ref = *r;
	rc = layout_which(ix, r, NULL, &top, e);
	o->origin.digest = top.digest;
	return rc;
}

/* --- what docker save writes --- */

/* Whether that tag is the one that a person wrote, in full or as docker shortens it. */
static bool same_tag(const char *has, const char *wanted, struct arena *a)
{
	struct ref x, y;
	struct err ignored;
	if (!strcmp(has, wanted))
		return true;
	if (ref_parse(has, a, &x, &ignored) < 0 || ref_parse(wanted, a, &y, &ignored) < 0)
		return false;
	const char *whole = ref_text(&x, a), *part = ref_text(&y, a);
	if (!whole || !part)
		return false;
	size_t n = strlen(whole), k = strlen(part);
	return !strcmp(whole, part) || (y.kind == REF_SHORT && n > k && whole[n - k - 1] == '/' &&
					!strcmp(whole + n - k, part));
}

/* By its tag, by its place (@0), or the only one. */
static int choose(const struct saves *all, struct ref *r, struct arena *a, const struct saved **out,
		  struct err *e)
{
	*out = NULL;
	if (r->tag && *r->tag == '@') {
		char *end;
		unsigned long i = strtoul(r->tag + 1, &end, 10);
		if (end > r->tag + 1 && !*end && i < all->images.n)
			*out = &all->images.v[i];
	}
	for (size_t i = 0; r->tag && !*out && i < all->images.n; i++)
		for (size_t k = 0; !*out && k < all->images.v[i].tags.n; k++)
			if (same_tag(all->images.v[i].tags.v[k], r->tag, a)) {
				*out = &all->images.v[i];
				r->tag = all->images.v[i].tags.v[k];
			}
	if (r->tag && !*out)
		return refuse(e, ENOENT, "no image called %.200s in the archive %.300s", r->tag,
			      r->name);
	if (!r->tag && all->images.n != 1)
		return refuse(e, EINVAL,
			      "the archive %.300s has %zu images: name one as "
			      "docker-archive:FILE:NAME:TAG",
			      r->name, all->images.n);
	if (!r->tag)
		*out = &all->images.v[0];
	if ((!r->tag || *r->tag == '@') && (*out)->tags.n)
		r->tag = (*out)->tags.v[0];
	return 0;
}

static int digest_of(struct archive_origin *o, const struct tarmember *m, char out[SHA256_TEXT],
		     struct err *e)
{
	struct source *s;
	struct sha256 sha;
	const void *p;
	ssize_t n;
	int rc = turn_to(o, m, &s, e);
	if (rc < 0)
		return rc;
	sha256_init(&sha);
	while ((n = source_read(s, &p, e)) > 0)
		sha256_add(&sha, p, (size_t)n);
	sha256_end_text(&sha, out);
	return (int)n;
}

/* Describes a layer in the manifest. Its digest is the one that the configuration has for its
 * unpacked bytes; one that is packed all the same must be read for its own. */
static int add_layer(struct archive_origin *o, const char *name, const char *diff, struct err *e)
{
	static const char *const suffixes[] = { "", "+gzip", "+zstd" };
	struct blob *b = &o->blobs[o->blobs_n];
	int rc = tarfile_find(&o->tar, name, o->arena, &b->member, e);
	if (rc < 0)
		return rc;
	enum packing packing = b->member->packing;
	char *own = arena_str(o->arena, diff);
	if (own && packing != PACK_NONE)
		rc = digest_of(o, b->member, own, e);
	if (rc < 0)
		return rc;
	b->digest = own;
	buf_printf(&o->manifest,
		   "%s{\"mediaType\":\"" MEDIA_LAYER "%s\",\"digest\":\"%s\",\"size\":%lld}",
		   o->blobs_n > 1 ? "," : "", suffixes[packing], own ? own : "",
		   (long long)b->member->size);
	o->blobs_n++;
	return own ? 0 : fail(e, E2BIG, "read %.300s", o->tar.path);
}

/* The manifest that the image would have in a registry. */
static int make_manifest(struct archive_origin *o, const struct saved *image, struct err *e)
{
	auto_buf b = { .max = MANIFEST_MAX + 1 };
	struct image_config config = { 0 };
	struct manifest shape = { .layers.n = image->layers.n };
	char *digest = arena_alloc(o->arena, SHA256_TEXT);
	const struct tarmember *m;
	if (!digest)
		return fail(e, E2BIG, "read %.300s", o->tar.path);
	if (image->layers.n > LAYERS_MAX)
		return refuse(e, E2BIG, "%.300s: %zu layers; at most %d can be stacked",
			      o->tar.path, image->layers.n, LAYERS_MAX);
	int rc = tarfile_find(&o->tar, image->config, o->arena, &m, e);
	if (rc == 0)
		rc = read_member(o, m, &b, e);
	if (rc == 0 && config_parse(b.p, b.len, &shape, o->arena, &config, e) < 0)
		rc = within(e, "%.300s", o->tar.path);
	if (rc < 0)
		return rc;
	sha256_text(b.p, b.len, digest);
	o->blobs[o->blobs_n++] = (struct blob){ digest, m };
	buf_printf(&o->manifest,
		   "{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_OCI_MANIFEST "\","
		   "\"config\":{\"mediaType\":\"" MEDIA_CONFIG
		   "\",\"digest\":\"%s\",\"size\":%lld},"
		   "\"layers\":[",
		   digest, (long long)m->size);
	for (size_t i = 0; rc == 0 && i < image->layers.n; i++)
		rc = add_layer(o, image->layers.v[i], config.rootfs.diff_ids.v[i], e);
	buf_str(&o->manifest, "]}");
	if (rc == 0 && o->manifest.failed)
		rc = fail(e, ENOMEM, "read %.300s", o->tar.path);
	if (rc == 0)
		sha256_text(o->manifest.p, o->manifest.len, o->digest);
	return rc;
}

static int open_saved(struct archive_origin *o, struct ref *r, struct err *e)
{
	auto_buf b = { .max = MANIFEST_MAX + 16 };
	struct saves all = { 0 };
	const struct saved *image;
	const struct tarmember *m;
	if (tarfile_find(&o->tar, "manifest.json", o->arena, &m, e) < 0)
		return refuse(e, ENOENT,
			      "%.300s is not what docker save writes: no manifest.json in it%s",
			      r->name,
			      tarfile_find(&o->tar, "oci-layout", o->arena, &m, e) == 0
				      ? "; it is an oci-archive"
				      : "");
	buf_str(&b, "{\"images\":"); /* a list is no document of its own to the reader of JSON */
	int rc = read_member(o, m, &b, e);
	buf_char(&b, '}');
	if (rc == 0 && json_read(b.p, b.len, saves_fields, &all, o->arena, e) < 0)
		rc = within(e, "%.300s: manifest.json", r->name);
	if (rc == 0)
		rc = choose(&all, r, o->arena, &image, e);
	return rc == 0 ? make_manifest(o, image, e) : rc;
}

int archive_open(struct ref *r, const struct limits *l, struct arena *a, struct origin **out,
		 struct err *e)
{
	struct archive_origin *o = calloc(1, sizeof(*o));
	if (!o)
		return fail(e, ENOMEM, "open the archive %.300s", r->name);
	o->origin = (struct origin){ archive_document, archive_referrers, archive_blob,
				     archive_forked, archive_close };
	o->arena = a;
	int rc = tarfile_open(r->name, l, a, &o->tar, e);
	if (rc == 0)
		rc = r->kind == REF_OCI_ARCHIVE ? open_layout(o, r, e) : open_saved(o, r, e);
	if (rc < 0) {
		archive_close(&o->origin);
		return rc;
	}
	*out = &o->origin;
	return 0;
}

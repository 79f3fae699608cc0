/* image.c - one image of the store, ready to be run or shown. */
#include "image/image.h"
#include "base/digest.h"
#include "base/sha256.h"

#include <string.h>

/* Of "BELOW DIFF", or of what is alone. */
static void chain(const struct sha256 *begun, const char *below, const char *diff,
		  char out[SHA256_TEXT])
{
	struct sha256 s = *begun;
	if (below) {
		sha256_add(&s, below, strlen(below));
		sha256_add(&s, " ", 1);
	}
	sha256_add(&s, diff, strlen(diff));
	sha256_end_text(&s, out);
}

int image_chains(const struct strs *diff_ids, struct arena *a, struct strs *out, struct err *e)
{
	const char **v = arena_array(a, diff_ids->n + 1, sizeof(*v));
	struct sha256 begun;
	if (!v)
		return fail(e, E2BIG, "name an image's layers");
	sha256_init(&begun);
	sha256_expect(&begun, diff_ids->n * 2 * SHA256_TEXT);
	for (size_t i = 0; i < diff_ids->n; i++) {
		char text[SHA256_TEXT];
		const char *diff = diff_ids->v[i];
		/* The others are SHA-256 always; so is this one in the store. */
		if (i || strlen(diff) >= sizeof(text))
			chain(&begun, i ? v[i - 1] : NULL, diff, text);
		else
			memcpy(text, diff, strlen(diff) + 1);
		v[i] = arena_str(a, text);
		if (!v[i])
			return fail(e, E2BIG, "name an image's layers");
	}
	*out = (struct strs){ v, diff_ids->n };
	return 0;
}

int image_read(const struct store *s, const struct descriptor *d, struct arena *a,
	       struct image *out, struct err *e)
{
	struct image im = { .name = descriptor_name(d), .descriptor = *d };
	auto_buf b = { .max = MANIFEST_MAX + 1 };
	auto_buf c = { .max = MANIFEST_MAX + 1 };
	int rc = store_blob_read(s, d, &b, e);
	if (rc == 0)
		rc = manifest_parse(b.p, b.len, a, &im.manifest, e);
	if (rc == 0)
		rc = store_blob_read(s, &im.manifest.config, &c, e);
	if (rc == 0)
		rc = config_parse(c.p, c.len, &im.manifest, a, &im.config, e);
	if (rc == 0)
		rc = image_chains(&im.config.rootfs.diff_ids, a, &im.chains, e);
	if (rc == -ENOENT && im.name)
		return refuse(e, ENOENT, "image %.200s is not whole here: coracle pull %.200s",
			      im.name, im.name);
	if (rc < 0)
		return within(e, "image %.200s", im.name ? im.name : d->digest);
	im.size = d->size + im.manifest.config.size;
	for (size_t i = 0; i < im.manifest.layers.n; i++)
		im.size += im.manifest.layers.v[i].size;
	*out = im;
	return 0;
}

/* Whether the entry's name ends with "/NAME:TAG". */
static bool ends_with(const char *has, const char *name)
{
	size_t h = strlen(has), n = strlen(name);
	return h > n && has[h - n - 1] == '/' && !strcmp(has + h - n, name);
}

/* How an entry fits what was asked for: exactly, by its end, not. */
enum fit { FIT_NONE, FIT_END, FIT_EXACT };

/* The same up to the tag of the one and the digest of the other. */
static bool same_repository(const char *tagged, const char *by_digest)
{
	size_t n = strcspn(by_digest, "@");
	return !strncmp(tagged, by_digest, n) && (tagged[n] == ':' || tagged[n] == '@') &&
	       !strchr(tagged + n, '/');
}

static enum fit fit_name(const struct descriptor *d, const struct ref *r, const char *name)
{
	const char *has = descriptor_name(d);
	if (!has || (r->digest && r->tag && strcmp(d->digest, r->digest)))
		return FIT_NONE;
	if (r->digest && !r->tag && !strcmp(d->digest, r->digest) && same_repository(has, name))
		return FIT_EXACT;
	if (!strcmp(has, name))
		return FIT_EXACT;
	return r->kind == REF_SHORT && ends_with(has, name) ? FIT_END : FIT_NONE;
}

static int ambiguous(const char *text, const struct descriptor *x, const struct descriptor *y,
		     struct err *e)
{
	return refuse(e, EINVAL,
		      "%.100s means more than one image: %.200s and %.200s; write the whole name",
		      text, descriptor_name(x), descriptor_name(y));
}

static int find_name(const struct index *ix, const char *text, struct arena *a,
		     const struct descriptor **out, struct err *e)
{
	struct ref r;
	struct err unparsed;
	if (ref_parse(text, a, &r, &unparsed) < 0)
		return 0;
	const char *name = ref_text(&r, a);
	if (!name)
		return fail(e, E2BIG, "find image %.100s", text);
	enum fit best = FIT_NONE;
	for (size_t i = 0; i < ix->manifests.n; i++) {
		const struct descriptor *d = &ix->manifests.v[i];
		enum fit f = fit_name(d, &r, name);
		if (f == FIT_END && best == FIT_END && strcmp(d->digest, (*out)->digest))
			return ambiguous(text, *out, d, e);
		if (f > best) {
			best = f;
			*out = d;
		}
	}
	return best;
}

/* The text begins with the algorithm, or after it. */
static bool starts(const char *digest, const char *text)
{
	return !strncmp(strchr(text, ':') ? digest : digest + 7, text, strlen(text));
}

/* By the beginning of its digest or id, in hex. */
static int find_hex(const struct store *s, const struct index *ix, const char *text,
		    struct arena *a, const struct descriptor **out, struct err *e)
{
	bool whole = !strncmp(text, "sha256:", 7) || !strncmp(text, "sha512:", 7);
	const char *hex = whole ? text + 7 : text;
	size_t n = strlen(hex);
	const struct descriptor *found = NULL;
	if (n < 4 || n > 128 || strspn(hex, "0123456789abcdef") != n)
		return 0;
	for (size_t i = 0; i < ix->manifests.n; i++) {
		const struct descriptor *d = &ix->manifests.v[i];
		struct image im;
		struct err damaged;
		if (!descriptor_name(d))
			continue;
		if (!starts(d->digest, text) && (image_read(s, d, a, &im, &damaged) < 0 ||
						 !starts(im.manifest.config.digest, text)))
			continue;
		if (found && strcmp(found->digest, d->digest))
			return ambiguous(text, found, d, e);
		found = d;
	}
	if (found)
		*out = found;
	return found != NULL;
}

/* 0 with *out set, or a refusal. */
static int find(const struct store *s, const struct index *ix, const char *text, struct arena *a,
		const struct descriptor **out, struct err *e)
{
	int rc = find_name(ix, text, a, out, e);
	if (rc == 0)
		rc = find_hex(s, ix, text, a, out, e);
	if (rc < 0)
		return rc;
	if (rc == 0)
		return refuse(e, ENOENT,
			      "image %.200s is not in the store; get it with: coracle pull %.200s",
			      text, text);
	return 0;
}

int image_open(const struct store *s, const char *text, struct arena *a, struct image **out,
	       struct err *e)
{
	struct index ix;
	const struct descriptor *d;
	struct image *im = arena_alloc(a, sizeof(*im));
	if (!im)
		return fail(e, E2BIG, "open image %.100s", text);
	int rc = store_names(s, a, &ix, e);
	if (rc == 0)
		rc = find(s, &ix, text, a, &d, e);
	if (rc == 0)
		rc = image_read(s, d, a, im, e);
	if (rc == 0)
		*out = im;
	return rc;
}

/* An id, or the end of a name, says of an image with more names not which of them is to go. */
static int one_name(const struct index *ix, const char *text, const struct descriptor *d,
		    struct arena *a, struct err *e)
{
	struct ref r;
	struct err unparsed;
	const char *name = ref_parse(text, a, &r, &unparsed) < 0 ? NULL : ref_text(&r, a);
	enum fit f = name ? fit_name(d, &r, name) : FIT_NONE;
	for (size_t i = 0; f != FIT_EXACT && i < ix->manifests.n; i++) {
		const struct descriptor *x = &ix->manifests.v[i];
		if (x != d && descriptor_name(x) && !strcmp(x->digest, d->digest) &&
		    (name ? fit_name(x, &r, name) : FIT_NONE) == f)
			return refuse(e, EINVAL,
				      "%.100s has more than one name, %.200s and %.200s: write the "
				      "one to remove",
				      text, descriptor_name(d), descriptor_name(x));
	}
	return 0;
}

int image_remove(struct store *s, const char *text, struct store_gc *out, struct err *e)
{
	struct index ix;
	const struct descriptor *d;
	auto_arena *a = arena_new(ARENA_IMAGE);
	if (!a)
		return fail(e, ENOMEM, "remove image %.100s", text);
	int rc = store_alone(s, e);
	if (rc == 0)
		rc = store_names(s, a, &ix, e);
	if (rc == 0)
		rc = find(s, &ix, text, a, &d, e);
	if (rc == 0)
		rc = one_name(&ix, text, d, a, e);
	if (rc == 0)
		rc = store_name_remove(s, descriptor_name(d), e);
	if (rc < 0)
		return rc;
	store_sweep(s);
	return store_collect(s, out, e);
}

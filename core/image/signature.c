/* signature.c - who vouches for an image: signatures as cosign makes them. */
#include "image/signature.h"
#include "base/sha256.h"
#include "image/pubkey.h"
#include "image/sigstore.h"
#include "image/store.h"

#include <string.h>

#define MEDIA_SIGNATURE	   "application/vnd.dev.cosign.simplesigning.v1+json"
#define ARTIFACT_SIGNATURE "application/vnd.dev.cosign.artifact.sig.v1+json"
#define ANNOTATION	   "dev.cosignproject.cosign/signature"
#define PAYLOAD_TYPE	   "cosign container image signature"
#define SIGNED_MAX	   ((size_t)256 << 10) /* bytes of a payload or bundle */
#define ARENA_SIGNED	   ((size_t)16 << 20)  /* for one of them, or for what lists them */
#define READS_MAX	   256		       /* documents and blobs */
#define KEYS_MAX	   16

/* One search for a signature. */
struct search {
	struct origin *origin;
	const struct ref *ref;
	const struct buf *document;
	const struct signers *who;
	char digest[SHA256_TEXT];
	struct pubkey *keys[KEYS_MAX];
	size_t left; /* of READS_MAX */
};

struct payload {
	const char *type, *digest, *name;
};
static const struct json_field image_fields[] = {
	JSON_F(J_STR, payload, digest, "docker-manifest-digest", J_REQUIRED),
	{ 0 },
};
static const struct json_field identity_fields[] = {
	JSON(J_STR, payload, name, "docker-reference"),
	{ 0 },
};
static const struct json_field critical_fields[] = {
	{ .name = "image", .type = J_STRUCT, .flags = J_REQUIRED, .sub = image_fields },
	{ .name = "identity", .type = J_STRUCT, .sub = identity_fields },
	JSON_F(J_STR, payload, type, "type", J_REQUIRED),
	{ 0 },
};
static const struct json_field payload_fields[] = {
	{ .name = "critical", .type = J_STRUCT, .flags = J_REQUIRED, .sub = critical_fields },
	{ 0 },
};

int signature_payload(const char *text, size_t len, const char *digest, struct arena *a,
		      const char **name, struct err *e)
{
	struct payload p = { 0 };
	if (json_read(text, len, payload_fields, &p, a, e) < 0) {
		e->code = EBADMSG;
		return within(e, "what was signed");
	}
	if (strcmp(p.type, PAYLOAD_TYPE) != 0)
		return refuse(e, EBADMSG, "what was signed is no " PAYLOAD_TYPE ": %.60s", p.type);
	if (strcmp(p.digest, digest) != 0)
		return refuse(e, EBADMSG, "the signature is for %.80s", p.digest);
	*name = p.name;
	return 0;
}

int signature_name(const char *name, const struct ref *r, struct arena *a, struct err *e)
{
	struct ref said;
	struct err ignored;
	if (!name || !*name)
		return refuse(e, EBADMSG, "the signature does not say the image's name");
	if (ref_parse(name, a, &said, &ignored) < 0 || said.kind != REF_REGISTRY ||
	    strcmp(said.host, r->host) != 0 || strcmp(said.name, r->name) != 0)
		return refuse(e, EBADMSG, "the signature is for an image called %.200s", name);
	return 0;
}

/* Whoever lists signatures without end is not heard to the end. */
static int take_one(struct search *s, struct err *e)
{
	if (!s->left)
		return refuse(e, E2BIG, "there are too many to look at");
	s->left--;
	return 0;
}

/* --- one signature --- */

static int verify(const struct search *s, const char *signature, const char *p, size_t n,
		  struct err *e)
{
	int rc = -EBADMSG;
	for (size_t i = 0; rc < 0 && i < s->who->keys.n; i++) {
		*e = (struct err){ 0 };
		rc = pubkey_verify(s->keys[i], signature, p, n, e);
	}
	return rc;
}

static int check_simple(const struct search *s, const struct descriptor *d, const struct buf *b,
			struct arena *a, const char **name, struct err *e)
{
	const char *text = pairs_get(&d->annotations, ANNOTATION);
	if (!text)
		return refuse(e, EBADMSG, "a %.80s without a signature", d->media_type);
	int rc = verify(s, text, b->p, b->len, e);
	return rc < 0 ? rc : signature_payload(b->p, b->len, s->digest, a, name, e);
}

static int check_bundle(const struct search *s, const struct buf *b, struct arena *a,
			const char **name, struct err *e)
{
	struct sigstore bundle;
	int rc = sigstore_read(b->p, b->len, s->digest, a, &bundle, e);
	if (rc < 0)
		return rc;
	if (bundle.direct)
		return verify(s, bundle.signature, s->document->p, s->document->len, e);
	rc = verify(s, bundle.signature, bundle.bytes, bundle.n, e);
	return rc < 0 ? rc
		      : sigstore_statement(bundle.statement, bundle.statement_n, s->digest, a, name,
					   e);
}

static int check_one(struct search *s, const struct descriptor *d, struct err *e)
{
	auto_buf b = { .max = SIGNED_MAX + 1 };
	auto_arena *a = arena_new(ARENA_SIGNED);
	const char *name = NULL;
	bool simple = !strcmp(d->media_type, MEDIA_SIGNATURE);
	if (!a)
		return fail(e, ENOMEM, "verify a signature");
	if (!simple && strncmp(d->media_type, MEDIA_BUNDLE, strlen(MEDIA_BUNDLE)) != 0)
		return refuse(e, EBADMSG, "a %.80s is not a signature", d->media_type);
	if (d->size > (int64_t)SIGNED_MAX)
		return refuse(e, E2BIG, "what was signed is larger than %zu bytes", SIGNED_MAX);
	int rc = take_one(s, e);
	if (rc == 0)
		rc = origin_read(s->origin, d, "what was signed", &b, e);
	if (rc < 0)
		return rc;
	if (!b.len)
		return refuse(e, EBADMSG, "nothing was signed");
	rc = simple ? check_simple(s, d, &b, a, &name, e) : check_bundle(s, &b, a, &name, e);
	return rc == 0 && s->who->name ? signature_name(name, s->ref, a, e) : rc;
}

/* --- where they are --- */

/* Those of one manifest, that of a tag or digest. -ENODATA when there are none in it. */
static int check_manifest(struct search *s, const char *which, struct err *e)
{
	auto_buf b = { .max = MANIFEST_MAX + 1 };
	auto_arena *a = arena_new(ARENA_SIGNED);
	struct manifest m;
	const char *type;
	if (!a)
		return fail(e, ENOMEM, "look for signatures");
	int rc = take_one(s, e);
	if (rc == 0)
		rc = s->origin->document(s->origin, which, &b, &type, e);
	if (rc == -ENOENT)
		return rc;
	if (rc == 0)
		rc = manifest_read(b.p ? b.p : "", b.len, a, &m, e);
	if (rc < 0)
		return within(e, "its signatures");
	rc = m.layers.n ? -EACCES : refuse(e, ENODATA, "it is not signed: %s is empty", which);
	for (size_t i = 0; rc < 0 && i < m.layers.n; i++) {
		/* The last one's fault is as good as another's. */
		*e = (struct err){ 0 };
		rc = check_one(s, &m.layers.v[i], e);
	}
	return rc;
}

/* Some copy such a list without the types in it: then what is no image by name or platform may be
 * one. */
static bool is_signature(const struct descriptor *d)
{
	const char *type = d->artifact_type;
	if (!type || !*type)
		return !d->platform && !descriptor_name(d);
	return !strcmp(type, ARTIFACT_SIGNATURE) ||
	       !strncmp(type, MEDIA_BUNDLE, strlen(MEDIA_BUNDLE));
}

/* Those of what an index lists. -ENOENT when it lists none. */
static int check_index(struct search *s, const struct index *ix, struct err *e)
{
	int rc = -ENOENT;
	for (size_t i = 0; rc < 0 && i < ix->manifests.n; i++) {
		if (!is_signature(&ix->manifests.v[i]))
			continue;
		*e = (struct err){ 0 };
		rc = check_manifest(s, ix->manifests.v[i].digest, e);
	}
	return rc;
}

/* By the registry's list of what refers to it, then by the index that stands for such a list. */
static int check_referrers(struct search *s, struct err *e)
{
	auto_buf b = { .max = MANIFEST_MAX + 1 };
	auto_arena *a = arena_new(4 * ARENA_SIGNED);
	const char *type, *tag = a ? arena_printf(a, "sha256-%s", s->digest + 7) : NULL;
	struct index ix;
	if (!tag)
		return fail(e, ENOMEM, "look for signatures");
	int rc = s->origin->referrers ? s->origin->referrers(s->origin, s->digest, a, &ix, e)
				      : -ENOENT;
	if (rc == 0)
		rc = check_index(s, &ix, e);
	if (rc != -ENOENT)
		return rc;
	rc = s->origin->document(s->origin, tag, &b, &type, e);
	if (rc == 0)
		rc = index_parse(b.p ? b.p : "", b.len, a, &ix, e);
	return rc < 0 ? rc : check_index(s, &ix, e);
}

static int check_all(struct search *s, struct err *e)
{
	struct err tagged = { 0 };
	char tag[SHA256_TEXT + 4] = "sha256-";
	strcpy(tag + 7, s->digest + 7);
	strcat(tag, ".sig");
	int rc = check_manifest(s, tag, &tagged);
	if (rc == 0)
		return 0;
	if (rc == -ENOTSUP) { /* there is nothing beside an image there */
		*e = tagged;
		return rc;
	}
	int other = check_referrers(s, e);
	if (other != -ENOENT)
		return other;
	if (rc != -ENOENT)
		*e = tagged;
	return rc != -ENOENT ? rc
			     : refuse(e, EACCES,
				      "it is not signed: there is no %s beside it, and nothing "
				      "that refers to it is a signature",
				      tag);
}

static int open_keys(struct search *s, struct err *e)
{
	if (s->who->keys.n > KEYS_MAX)
		return refuse(e, E2BIG, "more than %d keys", KEYS_MAX);
	if (s->who->name && s->ref->kind != REF_REGISTRY)
		return refuse(e, EINVAL, "only a registry's images have names that are signed");
	for (size_t i = 0; i < s->who->keys.n; i++) {
		int rc = pubkey_open(s->who->keys.v[i], &s->keys[i], e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int signature_check(struct origin *o, const struct ref *r, const struct buf *document,
		    const struct signers *who, struct err *e)
{
	struct search s = { .origin = o, .ref = r, .document = document, .who = who };
	s.left = READS_MAX;
	sha256_text(document->p, document->len, s.digest);
	int rc = open_keys(&s, e);
	if (rc == 0 && check_all(&s, e) < 0)
		rc = within(e, "no good signature of %s by %.200s%s", s.digest, who->keys.v[0],
			    who->keys.n > 1 ? " or another key" : "");
	for (size_t i = 0; i < KEYS_MAX; i++)
		pubkey_free(s.keys[i]);
	return rc;
}

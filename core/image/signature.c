/* signature.c - who vouches for an image: cosign's simple signatures. */
#include "image/signature.h"
#include "base/sha256.h"
#include "image/pubkey.h"

#include <string.h>

#define MEDIA_SIGNATURE "application/vnd.dev.cosign.simplesigning.v1+json"
#define ANNOTATION	"dev.cosignproject.cosign/signature"
#define PAYLOAD_TYPE	"cosign container image signature"
#define PAYLOAD_MAX	((size_t)64 << 10)

struct payload {
	const char *type, *digest;
};
static const struct json_field image_fields[] = {
	JSON_F(J_STR, payload, digest, "docker-manifest-digest", J_REQUIRED),
	{ 0 },
};
static const struct json_field critical_fields[] = {
	{ .name = "image", .type = J_STRUCT, .flags = J_REQUIRED, .sub = image_fields },
	JSON_F(J_STR, payload, type, "type", J_REQUIRED),
	{ 0 },
};
static const struct json_field payload_fields[] = {
	{ .name = "critical", .type = J_STRUCT, .flags = J_REQUIRED, .sub = critical_fields },
	{ 0 },
};

int signature_payload(const char *text, size_t len, const char *digest, struct arena *a,
		      struct err *e)
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
	return 0;
}

/* One of the signatures: its payload is what was signed. */
static int check_one(struct origin *o, const struct descriptor *d, struct pubkey *k,
		     const char *digest, struct arena *a, struct err *e)
{
	auto_buf b = { .max = PAYLOAD_MAX + 1 };
	const char *text = pairs_get(&d->annotations, ANNOTATION);
	if (strcmp(d->media_type, MEDIA_SIGNATURE) != 0 || !text)
		return refuse(e, EBADMSG, "a %.80s is not a signature", d->media_type);
	if (d->size > (int64_t)PAYLOAD_MAX)
		return refuse(e, E2BIG, "what was signed is larger than %zu bytes", PAYLOAD_MAX);
	int rc = origin_read(o, d, "what was signed", &b, e);
	if (rc == 0)
		rc = pubkey_verify(k, text, b.p ? b.p : "", b.len, e);
	return rc < 0 ? rc : signature_payload(b.p ? b.p : "", b.len, digest, a, e);
}

static int check_all(struct origin *o, struct pubkey *k, const char *digest, struct arena *a,
		     struct err *e)
{
	auto_buf b = { .max = MANIFEST_MAX + 1 };
	struct manifest m;
	const char *type, *tag = arena_printf(a, "sha256-%s.sig", digest + 7);
	if (!tag)
		return fail(e, E2BIG, "look for signatures");
	int rc = o->document(o, tag, &b, &type, e);
	if (rc == -ENOENT)
		return refuse(e, EACCES, "it is not signed: there is no %s beside it", tag);
	if (rc == 0)
		rc = manifest_read(b.p ? b.p : "", b.len, a, &m, e);
	if (rc < 0)
		return within(e, "its signatures");
	if (!m.layers.n)
		return refuse(e, EACCES, "it is not signed: %s is empty", tag);
	for (size_t i = 0; i < m.layers.n; i++) { /* the last one's fault is as good as another's */
		*e = (struct err){ 0 };
		rc = check_one(o, &m.layers.v[i], k, digest, a, e);
		if (rc == 0)
			return 0;
	}
	return rc;
}

int signature_check(struct origin *o, const struct buf *document, const char *key_file,
		    struct arena *a, struct err *e)
{
	char digest[SHA256_TEXT];
	struct pubkey *k;
	int rc = pubkey_open(key_file, &k, e);
	if (rc < 0)
		return rc;
	sha256_text(document->p, document->len, digest);
	rc = check_all(o, k, digest, a, e);
	pubkey_free(k);
	return rc < 0 ? within(e, "no good signature of %s by %.200s", digest, key_file) : 0;
}

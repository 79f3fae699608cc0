/* sigstore.c - Sigstore's bundles: a signature, and what it is of. */
#include "image/sigstore.h"
#include "base/base64.h"
#include "base/json.h"
#include "base/sha256.h"

#include <string.h>

#define STATEMENT_TYPE "https://in-toto.io/Statement/"
#define SIGN_TYPE      "https://sigstore.dev/cosign/sign/v1"
#define PAYLOAD_TYPE   "application/vnd.in-toto+json"

struct letters {
	const char *sig;
};
struct envelope {
	const char *payload, *type;
	struct {
		struct letters *v;
		size_t n;
	} signatures;
};
struct direct {
	const char *algorithm, *digest, *signature;
};
struct bundle {
	const char *media_type;
	struct envelope *envelope;
	struct direct *direct;
};
static const struct json_field letters_fields[] = {
	JSON_F(J_STR, letters, sig, "sig", J_REQUIRED),
	{ 0 },
};
static const struct json_field envelope_fields[] = {
	JSON_F(J_STR, envelope, payload, "payload", J_REQUIRED),
	JSON_F(J_STR, envelope, type, "payloadType", J_REQUIRED),
	JSON_SUB(J_LIST, envelope, signatures, "signatures", letters_fields, letters),
	{ 0 },
};
static const struct json_field digest_fields[] = {
	JSON(J_STR, direct, algorithm, "algorithm"),
	JSON(J_STR, direct, digest, "digest"),
	{ 0 },
};
static const struct json_field direct_fields[] = {
	{ .name = "messageDigest", .type = J_STRUCT, .flags = J_REQUIRED, .sub = digest_fields },
	JSON_F(J_STR, direct, signature, "signature", J_REQUIRED),
	{ 0 },
};
static const struct json_field bundle_fields[] = {
	JSON_F(J_STR, bundle, media_type, "mediaType", J_REQUIRED),
	JSON_SUB(J_PTR, bundle, envelope, "dsseEnvelope", envelope_fields, envelope),
	JSON_SUB(J_PTR, bundle, direct, "messageSignature", direct_fields, direct),
	{ 0 },
};

struct subject {
	const char *name;
	struct pairs digest;
};
struct statement {
	const char *type, *predicate;
	struct {
		struct subject *v;
		size_t n;
	} subjects;
};
static const struct json_field subject_fields[] = {
	JSON(J_STR, subject, name, "name"),
	JSON(J_PAIRS, subject, digest, "digest"),
	{ 0 },
};
static const struct json_field statement_fields[] = {
	JSON_F(J_STR, statement, type, "_type", J_REQUIRED),
	JSON_F(J_STR, statement, predicate, "predicateType", J_REQUIRED),
	JSON_SUB(J_LIST, statement, subjects, "subject", subject_fields, subject),
	{ 0 },
};

/* What an envelope's signature is of: its type and payload, each after its length. */
static int open_envelope(const struct envelope *v, struct arena *a, struct sigstore *out,
			 struct err *e)
{
	char *payload;
	size_t n;
	if (strcmp(v->type, PAYLOAD_TYPE) != 0)
		return refuse(e, EBADMSG, "an envelope around %.80s is no signature", v->type);
	if (v->signatures.n != 1)
		return refuse(e, EBADMSG, "an envelope with %zu signatures, not one",
			      v->signatures.n);
	int rc = base64_decode(v->payload, strlen(v->payload), a, &payload, &n);
	if (rc < 0)
		return rc == -EINVAL ? refuse(e, EBADMSG, "what was signed is not base64")
				     : fail(e, rc, "read a signature");
	char *head = arena_printf(a, "DSSEv1 %zu %s %zu ", strlen(v->type), v->type, n);
	size_t head_n = head ? strlen(head) : 0;
	char *bytes = head ? arena_alloc(a, head_n + n + 1) : NULL;
	if (!bytes)
		return fail(e, E2BIG, "read a signature");
	memcpy(bytes, head, head_n);
	memcpy(bytes + head_n, payload, n);
	*out = (struct sigstore){ .signature = v->signatures.v[0].sig,
				  .bytes = bytes,
				  .n = head_n + n,
				  .statement = bytes + head_n,
				  .statement_n = n };
	return 0;
}

static int open_direct(const struct direct *d, const char *digest, struct arena *a,
		       struct sigstore *out, struct err *e)
{
	char hex[2 * SHA256_BYTES + 1] = "", *raw;
	size_t n;
	if (!d->algorithm || strcmp(d->algorithm, "SHA2_256") != 0)
		return refuse(e, EBADMSG, "a signature of a digest by %.40s, not SHA2_256",
			      d->algorithm ? d->algorithm : "nothing");
	if (d->digest && base64_decode(d->digest, strlen(d->digest), a, &raw, &n) == 0 &&
	    n == SHA256_BYTES)
		hex_text((const uint8_t *)raw, n, hex);
	if (strcmp(hex, digest + 7) != 0)
		return refuse(e, EBADMSG, "the signature is for %s", *hex ? hex : "no digest");
	*out = (struct sigstore){ .signature = d->signature, .direct = true };
	return 0;
}

int sigstore_read(const char *text, size_t len, const char *digest, struct arena *a,
		  struct sigstore *out, struct err *e)
{
	struct bundle b = { 0 };
	int rc = json_read(text, len, bundle_fields, &b, a, e);
	if (rc < 0)
		return within(e, "the bundle");
	if (strcmp(b.media_type, MEDIA_BUNDLE ".v0.3+json") != 0 &&
	    strcmp(b.media_type, MEDIA_BUNDLE "+json;version=0.3") != 0)
		return refuse(e, EINVAL, "a bundle of a version not known here: %.80s",
			      b.media_type);
	if (!b.envelope == !b.direct)
		return refuse(e, EINVAL, "a bundle with %s",
			      b.direct ? "two signatures" : "no signature");
	return b.envelope ? open_envelope(b.envelope, a, out, e)
			  : open_direct(b.direct, digest, a, out, e);
}

int sigstore_statement(const char *text, size_t len, const char *digest, struct arena *a,
		       const char **name, struct err *e)
{
	struct statement s = { 0 };
	const char *other = "nothing";
	if (json_read(text, len, statement_fields, &s, a, e) < 0) {
		e->code = EBADMSG;
		return within(e, "what was signed");
	}
	if (strncmp(s.type, STATEMENT_TYPE, strlen(STATEMENT_TYPE)) != 0)
		return refuse(e, EBADMSG, "what was signed is no statement: %.80s", s.type);
	if (strcmp(s.predicate, SIGN_TYPE) != 0)
		return refuse(e, EBADMSG, "what was signed is no signature, but %.80s about it",
			      s.predicate);
	for (size_t i = 0; i < s.subjects.n; i++) {
		const char *hex = pairs_get(&s.subjects.v[i].digest, "sha256");
		if (hex && !strcmp(hex, digest + 7)) {
			*name = s.subjects.v[i].name;
			return 0;
		}
		other = hex ? hex : other;
	}
	return refuse(e, EBADMSG, "the signature is for %.80s", other);
}

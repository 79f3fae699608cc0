/* pubkey.c - a public key, and what was signed with its other half. */
#include "image/pubkey.h"
#include "base/base64.h"
#include "base/file.h"
#include "base/sha256.h"
#include "image/ed25519.h"

#include <fcntl.h>
#include <mbedtls/asn1.h>
#include <mbedtls/oid.h>
#include <mbedtls/pem.h>
#include <mbedtls/pk.h>
#include <mbedtls/sha512.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KIND	      48
#define KEY_MAX	      ((size_t)64 << 10)
#define SIGNATURE_MAX 1024 /* that of RSA with 8192 bits */
#define BEGIN	      "-----BEGIN PUBLIC KEY-----"
#define END	      "-----END PUBLIC KEY-----"

struct pubkey {
	mbedtls_pk_context pk;
	bool edwards; /* it is not that one, but: */
	uint8_t point[ED25519_KEY];
};

/* All that is before an Ed25519 key in ASN.1: two sequences, the algorithm 1.3.101.112, a bit
 * string. */
static const uint8_t edwards_head[] = { 0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
					0x2b, 0x65, 0x70, 0x03, 0x21, 0x00 };

/* Those are not known to mbedTLS. */
static bool parse_edwards(const char *text, struct pubkey *k)
{
	mbedtls_pem_context pem;
	size_t n;
	mbedtls_pem_init(&pem);
	int rc = mbedtls_pem_read_buffer(&pem, BEGIN, END, (const unsigned char *)text, NULL, 0,
					 &n);
	const unsigned char *p = rc == 0 ? mbedtls_pem_get_buffer(&pem, &n) : NULL;
	k->edwards = p && n == sizeof(edwards_head) + ED25519_KEY &&
		     !memcmp(p, edwards_head, sizeof(edwards_head));
	if (k->edwards)
		memcpy(k->point, p + sizeof(edwards_head), ED25519_KEY);
	mbedtls_pem_free(&pem);
	return k->edwards;
}

/* Whose kind is known by name, not by what it is good for. */
static const char *const kinds[][2] = {
	{ "1.2.840.10045.2.1", "ECDSA with another curve" },
	{ "1.2.840.10040.4.1", "DSA" },
	{ "1.2.840.113549.1.1.10", "RSA-PSS" },
	{ "1.3.101.110", "X25519" },
	{ "1.3.101.111", "X448" },
	{ "1.3.101.113", "Ed448" },
	{ "2.16.840.1.101.3.4.3.17", "ML-DSA-44" },
	{ "2.16.840.1.101.3.4.3.18", "ML-DSA-65" },
	{ "2.16.840.1.101.3.4.3.19", "ML-DSA-87" },
};

/* The algorithm of a key in ASN.1, in words or as "type 1.2.3". False: it is damaged. */
static bool kind_of(const unsigned char *p, size_t n, char out[KIND])
{
	const unsigned char *end = p + n;
	unsigned char *at = (unsigned char *)(uintptr_t)p; /* which is only read */
	size_t len;
	char type[KIND - 5];
	int rc = 0;
	for (int depth = 0; rc == 0 && depth < 2; depth++)
		rc = mbedtls_asn1_get_tag(&at, end, &len,
					  MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE);
	if (rc != 0 || mbedtls_asn1_get_tag(&at, end, &len, MBEDTLS_ASN1_OID) != 0)
		return false;
	const mbedtls_asn1_buf oid = { .len = len, .p = at };
	if (mbedtls_oid_get_numeric_string(type, sizeof(type), &oid) < 0)
		return false;
	snprintf(out, KIND, "type %s", type);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(kinds[i][0], type))
			snprintf(out, KIND, "%s", kinds[i][1]);
	return true;
}

/* Says why what is there is of no use. */
static int refuse_key(const char *path, const char *text, struct err *e)
{
	char kind[KIND];
	mbedtls_pem_context pem;
	size_t n;
	const char *begin = strstr(text, "-----BEGIN ");
	if (!begin)
		return refuse(e, EINVAL, "%.300s is no public key in PEM (BEGIN PUBLIC KEY)", path);
	if (strncmp(begin, BEGIN, strlen(BEGIN)) != 0) {
		const char *what = begin + strlen("-----BEGIN ");
		n = strcspn(what, "-\r\n");
		return refuse(e, EINVAL, "%.300s is no public key but a PEM of %.*s%s", path,
			      n < KIND ? (int)n : KIND, what,
			      strstr(what, "PRIVATE KEY-") ? ": give its public half" : "");
	}
	mbedtls_pem_init(&pem);
	bool known = mbedtls_pem_read_buffer(&pem, BEGIN, END, (const unsigned char *)text, NULL, 0,
					     &n) == 0;
	if (known) {
		const unsigned char *p = mbedtls_pem_get_buffer(&pem, &n);
		known = kind_of(p, n, kind);
	}
	mbedtls_pem_free(&pem);
	if (!known)
		return refuse(e, EINVAL, "%.300s: the key in it is damaged", path);
	return refuse(e, ENOTSUP,
		      "%.300s: a key of %s is not known here, only those of ECDSA (P-256, P-384, "
		      "P-521), RSA and Ed25519",
		      path, kind);
}

static int parse(const char *path, struct buf *b, struct pubkey *k, struct err *e)
{
	const char *text = b->p ? b->p : "";
	int rc = mbedtls_pk_parse_public_key(&k->pk, (const unsigned char *)text, b->len + 1);
	if (rc == 0 && mbedtls_pk_can_do(&k->pk, MBEDTLS_PK_RSA))
		return 0;
	/* X25519, of 255 bits, is on a curve too, and signs nothing. */
	if (rc == 0 && mbedtls_pk_can_do(&k->pk, MBEDTLS_PK_ECDSA) &&
	    mbedtls_pk_get_bitlen(&k->pk) > 255)
		return 0;
	if (rc != 0 && parse_edwards(text, k))
		return 0;
	return refuse_key(path, text, e);
}

int pubkey_open(const char *path, struct pubkey **out, struct err *e)
{
	auto_buf b = { .max = KEY_MAX };
	if (!*path)
		return refuse(e, EINVAL, "option --verify-key: '' is not a path");
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int rc = fd < 0 ? fail(e, errno, "open the key %.300s", path)
			: file_read_fd(fd, path, &b, e);
	struct pubkey *k = rc < 0 ? NULL : calloc(1, sizeof(*k));
	if (!k)
		return rc < 0 ? rc : fail(e, ENOMEM, "read the key %.300s", path);
	mbedtls_pk_init(&k->pk);
	rc = parse(path, &b, k, e);
	if (rc == 0)
		*out = k;
	else
		pubkey_free(k);
	return rc;
}

void pubkey_free(struct pubkey *k)
{
	if (k)
		mbedtls_pk_free(&k->pk);
	free(k);
}

static bool is_signed(const struct pubkey *k, mbedtls_md_type_t kind, const uint8_t *hash, size_t n,
		      const uint8_t *raw, size_t len)
{
	/* Verifying changes nothing of the key, but what it takes is not const. */
	return mbedtls_pk_verify((mbedtls_pk_context *)&k->pk, kind, hash, n, raw, len) == 0;
}

/* The larger curves go with a longer hash, but older signers took SHA-256 for all. */
static bool is_signed_long(const struct pubkey *k, const void *p, size_t n, const uint8_t *raw,
			   size_t len)
{
	uint8_t hash[64];
	size_t bits = mbedtls_pk_get_bitlen(&k->pk);
	if (!mbedtls_pk_can_do(&k->pk, MBEDTLS_PK_ECDSA) || bits < 384)
		return false;
	return mbedtls_sha512(p, n, hash, bits == 384) == 0 &&
	       is_signed(k, bits == 384 ? MBEDTLS_MD_SHA384 : MBEDTLS_MD_SHA512, hash,
			 bits == 384 ? 48 : 64, raw, len);
}

static bool verify(const struct pubkey *k, const uint8_t *raw, size_t len, const void *p, size_t n)
{
	uint8_t hash[SHA256_BYTES];
	struct sha256 sha;
	if (k->edwards)
		return len == ED25519_SIGNATURE && (ed25519_is_signed(k->point, raw, p, n) ||
						    ed25519ph_is_signed(k->point, raw, p, n));
	sha256_init(&sha);
	sha256_add(&sha, p, n);
	sha256_end(&sha, hash);
	return is_signed(k, MBEDTLS_MD_SHA256, hash, sizeof(hash), raw, len) ||
	       is_signed_long(k, p, n, raw, len);
}

int pubkey_verify(const struct pubkey *k, const char *text, const void *p, size_t n, struct err *e)
{
	auto_arena *a = arena_new(4 * SIGNATURE_MAX);
	size_t len, letters = strlen(text);
	char *raw;
	if (!a)
		return fail(e, ENOMEM, "verify a signature");
	if (letters > 2 * SIGNATURE_MAX || base64_decode(text, letters, a, &raw, &len) < 0)
		return refuse(e, EBADMSG, "the signature is not base64");
	if (!verify(k, (const uint8_t *)raw, len, p, n))
		return refuse(e, EBADMSG, "it was signed with another key, or changed since");
	return 0;
}

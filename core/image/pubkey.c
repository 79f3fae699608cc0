/* pubkey.c - a public key, and what was signed with its other half. */
#include "image/pubkey.h"
#include "base/file.h"
#include "base/sha256.h"

#include <fcntl.h>
#include <mbedtls/base64.h>
#include <mbedtls/pk.h>
#include <stdlib.h>
#include <string.h>

#define KEY_MAX	      ((size_t)64 << 10)
#define SIGNATURE_MAX 1024 /* that of RSA with 8192 bits */

struct pubkey {
	mbedtls_pk_context pk;
};

static int parse(const char *path, struct buf *b, struct pubkey *k, struct err *e)
{
	const unsigned char *text = (const unsigned char *)(b->p ? b->p : "");
	int rc = mbedtls_pk_parse_public_key(&k->pk, text, b->len + 1);
	if (rc == 0 && (mbedtls_pk_can_do(&k->pk, MBEDTLS_PK_ECDSA) ||
			mbedtls_pk_can_do(&k->pk, MBEDTLS_PK_RSA)))
		return 0;
	if (b->p && strstr(b->p, "-----BEGIN PUBLIC KEY-----"))
		return refuse(e, ENOTSUP,
			      "%.300s: a key of this kind is not known here, only ECDSA (P-256, "
			      "P-384, P-521) and RSA",
			      path);
	return refuse(e, EINVAL, "%.300s is not a public key in PEM (BEGIN PUBLIC KEY)", path);
}

int pubkey_open(const char *path, struct pubkey **out, struct err *e)
{
	auto_buf b = { .max = KEY_MAX };
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int rc = fd < 0 ? fail(e, errno, "open the key %.300s", path)
			: file_read_fd(fd, path, &b, e);
	struct pubkey *k = rc < 0 ? NULL : malloc(sizeof(*k));
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

int pubkey_verify(struct pubkey *k, const char *text, const void *p, size_t n, struct err *e)
{
	unsigned char raw[SIGNATURE_MAX];
	uint8_t hash[SHA256_BYTES];
	size_t len;
	struct sha256 sha;
	if (mbedtls_base64_decode(raw, sizeof(raw), &len, (const unsigned char *)text,
				  strlen(text)) != 0)
		return refuse(e, EBADMSG, "the signature is not base64");
	sha256_init(&sha);
	sha256_add(&sha, p, n);
	sha256_end(&sha, hash);
	if (mbedtls_pk_verify(&k->pk, MBEDTLS_MD_SHA256, hash, sizeof(hash), raw, len) != 0)
		return refuse(e, EBADMSG, "it was signed with another key, or changed since");
	return 0;
}

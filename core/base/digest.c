/* digest.c - what names bytes by themselves: "sha256:HEX" or "sha512:HEX". */
#include "base/digest.h"

#include <mbedtls/sha512.h>
#include <string.h>

#define SHA512_BYTES 64

static mbedtls_sha512_context *sha512_of(struct digest *d)
{
	_Static_assert(sizeof(mbedtls_sha512_context) <= sizeof(d->other), "room for SHA-512");
	return (mbedtls_sha512_context *)d->other;
}

void digest_begin(struct digest *d, const char *like)
{
	d->sha512 = !strncmp(like, "sha512:", 7);
	if (!d->sha512) {
		sha256_init(&d->sha256);
		return;
	}
	mbedtls_sha512_init(sha512_of(d));
	mbedtls_sha512_starts(sha512_of(d), 0);
}

void digest_add(struct digest *d, const void *p, size_t n)
{
	if (d->sha512)
		mbedtls_sha512_update(sha512_of(d), p, n);
	else
		sha256_add(&d->sha256, p, n);
}

void digest_end(struct digest *d, char out[DIGEST_TEXT])
{
	uint8_t raw[SHA512_BYTES];
	if (d->sha512)
		mbedtls_sha512_finish(sha512_of(d), raw);
	else
		sha256_end(&d->sha256, raw);
	memcpy(out, d->sha512 ? "sha512:" : "sha256:", 7);
	hex_text(raw, d->sha512 ? SHA512_BYTES : SHA256_BYTES, out + 7);
}

bool digest_is(const char *wanted, const void *p, size_t n, char out[DIGEST_TEXT])
{
	struct digest d;
	digest_begin(&d, wanted);
	digest_add(&d, p, n);
	digest_end(&d, out);
	return !strcmp(out, wanted);
}

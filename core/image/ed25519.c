/* ed25519.c - signatures by Ed25519 (RFC 8032). */
#include "image/ed25519.h"

#include <ed25519/ge25519.h>
#include <ed25519/sc25519.h>
#include <mbedtls/sha512.h>
#include <string.h>

#define HASH 64

/* What goes before all else under a hash that is signed in the place of the bytes. */
static const char prehashed[] = "SigEd25519 no Ed25519 collisions\1"; /* and an empty context: \0 */

/* Half of a signature is a number below the group's order, and written in no other way. */
static bool is_reduced(const uint8_t scalar[32])
{
	uint8_t wide[HASH] = { 0 };
	memcpy(wide, scalar, 32);
	sc25519_reduce(wide);
	return !memcmp(wide, scalar, 32);
}

/* SHA-512 of prefix, R, key and message, as a number. */
static bool challenge(const uint8_t *key, const uint8_t *r, const char *prefix, size_t prefix_n,
		      const void *p, size_t n, uint8_t out[HASH])
{
	mbedtls_sha512_context c;
	mbedtls_sha512_init(&c);
	bool ok = mbedtls_sha512_starts(&c, 0) == 0 &&
		  mbedtls_sha512_update(&c, (const uint8_t *)prefix, prefix_n) == 0 &&
		  mbedtls_sha512_update(&c, r, 32) == 0 &&
		  mbedtls_sha512_update(&c, key, ED25519_KEY) == 0 &&
		  mbedtls_sha512_update(&c, p, n) == 0 && mbedtls_sha512_finish(&c, out) == 0;
	mbedtls_sha512_free(&c);
	if (ok)
		sc25519_reduce(out);
	return ok;
}

/* R = S B - k A. Everything here is public, so nothing need take the same time always. */
static bool verify(const uint8_t *key, const uint8_t *signature, const char *prefix,
		   size_t prefix_n, const void *p, size_t n)
{
	uint8_t k[HASH], r[32];
	ge25519 a, b, sum;
	if (!is_reduced(signature + 32) || ge25519_frombytes_negate_vartime(a, key) != 0 ||
	    !challenge(key, signature, prefix, prefix_n, p, n, k))
		return false;
	ge25519_scalarmult(a, a, k);
	ge25519_scalarmult_base(b, signature + 32);
	ge25519_add(sum, b, a);
	ge25519_tobytes(r, sum);
	return !memcmp(r, signature, 32);
}

bool ed25519_is_signed(const uint8_t key[ED25519_KEY], const uint8_t signature[ED25519_SIGNATURE],
		       const void *p, size_t n)
{
	return verify(key, signature, "", 0, p, n);
}

bool ed25519ph_is_signed(const uint8_t key[ED25519_KEY], const uint8_t signature[ED25519_SIGNATURE],
			 const void *p, size_t n)
{
	uint8_t hash[HASH];
	return mbedtls_sha512(p, n, hash, 0) == 0 &&
	       verify(key, signature, prehashed, sizeof(prehashed), hash, sizeof(hash));
}

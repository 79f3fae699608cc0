/* digest.h - what names bytes by themselves: "sha256:HEX" or "sha512:HEX". */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include "base/sha256.h"

#define DIGEST_TEXT (7 + 128 + 1) /* "sha512:", hex digits, NUL */

/* A stream of bytes on its way to one. Nothing of it need be freed. */
struct digest {
	bool sha512;
	struct sha256 sha256;
	uint64_t other[32]; /* the library's, for SHA-512 */
};

/* By the algorithm of the digest `like`, which is a checked one. */
void digest_begin(struct digest *d, const char *like);
void digest_add(struct digest *d, const void *p, size_t n);
void digest_end(struct digest *d, char out[DIGEST_TEXT]);

/* Whether n bytes have the wanted digest; out gets the one that they have. */
bool digest_is(const char *wanted, const void *p, size_t n, char out[DIGEST_TEXT]);

#endif

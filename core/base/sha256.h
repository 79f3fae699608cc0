/* sha256.h - SHA-256 of a stream of bytes, with the processor's instructions where it has them. */
#ifndef BASE_SHA256_H
#define BASE_SHA256_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHA256_BYTES 32
#define SHA256_TEXT  (7 + 2 * SHA256_BYTES + 1) /* "sha256:", hex digits, NUL */

struct sha256 {
	uint32_t h[8];
	uint64_t len;
	uint8_t block[64];
	bool ask;  /* whether the processor can do it, as soon as that is worth the question */
	bool fast; /* it can */
};

void sha256_init(struct sha256 *s);

/* Never uses special instructions; for machines without and to compare. */
void sha256_init_plain(struct sha256 *s);

/* So much will be added to it and its copies together: whether that is worth the question is
 * decided now, once. */
void sha256_expect(struct sha256 *s, size_t n);

void sha256_add(struct sha256 *s, const void *p, size_t n);
void sha256_end(struct sha256 *s, uint8_t out[SHA256_BYTES]);

/* n bytes as 2 * n lower-case hex digits and a NUL. */
void hex_text(const uint8_t *p, size_t n, char *out);

/* Ends it as text: "sha256:" and lower-case hex. */
void sha256_end_text(struct sha256 *s, char out[SHA256_TEXT]);

/* The text for n bytes at once. */
void sha256_text(const void *p, size_t n, char out[SHA256_TEXT]);

#endif

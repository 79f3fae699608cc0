/* ed25519.h - signatures by Ed25519 (RFC 8032). */
#ifndef IMAGE_ED25519_H
#define IMAGE_ED25519_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ED25519_KEY	  32
#define ED25519_SIGNATURE 64

/* Whether it is this key's signature of n bytes: of themselves (Ed25519), or of their SHA-512
 * (Ed25519ph, with an empty context). */
bool ed25519_is_signed(const uint8_t key[ED25519_KEY], const uint8_t signature[ED25519_SIGNATURE],
		       const void *p, size_t n);
bool ed25519ph_is_signed(const uint8_t key[ED25519_KEY], const uint8_t signature[ED25519_SIGNATURE],
			 const void *p, size_t n);

#endif

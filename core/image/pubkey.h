/* pubkey.h - a public key, and what was signed with its other half. */
#ifndef IMAGE_PUBKEY_H
#define IMAGE_PUBKEY_H

#include "base/err.h"

#include <stddef.h>

struct pubkey;

/* Reads a file with a key in PEM: ECDSA on the curves of NIST, RSA, or Ed25519. */
int pubkey_open(const char *path, struct pubkey **out, struct err *e);
void pubkey_free(struct pubkey *k);

/* Whether text is the signature, in base64, of n bytes: of their SHA-256, by ECDSA in ASN.1 (on
 * P-384 of their SHA-384 too, on P-521 of their SHA-512) or by RSA with PKCS #1 v1.5; by Ed25519 of
 * themselves or of their SHA-512. -EBADMSG when it is not. */
int pubkey_verify(const struct pubkey *k, const char *text, const void *p, size_t n, struct err *e);

#endif

/* pubkey.h - a public key, and what was signed with its other half. */
#ifndef IMAGE_PUBKEY_H
#define IMAGE_PUBKEY_H

#include "base/err.h"

#include <stddef.h>

struct pubkey;

/* Reads a file with a key in PEM: ECDSA on the curves of NIST, or RSA. */
int pubkey_open(const char *path, struct pubkey **out, struct err *e);
void pubkey_free(struct pubkey *k);

/* Whether text is the signature, in base64, of the SHA-256 of n bytes: ECDSA's in ASN.1, RSA's by
 * PKCS #1 v1.5. -EBADMSG when it is not. */
int pubkey_verify(struct pubkey *k, const char *text, const void *p, size_t n, struct err *e);

#endif

/* signature.h - who vouches for an image: cosign's simple signatures. */
#ifndef IMAGE_SIGNATURE_H
#define IMAGE_SIGNATURE_H

#include "image/origin.h"

/* Refuses the document (what the reference names: an index or a manifest) unless one of the
 * signatures beside it, tagged sha256-HEX.sig, was made with the key in that file (see pubkey.h)
 * and is for this document. -EACCES, or why it could not be looked at. */
int signature_check(struct origin *o, const struct buf *document, const char *key_file,
		    struct arena *a, struct err *e);

/* Whether a signed text is a signature's payload for this digest. -EBADMSG. */
int signature_payload(const char *text, size_t len, const char *digest, struct arena *a,
		      struct err *e);

#endif

/* signature.h - who vouches for an image: signatures as cosign makes them. */
#ifndef IMAGE_SIGNATURE_H
#define IMAGE_SIGNATURE_H

#include "image/origin.h"

/* Whose signature is wanted. */
struct signers {
	struct strs keys; /* files (see pubkey.h), of which any will do; none: nobody's */
	bool name;	  /* the signature must also say the image's name, but for its tag */
};

/* Refuses the document (what r names: an index or a manifest) unless one of the signatures beside
 * it was made with one of the keys and is for this document: in the image tagged sha256-HEX.sig,
 * or in what refers to the document (by the registry's list, or the index tagged sha256-HEX). They
 * are simple signatures or bundles of Sigstore's. -EACCES, or why it could not be looked at. */
int signature_check(struct origin *o, const struct ref *r, const struct buf *document,
		    const struct signers *who, struct err *e);

/* Whether a signed text is a simple signature's payload for this digest. *name gets what it calls
 * the image; NULL: nothing. -EBADMSG. */
int signature_payload(const char *text, size_t len, const char *digest, struct arena *a,
		      const char **name, struct err *e);

/* Whether a name in a signature is that of r, but for tag and digest. -EBADMSG. */
int signature_name(const char *name, const struct ref *r, struct arena *a, struct err *e);

#endif

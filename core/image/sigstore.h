/* sigstore.h - Sigstore's bundles: a signature, and what it is of. */
#ifndef IMAGE_SIGSTORE_H
#define IMAGE_SIGSTORE_H

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define MEDIA_BUNDLE "application/vnd.dev.sigstore.bundle" /* and a version */

struct sigstore {
	const char *signature; /* base64 */
	bool direct;	   /* it is of the image's document itself, and none of these is there */
	const char *bytes; /* what was signed */
	size_t n;
	const char *statement; /* the part of it that says something */
	size_t statement_n;
};

/* Reads a bundle of version 0.3, about a document with that digest: with an envelope (DSSE) around
 * a statement of in-toto, or a signature of the document. Certificates, logs and timestamps in it
 * are passed over: they say nothing about a key that one has. -EINVAL, -EBADMSG, -E2BIG. */
int sigstore_read(const char *text, size_t len, const char *digest, struct arena *a,
		  struct sigstore *out, struct err *e);

/* Whether a signed statement is that somebody signed the image with this digest, and not for
 * instance what is in it or wrong with it. *name gets what it calls the image; NULL: nothing.
 * -EBADMSG. */
int sigstore_statement(const char *text, size_t len, const char *digest, struct arena *a,
		       const char **name, struct err *e);

#endif

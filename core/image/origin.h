/* origin.h - where an image comes from: a registry, or a layout or archive on disk. */
#ifndef IMAGE_ORIGIN_H
#define IMAGE_ORIGIN_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "image/limits.h"
#include "image/manifest.h"
#include "image/ref.h"
#include "image/source.h"

#include <stdbool.h>

struct origin {
	/* Appends a document to b (at most MANIFEST_MAX bytes): that of a digest, that of another
	 * tag of the same place, or, for NULL, the one that the reference names. *type gets its
	 * media type as sent, or NULL. The digest is verified, when it is known. -ENOENT when there
	 * is no such image. */
	int (*document)(struct origin *o, const char *which, struct buf *b, const char **type,
			struct err *e);

	/* What refers to a digest, as a list of it is kept here; there may be more in the list, and
	 * more than it. -ENOENT when there is no list. NULL: there is none. */
	int (*referrers)(struct origin *o, const char *digest, struct arena *a, struct index *out,
			 struct err *e);

	/* The blob's bytes, unverified, good until the next call of either. */
	int (*blob)(struct origin *o, const struct descriptor *d, struct source **out,
		    struct err *e);

	/* In a forked child, before anything else: what must not be shared with the parent is made
	 * anew. */
	int (*forked)(struct origin *o, struct err *e);

	void (*close)(struct origin *o);

	/* Lets go of what the last call began, and of whoever sends it. NULL: nobody does. */
	void (*leave)(struct origin *o);

	const char *digest; /* of what the reference names; NULL: not known before */

	/* What a forked child needs for it (see confine.h). */
	bool network;	   /* connections over IP */
	int dir;	   /* a directory that blobs are opened in; 0: none */
	struct strs files; /* and others that it reads */
};

/* Appends a blob to b, verified; what it is called in errors. */
int origin_read(struct origin *o, const struct descriptor *d, const char *what, struct buf *b,
		struct err *e);

struct origin_options {
	const char *credentials; /* USER:PASS; NULL: from login files */
	const char *authfile;	 /* such a file; NULL: the user's */
	const char *certs;	 /* see hosts_here */
	unsigned stall;		 /* see http_options */
	bool insecure;		 /* see http_options */
};

/* The registry of a REF_REGISTRY, and its mirrors. They are spoken to when something is asked for.
 */
int registry_open(const struct ref *r, const struct origin_options *o, struct arena *a,
		  struct origin **out, struct err *e);

/* The layout of a REF_LAYOUT. */
int layout_open(const struct ref *r, struct arena *a, struct origin **out, struct err *e);

/* What the index of a layout has as origin's document of that name. For NULL by the reference's
 * tag; without one the only image. */
int layout_which(const struct index *ix, const struct ref *r, const char *which,
		 struct descriptor *out, struct err *e);

/* The file of a REF_OCI_ARCHIVE or REF_DOCKER_ARCHIVE. r gets the whole name that docker's archive
 * has for the image. l is the caller's. */
int archive_open(struct ref *r, const struct limits *l, struct arena *a, struct origin **out,
		 struct err *e);

#endif

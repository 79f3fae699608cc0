/* pull.h - an image comes into the store. */
#ifndef IMAGE_PULL_H
#define IMAGE_PULL_H

#include "base/arena.h"
#include "base/err.h"
#include "image/fetch.h"
#include "image/image.h"
#include "image/limits.h"
#include "image/origin.h"
#include "image/signature.h"
#include "image/store.h"

struct pull_request {
	const char *text;		 /* the reference, as written */
	const char *as;			 /* its name in the store; NULL: what text says */
	const struct platform *platform; /* NULL: this machine's */
	struct origin_options origin;
	struct signers signers;	     /* without keys: anybody or nobody may have signed it */
	const struct limits *limits; /* NULL: LIMITS_DEFAULT */
	size_t jobs;		     /* see fetch.h */
	void (*progress)(void *arg, const struct fetch_progress *p); /* may be NULL */
	void *arg;
};

/* Fetches what is not there yet, verifies everything, unpacks the layers, and only then gives the
 * image its name. On failure the store is as it was. */
int pull(const struct store *s, const struct pull_request *r, struct arena *a, struct image *out,
	 struct err *e);

#endif

/* endpoint.h - one host that serves a registry: logins, and requests below its /v2/. */
#ifndef IMAGE_ENDPOINT_H
#define IMAGE_ENDPOINT_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "image/credentials.h"
#include "image/http.h"
#include "image/identity.h"
#include "image/source.h"

#include <stdbool.h>

/* For one repository. The token lives and dies with it: nobody else is ever sent it. */
struct endpoint {
	struct arena *arena;
	const char *name;	/* HOST[:PORT], for people */
	const char *host;	/* HOST[:PORT] that is spoken to, while base is not known */
	const char *repository; /* "team/app" */
	const char *base;	/* "https://HOST/v2"; NULL: to be found out */
	const char *mirror;	/* the registry that it stands for; NULL: it is the registry */
	struct credentials login;
	struct identity identity; /* see endpoint_share */
	struct http_options http_options;
	bool resolve, pull, referrers; /* see struct host */

	/* Made when it is first spoken to. */
	struct http *http;
	bool met;		   /* something like a registry has answered */
	const char *authorization; /* header for this repository; NULL: none (yet) */
	const char *challenge;	   /* what it was made for */
	uint64_t expires;	   /* by clock_monotonic_ns; 0: never */
};

/* An identity token may be good for once, and then another is in its place: from now on it is
 * shared with all that are forked off (see identity.h). Without such a token nothing is done. */
int endpoint_share(struct endpoint *p, struct err *e);
void endpoint_close(struct endpoint *p);

/* One request below BASE/REPOSITORY/, with a login when it is asked for. Any status is success
 * here. The answer and its body are good until the next request. */
int endpoint_get(struct endpoint *p, const char *path, const char *accept,
		 struct http_answer *answer, struct source **body, struct err *e);

/* The value of key="..." in the parameters of a challenge, of which the line ends at a newline;
 * NULL when absent. */
const char *challenge_parameter(struct arena *a, const char *list, const char *key);

/* Appends an answer of at most max bytes to b. */
int answer_read(struct source *s, struct buf *b, size_t max, struct err *e);

/* What the registry itself says about its refusal: ": ...", "" when nothing. */
const char *answer_explanation(struct source *body, struct arena *a);

#endif

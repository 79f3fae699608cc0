/* http.h - HTTP and HTTPS: one request at a time, its answer read like any other source. */
#ifndef IMAGE_HTTP_H
#define IMAGE_HTTP_H

#include "base/arena.h"
#include "base/err.h"
#include "base/list.h"
#include "image/source.h"
#include "image/url.h"

#include <stdbool.h>
#include <stdint.h>

struct http;

struct http_options {
	struct strs ca; /* files, beside the system's bundle */
	bool insecure;	/* accept any certificate, and plain http to any host */
	unsigned stall; /* seconds without a byte after which a transfer counts as broken; 0: 60 */
	/* The rest is for URLs of the scheme, host and port of place alone. NULL: for none. */
	const char *place;
	bool skip_verify, plain; /* accept any certificate; plain http */
	const char *cert, *key;	 /* files, to show to who asks; NULL: none */
	struct strs headers;	 /* "Name: value" */
};

/* Who blocks SIGINT, SIGTERM and SIGHUP has them end what waits here, with EINTR; it does not take
 * them. Connections are kept between requests. Proxies are taken from the usual variables of the
 * environment, but never for a loopback address. */
int http_new(const struct http_options *o, struct http **out, struct err *e);
void http_free(struct http *h);

struct http_request {
	const char *url;
	const char *accept; /* value of the Accept header: what is chosen by it may be another
			     * the next time, and is not taken up; NULL: none */
	const char *authorization; /* goes to the url's own scheme, host and port only */
	const char *form;	   /* to POST, url-encoded; redirects are not followed then */
	/* Makes another authorization from a challenge, when a body breaks off and the first is not
	 * taken any more for the rest. NULL: there is none. It may not use the same struct http. */
	int (*renew)(void *arg, const char *challenge, const char **authorization, struct err *e);
	void *arg;
};

struct http_answer {
	int status;
	const char *
		content_type; /* NULL: none said. Good until the next request, as is the next one */
	const char *challenge; /* WWW-Authenticate, a line each; "" for none */
	const char *link;      /* Link, the same */
	bool elsewhere; /* redirects have led to another scheme, host or port: its words are not
			   those of who was asked */
};

/* Sends it, follows redirects, waits for the answer's head. What looks temporary (a lost
 * connection, 408, 429, 5xx) is tried again a few times, with the pause that the answer asks for,
 * up to half a minute; a body that breaks off is taken up where it broke. Plain http is refused but
 * to a loopback address, where its place is one too, and where the options allow it. *body is good
 * until the next request; whoever does not need it leaves it. Any status is success here. -errno
 * when there is no answer. */
int http_get(struct http *h, const struct http_request *r, struct http_answer *out,
	     struct source **body, struct err *e);

#endif

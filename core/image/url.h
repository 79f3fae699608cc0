/* url.h - what a URL is made of, without curl. */
#ifndef IMAGE_URL_H
#define IMAGE_URL_H

#include "base/buf.h"

#include <stdbool.h>
#include <time.h>

/* Appends s to b with what has a meaning in a query percent-encoded. */
void http_escape(struct buf *b, const char *s);

/* Seconds that a header Retry-After asks for, in seconds or by a date (RFC 9110, 10.2.3), at most
 * RETRY_MAX; 0: none. */
#define RETRY_MAX 30
time_t retry_after(const char *text, time_t now);

/* Whether HOST[:PORT][/...] is this machine: localhost, 127.0.0.0/8, ::1. */
bool host_is_loopback(const char *host);

/* Whether it is, and who leads there is, too: the URL place, NULL: we ourselves. */
bool host_is_near(const char *host, const char *place);

#endif

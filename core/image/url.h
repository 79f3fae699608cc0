/* url.h - what a URL is made of, without curl. */
#ifndef IMAGE_URL_H
#define IMAGE_URL_H

#include "base/buf.h"

#include <stdbool.h>

/* Appends s to b with what has a meaning in a query percent-encoded. */
void http_escape(struct buf *b, const char *s);

/* Whether HOST[:PORT][/...] is this machine: localhost, 127.0.0.0/8, ::1. */
bool host_is_loopback(const char *host);

/* Whether it is, and who leads there is, too: the URL place, NULL: we ourselves. */
bool host_is_near(const char *host, const char *place);

#endif

/* uri.h - what is escaped in the URIs that name streams. */
#ifndef TTRPC_URI_H
#define TTRPC_URI_H

#include <stdbool.h>

/* %41 is A, and in a query + is a blank. In place. */
void uri_unescape(char *s, bool query);

#endif

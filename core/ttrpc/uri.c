/* uri.c - what is escaped in the URIs that name streams. */
#include "ttrpc/uri.h"

static int hex(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

void uri_unescape(char *s, bool query)
{
	char *to = s;
	for (; *s; s++) {
		int c = *s == '%' && hex(s[1]) >= 0 && hex(s[2]) >= 0 ? hex(s[1]) << 4 | hex(s[2])
								      : 0;
		if (c) {
			*to++ = (char)c;
			s += 2;
		} else {
			*to++ = query && *s == '+' ? ' ' : *s;
		}
	}
	*to = 0;
}

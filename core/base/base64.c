/* base64.c - bytes written as letters. */
#include "base/base64.h"

#include <errno.h>
#include <mbedtls/base64.h>

int base64_decode(const char *text, size_t n, struct arena *a, char **out, size_t *len)
{
	size_t room = n / 4 * 3 + 4;
	char *p = arena_alloc(a, room);
	if (!p)
		return -E2BIG;
	if (mbedtls_base64_decode((unsigned char *)p, room - 1, len, (const unsigned char *)text,
				  n) != 0)
		return -EINVAL;
	p[*len] = 0;
	*out = p;
	return 0;
}

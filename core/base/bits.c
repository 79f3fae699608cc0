/* bits.c - sets of small numbers. */
#include "base/bits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *blanks(const char *p)
{
	return p + strspn(p, " \t\n");
}

/* The number at *p, which goes on behind it. */
static int number(const char **p)
{
	long n = 0;
	size_t digits = strspn(*p, "0123456789");
	if (!digits)
		return -EINVAL;
	for (; digits; digits--)
		n = n < BITS_MAX ? n * 10 + (*(*p)++ - '0') : (++*p, n);
	return n < BITS_MAX ? (int)n : -ERANGE;
}

int bits_parse(const char *text, struct bits *out)
{
	struct bits b = { .n = 0 };
	for (const char *p = text ? text : ""; *(p = blanks(p));) {
		if (*p == ',') {
			p++;
			continue;
		}
		int from = number(&p), to = from;
		if (from >= 0 && *p == '-') {
			p++;
			to = number(&p);
		}
		p = blanks(p);
		if (from < 0 || to < 0)
			return from < 0 ? from : to;
		if (to < from || (*p && *p != ','))
			return -EINVAL;
		for (size_t i = (size_t)from; i <= (size_t)to; i++) {
			unsigned long bit = 1ul << (i % BITS_WORD);
			b.n += !(b.v[i / BITS_WORD] & bit);
			b.v[i / BITS_WORD] |= bit;
		}
	}
	*out = b;
	return 0;
}

/* bits.h - sets of small numbers, as the kernel takes and people write them: "0-3,7". */
#ifndef BASE_BITS_H
#define BASE_BITS_H

#include <stddef.h>

#define BITS_MAX  8192 /* processors or memory nodes; no kernel has more */
#define BITS_WORD (8 * sizeof(unsigned long))

struct bits {
	unsigned long v[BITS_MAX / BITS_WORD];
	size_t n; /* of those that are set */
};

/* Blanks and empty elements are let pass, as by runc; NULL and "" are the empty set. 0, or -EINVAL
 * for what is no list, -ERANGE for a number that is too large. */
int bits_parse(const char *text, struct bits *out);

#endif

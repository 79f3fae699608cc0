/* base64.h - bytes written as letters. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/arena.h"

/* What the n characters of text say, in the arena, with a NUL after it. -EINVAL when they are no
 * base64 (that of RFC 4648, section 4, padded; line ends are passed over), -E2BIG at the arena's
 * cap. */
int base64_decode(const char *text, size_t n, struct arena *a, char **out, size_t *len);

#endif

/* pattern_fuzz.c - foreign bytes as a pattern and a text: it is found as a group as well, and
 * whether it is one does not hang on the text. */
#include "base/arena.h"
#include "base/pattern.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* The pattern up to the first newline, the text after it. */
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	auto_arena *a = arena_new((size_t)1 << 20);
	char *pattern = a ? arena_strn(a, (const char *)p, n) : NULL;
	if (!pattern)
		return 0;
	char *text = strchr(pattern, '\n');
	if (text)
		*text++ = 0;
	int found = pattern_found(pattern, text ? text : "");
	if ((found < 0) != (pattern_found(pattern, "") < 0))
		abort();
	const char *group = arena_printf(a, "(%s)", pattern);
	int as_group = group && found >= 0 ? pattern_found(group, text ? text : "") : -1;
	if (as_group >= 0 && as_group != found)
		abort();
	return 0;
}

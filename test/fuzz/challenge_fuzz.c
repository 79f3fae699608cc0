/* challenge_fuzz.c - foreign bytes as the parameters of a challenge: a value is a part of the line.
 */
#include "image/endpoint.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const char *const keys[] = { "realm", "service", "scope", "" };
	auto_arena *a = arena_new((size_t)1 << 20);
	char *text = a ? arena_strn(a, (const char *)p, n) : NULL;
	for (size_t i = 0; text && i < sizeof(keys) / sizeof(*keys); i++) {
		const char *value = challenge_parameter(a, text, keys[i]);
		if (value && (!strstr(text, value) || strchr(value, '\n')))
			abort();
	}
	return 0;
}

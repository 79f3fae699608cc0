/* state_fuzz.c - foreign bytes as state.json. */
#include "base/arena.h"
#include "oci/state.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	auto_arena *a = arena_new((size_t)32 << 20), *b = arena_new((size_t)64 << 20);
	struct state s, again;
	auto_buf text = { 0 }, shown = { 0 };
	if (!a || !b || state_parse((const char *)p, n, a, &s, NULL) < 0)
		return 0;
	json_write(&text, state_fields, &s, 0);
	if (text.failed || state_parse(text.p, text.len, b, &again, NULL) < 0)
		abort();
	state_write_oci(&s, s.status, 2, &shown);
	state_write_hook(&s, s.status, &shown);
	return 0;
}

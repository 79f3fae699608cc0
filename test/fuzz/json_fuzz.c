/* json_fuzz.c - foreign bytes as JSON of every type that a table can name, and as a string to be
 * written. */
#include "thing.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	auto_arena *a = arena_new((size_t)64 << 20);
	struct thing t = { 0 }, back = { 0 };
	struct err e = { 0 };
	auto_buf quoted = { 0 }, text = { 0 };
	if (!a)
		return 0;
	buf_str(&quoted, "{\"s\":");
	json_string(&quoted, (const char *)p, n);
	buf_char(&quoted, '}');
	int rc = json_read(quoted.p, quoted.len, thing_fields, &back, a, &e);
	if (rc < 0 && !memchr(p, 0, n))
		abort(); /* what we quote, we can read; but for a NUL, which is refused */
	if (json_read((const char *)p, n, thing_fields, &t, a, &e) < 0)
		return 0;
	json_write(&text, thing_fields, &t, 1);
	memset(&back, 0, sizeof(back));
	if (text.failed || json_read(text.p, text.len, thing_fields, &back, a, &e) == -EINVAL)
		abort();
	return 0;
}

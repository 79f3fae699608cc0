/* ref_fuzz.c - foreign bytes as an image's name and as registries.conf: what is accepted is
 * stable. */
#include "image/ref.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* The name up to the first newline, the configuration after it. */
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	auto_arena *a = arena_new((size_t)1 << 20);
	struct ref r, again;
	struct err e = { 0 };
	char *text = a ? arena_strn(a, (const char *)p, n) : NULL;
	if (!text)
		return 0;
	char *conf = strchr(text, '\n');
	if (conf)
		*conf++ = 0;
	if (ref_parse(text, a, &r, &e) < 0)
		return 0;
	const char *name = ref_text(&r, a);
	if (!name)
		return 0;
	if ((r.kind == REF_REGISTRY || r.kind == REF_SHORT) &&
	    (ref_parse(name, a, &again, &e) < 0 || again.kind != r.kind ||
	     strcmp(ref_text(&again, a), name)))
		abort();
	if (ref_qualify(&r, conf ? conf : "", a, &e) == 0 && r.kind == REF_SHORT)
		abort();
	return 0;
}

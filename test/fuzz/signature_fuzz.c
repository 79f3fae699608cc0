/* signature_fuzz.c - foreign bytes as what was signed, and as the manifest of signatures. */
#include "image/signature.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

#define DIGEST "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct err e = { 0 };
	struct manifest m;
	auto_arena *a = arena_new((size_t)8 << 20);
	char *text = a ? arena_strn(a, (const char *)p, n) : NULL;
	if (!text)
		return 0;
	/* What is good says so in these words. */
	if (signature_payload(text, n, DIGEST, a, &e) == 0 && !memmem(p, n, "signature", 9) &&
	    !memmem(p, n, "\\u", 2))
		abort();
	e = (struct err){ 0 };
	if (manifest_read(text, n, a, &m, &e) == 0)
		for (size_t i = 0; i < m.layers.n; i++)
			if (m.layers.v[i].size < 0 || strlen(m.layers.v[i].digest) < 71)
				abort();
	return 0;
}

/* signature_fuzz.c - foreign bytes as what was signed, as a bundle, and as the manifest of
 * signatures. */
#include "image/signature.h"
#include "image/sigstore.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

#define HEX    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define DIGEST "sha256:" HEX

/* What is good says so in these words. */
static void expect(const char *text, size_t n, const char *word)
{
	if (!memmem(text, n, word, strlen(word)) && !memmem(text, n, "\\", 1))
		abort();
}

static void as_statement(const char *text, size_t n, struct arena *a)
{
	struct err e = { 0 };
	const char *name = NULL;
	if (sigstore_statement(text, n, DIGEST, a, &name, &e) < 0)
		return;
	expect(text, n, "sign");
	expect(text, n, HEX);
	if (name && strlen(name) > n)
		abort();
}

static void as_bundle(const char *text, size_t n, struct arena *a)
{
	struct err e = { 0 };
	struct sigstore s = { 0 };
	if (sigstore_read(text, n, DIGEST, a, &s, &e) < 0)
		return;
	if (!s.signature || s.direct == (s.bytes != NULL) || s.statement_n > s.n)
		abort();
	if (s.direct)
		return;
	if (s.statement + s.statement_n != s.bytes + s.n || strncmp(s.bytes, "DSSEv1 ", 7) != 0)
		abort();
	as_statement(s.statement, s.statement_n, a);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct err e = { 0 };
	struct manifest m;
	const char *name = NULL;
	const struct ref own = { .kind = REF_REGISTRY, .host = "a.example", .name = "b" };
	auto_arena *a = arena_new((size_t)8 << 20);
	char *text = a ? arena_strn(a, (const char *)p, n) : NULL;
	if (!text)
		return 0;
	if (signature_payload(text, n, DIGEST, a, &name, &e) == 0) {
		expect(text, n, "signature");
		signature_name(name, &own, a, &e);
	}
	as_bundle(text, n, a);
	as_statement(text, n, a);
	e = (struct err){ 0 };
	if (manifest_read(text, n, a, &m, &e) == 0)
		for (size_t i = 0; i < m.layers.n; i++)
			if (m.layers.v[i].size < 0 || strlen(m.layers.v[i].digest) < 71)
				abort();
	return 0;
}

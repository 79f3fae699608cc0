/* manifest_fuzz.c - foreign bytes as the documents of an image and as a login file. */
#include "image/credentials.h"
#include "image/image.h"
#include "image/manifest.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void as_index(const char *text, size_t n, struct arena *a)
{
	static const char *const names[] = { "linux/amd64", "linux/arm/v7", "linux/arm64/v8" };
	struct index ix;
	struct err e = { 0 };
	const struct descriptor *d;
	struct platform platform;
	if (index_parse(text, n, a, &ix, &e) < 0)
		return;
	for (size_t i = 0; i < 3; i++)
		if (platform_parse(names[i], a, &platform, &e) == 0 &&
		    index_choose(&ix, &platform, &d, &e) == 0 && digest_check(d->digest, &e) < 0)
			abort();
	auto_buf b = { 0 };
	json_write(&b, index_fields, &ix, 0);
	if (!b.failed && index_parse(b.p, b.len, a, &ix, &e) == -EINVAL)
		abort();
}

static void as_manifest(const char *text, size_t n, struct arena *a)
{
	struct manifest m;
	struct err e = { 0 };
	if (manifest_parse(text, n, a, &m, &e) == 0 && m.layers.n > LAYERS_MAX)
		abort();
}

static void as_config(const char *text, size_t n, struct arena *a)
{
	struct manifest m = { .layers.n = 1 };
	struct image_config c;
	struct strs chains;
	struct err e = { 0 };
	if (config_parse(text, n, &m, a, &c, &e) == 0 &&
	    (image_chains(&c.rootfs.diff_ids, a, &chains, &e) < 0 || chains.n != 1))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	auto_arena *a = arena_new(ARENA_IMAGE);
	const char *text = (const char *)p;
	struct credentials auth;
	struct err e = { 0 };
	if (!a)
		return 0;
	document_kind(text, n, NULL, &e);
	as_index(text, n, a);
	as_manifest(text, n, a);
	as_config(text, n, a);
	credentials_find(text, n, "host:5000", "team/app", a, &auth, &e);
	return 0;
}

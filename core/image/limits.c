/* limits.c - how much an image may be before it is refused. */
#include "image/limits.h"

#include <limits.h>
#include <stdatomic.h>

#define RATIO_FROM ((int64_t)256 << 20) /* what is smaller may pack as well as it likes */

/* What zstd has at all, and on this machine. */
#define WINDOW_MIN 1024
#define WINDOW_MAX ((int64_t)1 << (sizeof(size_t) < 8 ? 30 : 31))

int limits_check(const struct limits *l, struct err *e)
{
	if (l->manifest < 1 || l->manifest > (int64_t)MANIFEST_MAX || l->config < 1 ||
	    l->config > (int64_t)MANIFEST_MAX)
		return refuse(e, EINVAL, "--max-manifest and --max-config are 1 to %zu bytes",
			      MANIFEST_MAX);
	if (l->name < 1 || l->name >= PATH_MAX)
		return refuse(e, EINVAL, "--max-name is 1 to %d bytes", PATH_MAX - 1);
	if (l->size < 0 || !l->ratio)
		return refuse(e, EINVAL, "--max-size and --max-ratio are positive");
	if (l->window < WINDOW_MIN || l->window > WINDOW_MAX)
		return refuse(e, EINVAL, "--max-window is %d to %lld bytes", WINDOW_MIN,
			      (long long)WINDOW_MAX);
	return 0;
}

int limits_ratio(const struct limits *l, int64_t packed, int64_t unpacked, struct err *e)
{
	if (unpacked <= RATIO_FROM || unpacked / (int64_t)l->ratio <= packed)
		return 0;
	return refuse(e, E2BIG, "it unpacks to more than the %lld times of --max-ratio",
		      (long long)l->ratio);
}

int limits_document(const char *kind, int64_t bytes, int64_t most, struct err *e)
{
	if (bytes <= most)
		return 0;
	return refuse(e, E2BIG, "the %s has %lld bytes, more than the %lld of --max-%s", kind,
		      (long long)bytes, (long long)most, kind);
}

int limits_packed(const struct limits *l, const struct descriptors *layers, struct err *e)
{
	uint64_t all = 0, most = (uint64_t)l->size + (uint64_t)RATIO_FROM;
	for (size_t i = 0; i < layers->n && all <= most; i++)
		all += (uint64_t)layers->v[i].size;
	if (all <= most)
		return 0;
	return refuse(e, E2BIG,
		      "its layers have more than the %lld bytes of --max-size already packed",
		      (long long)l->size);
}

int limits_entry(const struct limits *l, struct usage *u, struct err *e)
{
	if (atomic_fetch_add(&u->entries, 1) < l->entries)
		return 0;
	return refuse(e, E2BIG, "more than the %llu entries of --max-entries",
		      (unsigned long long)l->entries);
}

int limits_bytes(const struct limits *l, struct usage *u, int64_t bytes, struct err *e)
{
	if (atomic_fetch_add(&u->size, bytes) + bytes <= l->size)
		return 0;
	return refuse(e, E2BIG, "more than the %lld bytes of --max-size", (long long)l->size);
}

/* stats_fuzz.c - foreign bytes as each of the files that statistics are read from, and what they
 * give as containerd's metrics. */
#include "ttrpc/metrics_inner.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct used u = { 0 };
	struct stats_pressure pressure;
	size_t len;
	auto_arena *a = arena_new((size_t)64 << 20);
	char *text = a && n < 65536 ? arena_strn(a, (const char *)p, n) : NULL;
	if (!text)
		return 0;
	/* Each cuts its own copy, or none. */
	counters_parse(arena_str(a, text), a, &u.s.memory.raw);
	stats_parse_io(arena_str(a, text), a, &u.s.io_bytes);
	stats_parse_rdma(text, a, &u.s.rdma);
	stats_parse_links(text, a, &u.links);
	stats_parse_partitions(text, a, &u.s.io_bytes);
	if (stats_parse_pressure(text, a, &pressure) == 0)
		u.x.memory = &pressure;
	metrics_v1(&u, a, &len);
	metrics_v2(&u, a, &len);
	return 0;
}

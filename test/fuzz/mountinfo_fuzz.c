/* mountinfo_fuzz.c - foreign bytes as mountinfo, and as the counters of a cgroup. */
#include "base/arena.h"
#include "box/mountinfo.h"
#include "box/stats.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	auto_arena *a = arena_new((size_t)64 << 20);
	char *text = a ? arena_strn(a, (const char *)p, n) : NULL;
	struct counters counters;
	struct stats_ios ios;
	struct mount_line m;
	if (!text)
		return 0;
	counters_parse(text, a, &counters);
	stats_parse_io(text, a, &ios);
	for (char *at = text; mountinfo_next(&at, &m);)
		if (*m.target != '/' || !*m.type || option_has(m.type, ""))
			abort();
	return 0;
}

/* cgroup_fuzz.c - foreign bytes as a cgroupsPath (the first line), as /proc/self/cgroup and, after
 * a line "--", as mountinfo: whatever comes of them stays below a mount. */
#include "box/cgroup_inner.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	auto_arena *a = arena_new((size_t)64 << 20);
	char *text = a ? arena_strn(a, (const char *)p, n) : NULL;
	char *list = text ? strchr(text, '\n') : NULL, *path;
	if (!list)
		return 0;
	*list++ = 0;
	char *mounts = strstr(list, "\n--\n");
	if (mounts) {
		mounts[1] = 0;
		mounts += 4;
	}
	struct err e = { 0 };
	int kind = cgroup_subpath(text, "id", a, &path, &e);
	if (kind < 0)
		return *e.msg ? 0 : (abort(), 0);
	if (*path != '/' || strstr(path, "/../") || !strcmp(path + strlen(path) - 1, "/"))
		abort();
	struct cgroup cg = { 0 };
	const struct cgroup_place where = { path, kind, cgroup_is_v2() };
	if (cgroup_locate_in(list, mounts ? mounts : "", &where, a, &cg, &e) < 0)
		return *e.msg ? 0 : (abort(), 0);
	for (size_t i = 0; i < cg.n; i++) {
		size_t end = strlen(cg.v[i].path), own = strlen(path);
		if (cg.v[i].mount > end || end < own || strcmp(cg.v[i].path + end - own, path))
			abort();
	}
	return 0;
}

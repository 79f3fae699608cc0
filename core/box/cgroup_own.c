/* cgroup_own.c - the cgroups of somebody without privileges: in what was delegated to him. */
#include "base/file.h"
#include "box/cgroup_inner.h"

#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>

#define ROOT "/sys/fs/cgroup"

/* Making a group in it, and moving from our own into that one: the latter takes the right to write
 * to the common parent's cgroup.procs. */
static bool may_use(const char *dir, char *path, size_t size)
{
	if (snprintf(path, size, "%s/cgroup.procs", dir) >= (int)size ||
	    faccessat(-1, path, W_OK, 0) < 0)
		return false;
	return faccessat(-1, dir, W_OK, 0) == 0;
}

int cgroup_delegated(const char *id, struct arena *a, struct cgroup *out, struct err *e)
{
	char path[4096], dir[4096];
	struct statfs fs;
	auto_buf text = { .max = 1 << 16 };
	*out = (struct cgroup){ 0 };
	if (statfs(ROOT, &fs) < 0 || (long)fs.f_type != CGROUP2_SUPER_MAGIC ||
	    file_read(-1, "/proc/self/cgroup", &text, NULL) < 0 || !text.p ||
	    strncmp(text.p, "0::/", 4) != 0)
		return 0;
	text.p[strcspn(text.p, "\n")] = 0;
	if (snprintf(dir, sizeof(dir), ROOT "%s", text.p + 3) >= (int)sizeof(dir) - 1)
		return 0;
	/* Beside ours, since one that has processes cannot give controllers to its children; or
	 * below ours. */
	char *slash = strrchr(dir, '/');
	*slash = 0;
	bool beside = slash > dir + strlen(ROOT) && may_use(dir, path, sizeof(path));
	*slash = slash[1] ? '/' : 0;
	if (!beside && !may_use(dir, path, sizeof(path)))
		return 0;
	if (beside)
		*slash = 0;
	struct cgroup_dir *v = arena_alloc(a, sizeof(*v));
	char *whole = arena_printf(a, "%s/coracle-%s", dir, id);
	if (!v || !whole)
		return fail(e, ENOMEM, "find a cgroup");
	*v = (struct cgroup_dir){
		.controllers = "", .path = whole, .mount = strlen(ROOT), .fd = -1, .door = -1
	};
	*out = (struct cgroup){ .v2 = true, .v = v, .n = 1 };
	return 0;
}

/* root.c - where the states of containers are kept, unless somebody says. */
#include "box/subid.h"
#include "box/userns.h"
#include "container/container.h"

#include <stdlib.h>
#include <string.h>

/* As with runc: root of a container, or of an `unshare -r`, may still be somebody with a runtime
 * directory of his own. */
static bool has_own_directory(const char *xdg)
{
	const char *user = getenv("USER");
	if (subid_inside() || !we_are_root())
		return true;
	return xdg && *xdg && (!user || strcmp(user, "root") != 0) && !userns_first();
}

const char *container_roots(struct arena *a, struct err *e)
{
	const char *xdg = getenv("XDG_RUNTIME_DIR");
	if (!has_own_directory(xdg))
		return RUN_ROOT;
	if (!xdg || *xdg != '/') {
		refuse(e, ENOENT,
		       "XDG_RUNTIME_DIR is not set to a directory, so there is no place for the "
		       "state of containers; set it, or give --root");
		return NULL;
	}
	const char *path = arena_printf(a, "%s/coracle", xdg);
	if (!path)
		fail(e, E2BIG, "XDG_RUNTIME_DIR");
	return path;
}

const char *container_root(const char *given, struct arena *a, struct err *e)
{
	const char *all = given ? given : container_roots(a, e);
	if (given || !all)
		return given;
	const char *path = arena_printf(a, "%s/default", all);
	if (!path)
		fail(e, E2BIG, "XDG_RUNTIME_DIR");
	return path;
}

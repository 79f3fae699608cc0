/* cgroup_undo.c - limits as they were, when an update fails half way. */
#include "base/file.h"
#include "box/cgroup_inner.h"
#include "box/cgroup_plan.h"

#include <string.h>

struct limit_undo {
	struct arena *a;
	struct {
		const struct cgroup_dir *d;
		const char *file, *value;
	} v[LIMIT_WRITES];
	size_t n;
};

struct limit_undo *limit_undo_new(struct arena *a)
{
	struct limit_undo *u = arena_alloc(a, sizeof(*u));
	if (u)
		u->a = a;
	return u;
}

void limit_undo_note(struct limit_undo *u, const struct cgroup_dir *d, const char *file)
{
	char value[256];
	if (u->n == LIMIT_WRITES || cgroup_get(d->fd, file, value, sizeof(value)) <= 0 ||
	    strchr(value, '\n'))
		return;
	u->v[u->n].d = d;
	u->v[u->n].file = file;
	u->v[u->n].value = arena_str(u->a, value);
	u->n += u->v[u->n].value != NULL;
}

/* Twice, since one may have to wait for another, as memory for memory and swap. */
void limit_undo_all(const struct limit_undo *u)
{
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = u->n; i-- > 0;)
			file_put(u->v[i].d->fd, u->v[i].file, u->v[i].value);
}

/* list.c - the few array types that data is made of. */
#include "base/list.h"
#include "base/arena.h"

#include <string.h>

void *list_grow(struct arena *a, const void *old, size_t n, size_t more, size_t size)
{
	void *v = arena_array(a, n + more, size);
	if (v && n)
		memcpy(v, old, n * size);
	return v;
}

const char *pairs_get(const struct pairs *p, const char *key)
{
	for (size_t i = p->n; i-- > 0;) /* of a key given twice the last counts */
		if (!strcmp(p->v[i].key, key))
			return p->v[i].value;
	return NULL;
}

bool strs_has(const struct strs *l, const char *s)
{
	for (size_t i = 0; i < l->n; i++)
		if (!strcmp(l->v[i], s))
			return true;
	return false;
}

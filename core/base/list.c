/* list.c - the few array types that data is made of. */
#include "base/list.h"
#include "base/arena.h"

#include <string.h>

void *list_grow(struct arena *a, const void *old, size_t n, size_t more, size_t size)
{
	void *v = arena_array(a, n + more + 1, size);
	if (v && n)
		memcpy(v, old, n * size);
	return v;
}

void *list_add(struct arena *a, void *list, size_t size)
{
	struct {
		char *v;
		size_t n;
	} l;
	memcpy(&l, list, sizeof(l));
	l.v = list_grow(a, l.v, l.n, 1, size);
	if (!l.v)
		return NULL;
	l.n++;
	memcpy(list, &l, sizeof(l));
	return l.v + (l.n - 1) * size;
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

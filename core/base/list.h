/* list.h - the few array types that data is made of. Each is {pointer, count}, as json.h reads and
 * writes. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct strs {
	const char **v;
	size_t n;
};

struct pair {
	const char *key, *value;
};

/* A JSON object whose values are strings, in the order of the document. */
struct pairs {
	struct pair *v;
	size_t n;
};

struct u32s {
	uint32_t *v;
	size_t n;
};

/* Numbers and booleans that may be absent. */
struct opt_i64 {
	bool set;
	int64_t v;
};
struct opt_u64 {
	bool set;
	uint64_t v;
};
struct opt_bool {
	bool set;
	bool v;
};

struct arena;

/* A copy of old, n elements of size, with room for more of them, which are zero, as is one after
 * them. NULL at the arena's cap. */
void *list_grow(struct arena *a, const void *old, size_t n, size_t more, size_t size);

/* One element more at the end of a list, {pointer, count} of elements of size: its address, or
 * NULL. */
void *list_add(struct arena *a, void *list, size_t size);
#define LIST_ADD(a, l) ((__typeof__((l)->v))list_add(a, l, sizeof(*(l)->v)))

/* The value of key, or NULL. */
const char *pairs_get(const struct pairs *p, const char *key);

/* Whether s is one of l. */
bool strs_has(const struct strs *l, const char *s);

#endif

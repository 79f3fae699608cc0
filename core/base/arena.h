/* arena.h - memory that is freed all at once. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct arena;

/* For cap bytes in all; pages are used only when touched. NULL when out of memory. */
struct arena *arena_new(size_t cap);

/* Gives everything back to the kernel. Accepts NULL. */
void arena_free(struct arena *a);

/* size zeroed bytes, aligned for any object; NULL with errno E2BIG when the cap is reached. */
void *arena_alloc(struct arena *a, size_t size);

/* n objects of size bytes each, zeroed; overflow counts as reaching the cap. */
void *arena_array(struct arena *a, size_t n, size_t size);

/* A copy of s, of its first n bytes with a NUL, or of a formatted string. NULL at the cap. */
char *arena_str(struct arena *a, const char *s);
char *arena_strn(struct arena *a, const char *s, size_t n);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *a, const char *fmt, va_list ap);

static inline void arena_freep(struct arena **a)
{
	arena_free(*a);
}
#define auto_arena __attribute__((cleanup(arena_freep))) struct arena

#endif

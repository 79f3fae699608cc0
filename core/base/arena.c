/* arena.c - memory that is freed all at once. */
#include "base/arena.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

struct arena {
	size_t cap;
	size_t used;
};

#define ALIGN 16u

struct arena *arena_new(size_t cap)
{
	if (cap > SIZE_MAX - 8192)
		return NULL;
	size_t size = (cap + sizeof(struct arena) + 4095) & ~(size_t)4095;
	struct arena *a = mmap(NULL, size, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (a == MAP_FAILED)
		return NULL;
	a->cap = size;
	a->used = (sizeof(*a) + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	return a;
}

void arena_free(struct arena *a)
{
	if (a)
		munmap(a, a->cap);
}

void *arena_alloc(struct arena *a, size_t size)
{
	if (size > a->cap - a->used) {
		errno = E2BIG;
		return NULL;
	}
	void *p = (char *)a + a->used;
	size_t next = (a->used + size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	a->used = next > a->cap ? a->cap : next;
	return p;
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
	size_t total;
	if (__builtin_mul_overflow(n, size, &total)) {
		errno = E2BIG;
		return NULL;
	}
	return arena_alloc(a, total);
}

char *arena_strn(struct arena *a, const char *s, size_t n)
{
	if (n == SIZE_MAX) {
		errno = E2BIG;
		return NULL;
	}
	char *p = arena_alloc(a, n + 1);
	if (p)
		memcpy(p, s, n);
	return p;
}

char *arena_str(struct arena *a, const char *s)
{
	return arena_strn(a, s, strlen(s));
}

char *arena_vprintf(struct arena *a, const char *fmt, va_list ap)
{
	va_list again;
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	char *p = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
	if (p)
		vsnprintf(p, (size_t)n + 1, fmt, ap);
	return p;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	char *p = arena_vprintf(a, fmt, ap);
	va_end(ap);
	return p;
}

/* arena.c - memory that is freed all at once. */
#include "base/arena.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

/* In chunks, the first of them small: who needs little takes little, and lies close to others. A
 * fork copies, and pays for, the tables of every two megabytes in which there is anything. */
#define FIRST ((size_t)64 << 10)
#define PAGE  ((size_t)4096)
#define ALIGN 16u

struct chunk {
	struct chunk *before;
	size_t size;
};

struct arena {
	struct chunk *last;
	char *at, *end; /* what is free of the last chunk */
	size_t left;	/* of the cap */
};

static size_t aligned(size_t n)
{
	return (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
}

static struct chunk *chunk_new(size_t size)
{
	struct chunk *c = mmap(NULL, size, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (c == MAP_FAILED)
		return NULL;
	c->size = size;
	return c;
}

struct arena *arena_new(size_t cap)
{
	const size_t head = aligned(sizeof(struct chunk)) + aligned(sizeof(struct arena));
	if (cap > SIZE_MAX - 2 * PAGE)
		return NULL;
	size_t size = cap < FIRST - head ? (cap + head + PAGE - 1) & ~(PAGE - 1) : FIRST;
	struct chunk *c = chunk_new(size);
	if (!c)
		return NULL;
	struct arena *a = (void *)((char *)c + aligned(sizeof(*c)));
	*a = (struct arena){
		.last = c, .at = (char *)c + head, .end = (char *)c + size, .left = cap
	};
	return a;
}

void arena_free(struct arena *a)
{
	struct chunk *c = a ? a->last : NULL;
	while (c) {
		struct chunk *before = c->before; /* a is in the first */
		munmap(c, c->size);
		c = before;
	}
}

/* Twice as much as the last, or what it takes. What is left of the last is lost. */
static int grow(struct arena *a, size_t size)
{
	size_t least = aligned(sizeof(struct chunk)) + size + PAGE - 1;
	size_t more = least > 2 * a->last->size ? least & ~(PAGE - 1) : 2 * a->last->size;
	struct chunk *c = chunk_new(more);
	if (!c)
		return -ENOMEM;
	c->before = a->last;
	a->last = c;
	a->at = (char *)c + aligned(sizeof(*c));
	a->end = (char *)c + more;
	return 0;
}

void *arena_alloc(struct arena *a, size_t size)
{
	if (size > a->left || (size > (size_t)(a->end - a->at) && grow(a, size) < 0)) {
		errno = E2BIG;
		return NULL;
	}
	void *p = a->at;
	size_t room = (size_t)(a->end - a->at), whole = aligned(size);
	a->at += whole < room ? whole : room;
	a->left -= whole < a->left ? whole : a->left;
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

/* Of strings and nothing else, as most are. */
static bool is_plain(const char *fmt)
{
	while ((fmt = strchr(fmt, '%')))
		if (*++fmt != 's')
			return false;
	return true;
}

/* What vsnprintf does, which takes ten times as long. */
static size_t put_plain(char *to, size_t room, const char *fmt, va_list ap)
{
	size_t n = 0;
	for (; *fmt; fmt++) {
		if (*fmt != '%') {
			if (n < room)
				to[n] = *fmt;
			n++;
			continue;
		}
		fmt++;
		const char *s = va_arg(ap, const char *);
		for (s = s ? s : "(null)"; *s; s++, n++)
			if (n < room)
				to[n] = *s;
	}
	if (room)
		to[n < room ? n : room - 1] = 0;
	return n;
}

/* The length, whether there is room or not; SIZE_MAX when there is none. */
static size_t put(char *to, size_t room, const char *fmt, va_list ap)
{
	if (is_plain(fmt))
		return put_plain(to, room, fmt, ap);
	int n = vsnprintf(to, room < INT_MAX ? room : INT_MAX, fmt, ap);
	return n < 0 ? SIZE_MAX : (size_t)n;
}

/* Where the chunk has room for it, and taken only then: to format it first for its length would
 * cost as much again. */
char *arena_vprintf(struct arena *a, const char *fmt, va_list ap)
{
	va_list again;
	size_t room = (size_t)(a->end - a->at);
	room = room < a->left ? room : a->left;
	va_copy(again, ap);
	size_t n = put(a->at, room, fmt, ap);
	if (n >= room)
		memset(a->at, 0, room); /* as all that is still to be had */
	char *p = arena_alloc(a, n < SIZE_MAX ? n + 1 : n);
	if (p && n >= room)
		put(p, n + 1, fmt, again);
	va_end(again);
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

/* buf.c - bytes that grow, up to a limit. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUF_MAX ((size_t)64 << 20)

void *buf_room(struct buf *b, size_t n)
{
	size_t max = b->max ? b->max : BUF_MAX;
	if (b->failed || n >= max || b->len >= max - n) {
		b->failed = true;
		return NULL;
	}
	if (b->len + n + 1 > b->cap) {
		size_t cap = b->cap ? b->cap : 64;
		while (cap < b->len + n + 1)
			cap *= 2;
		char *p = realloc(b->lent ? NULL : b->p, cap);
		if (!p) {
			b->failed = true;
			return NULL;
		}
		if (b->lent)
			memcpy(p, b->p, b->len + 1);
		b->lent = false;
		b->p = p;
		b->cap = cap;
	}
	return b->p + b->len;
}

void buf_add(struct buf *b, const void *p, size_t n)
{
	char *to = buf_room(b, n);
	if (!to)
		return;
	if (n)
		memcpy(to, p, n);
	b->len += n;
	b->p[b->len] = 0;
}

void buf_str(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_char(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap, again;
	size_t room = b->p ? b->cap - b->len : 0;
	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(room ? b->p + b->len : NULL, room, fmt, ap);
	char *to = n < 0 ? NULL : buf_room(b, (size_t)n);
	if (to && (size_t)n >= room)
		vsnprintf(to, (size_t)n + 1, fmt, again);
	if (to)
		b->len += (size_t)n;
	else if (room)
		b->p[b->len] = 0;
	va_end(again);
	va_end(ap);
}

void buf_shift(struct buf *b, size_t n)
{
	if (n > b->len)
		n = b->len;
	if (!n)
		return;
	memmove(b->p, b->p + n, b->len - n);
	b->len -= n;
	b->p[b->len] = 0;
}

void buf_free(struct buf *b)
{
	if (!b->lent)
		free(b->p);
	*b = (struct buf){ .max = b->max };
}

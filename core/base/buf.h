/* buf.h - bytes that grow, up to a limit. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

/* Zeroed is empty. After a failure (out of memory, over max) it stays as it was and failed is set:
 * add as much as you like and look once at the end. p[len] is always NUL when p is set. */
struct buf {
	char *p;
	size_t len, cap;
	size_t max; /* 0: 64 MiB */
	bool failed;
	bool lent; /* p is an array of the caller's, of cap bytes: left for other memory once it is
		      full */
};

/* The first memory of one that is most often small: an array that lives longer. */
#define BUF_IN(array_) .p = ((array_)[0] = 0, (array_)), .cap = sizeof(array_), .lent = true

void buf_add(struct buf *b, const void *p, size_t n);
void buf_str(struct buf *b, const char *s);
void buf_char(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Makes room for n more bytes and returns where they go (add to len yourself); NULL on failure. */
void *buf_room(struct buf *b, size_t n);

/* Drops the first n bytes. */
void buf_shift(struct buf *b, size_t n);

/* Frees the memory; b is empty again and keeps its max. */
void buf_free(struct buf *b);

#define auto_buf __attribute__((cleanup(buf_free))) struct buf

#endif

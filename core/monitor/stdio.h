/* stdio.h - the terminal we were started on, and bytes carried between it and a container's. */
#ifndef MONITOR_STDIO_H
#define MONITOR_STDIO_H

#include "base/err.h"
#include "base/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <termios.h>

/* A terminal in raw mode, to be put back as it was. */
struct terminal {
	int fd; /* -1: nothing to restore */
	struct termios saved;
};

/* Every key goes to the container. When fd is no terminal nothing is done. */
int terminal_raw(struct terminal *t, int fd, struct err *e);
void terminal_restore(struct terminal *t);

/* Gives terminal `to` the size of the first of our stdin, stdout and stderr that is one. */
void terminal_copy_size(int to);

/* That size; false when none of them is a terminal. */
bool terminal_size(unsigned *rows, unsigned *columns);

/* Bytes from one fd to another, at the pace of the slower. Fds that cannot be polled (files) are
 * always ready. When `to` is closed at the other end, what still comes is dropped. */
struct relay {
	struct loop *loop;
	struct watch from, to;
	bool from_polled, from_watched, to_watched;
	bool ended;    /* nothing more comes */
	int error;     /* of writing: it is dropped from then on; 0 */
	char farewell; /* sent when `from` has ended; 0: nothing */
	size_t at, len;
	char buf[8192];
};

int relay_start(struct relay *r, struct loop *l, int from, int to, struct err *e);

/* What a pipe or a terminal holds at most when its writer has ended. What comes after that is of
 * others, who may go on for ever. */
#define STDIO_LEFT ((size_t)1 << 20)

/* Carries over what `from` holds now, waiting for `to`; then stops. For when the writer has ended;
 * from must not block. */
void relay_finish(struct relay *r);

/* Forgets both fds; nothing is closed. */
void relay_stop(struct relay *r);

/* A file description of our own for fd, that does not block, where one can be had (terminals,
 * pipes); else -1. */
int stdio_reopen(int fd, int flags);

#endif

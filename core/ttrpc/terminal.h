/* terminal.h - a pty's master copied to and from FIFOs, with backpressure. */
#ifndef TTRPC_TERMINAL_H
#define TTRPC_TERMINAL_H

#include "base/loop.h"

#include <stdint.h>

struct terminal;

/* Copies from in (nonblocking, -1: none) to the master and from it to out (nonblocking, -1: thrown
 * away). Takes all three fds, also on failure. NULL: errno. */
struct terminal *terminal_new(struct loop *l, int master, int in, int out);

int terminal_resize(struct terminal *t, uint32_t width, uint32_t height);

/* No more input than what is written already. */
void terminal_close_input(struct terminal *t);

/* Its process has ended: drained is called, once, when nobody has the terminal open any more and
 * all that was written to it has been taken, or after a second. */
void terminal_end(struct terminal *t, void (*drained)(void *arg), void *arg);

/* How many bytes of its output could not be written, as to a full disk; *error: errno of the last.
 */
uint64_t terminal_lost(const struct terminal *t, int *error);

void terminal_free(struct terminal *t);

#endif

/* leftover.h - what a process left in its output FIFOs before their reader came. */
#ifndef TTRPC_LEFTOVER_H
#define TTRPC_LEFTOVER_H

#include "base/loop.h"

/* With all its fds -1 it waits for nothing. */
struct leftover {
	struct loop *loop;
	struct watch opened, timer;
	int fds[2]; /* write ends, which keep what is in the FIFOs */
	void (*done)(void *arg);
	void *arg;
};

/* The process has ended. hold are our read ends of its FIFOs, or -1. Clients open theirs when they
 * come to it, which may be later than a short process ends: then what is unread would be gone with
 * our ends. So done is called, maybe at once, when there is nothing unread that has no other
 * reader, or after a second; until leftover_free it is kept all the same. A read end whose place a
 * write end has taken is closed and becomes -1. */
void leftover_wait(struct leftover *l, struct loop *loop, int hold[2], void (*done)(void *arg),
		   void *arg);

/* Gives up what is kept; done is not called any more. */
void leftover_free(struct leftover *l);

#endif

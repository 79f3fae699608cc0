/* reader.h - when nobody reads a pipe, and its writer is not to wait: room is made in it. */
#ifndef TTRPC_READER_H
#define TTRPC_READER_H

#include "base/loop.h"

#include <stdbool.h>
#include <stdint.h>

/* There is no event that says that a pipe is full, nor a way to ask whether others have its read
 * end. What is known: that one was closed (inotify), and how much is unread. So once one was closed
 * each write wakes us, and as long as something is unread a second's tick, until either some was
 * taken or more was written than is unread: somebody reads, and nothing wakes us any more. Or until
 * it is half full (a full pipe of writes that do not share pages has no more), or takes no byte
 * more, from one tick to the next: then what is there goes, and so on until somebody reads. */
struct reader {
	struct loop *loop;
	struct watch closed, written, tick;
	const char *id, *what; /* for the log */
	bool watching, ticking, dropping;
	int before, unread, ticked, capacity; /* bytes: when it began to watch, last, at a tick */
	uint64_t wakes, lost;
};

/* hold: a nonblocking read end, which stays the caller's. Nobody is believed to read it before
 * there is proof. dead: its one reader has ended, and nobody will ever. -errno. */
int reader_start(struct reader *r, struct loop *l, int hold, bool dead);

/* Says what was lost. Nothing when it was not started: zeroed with the fds -1. */
void reader_stop(struct reader *r);

#endif

/* listing.h - the containers there are, as `coracle ps` shows them. */
#ifndef MONITOR_LISTING_H
#define MONITOR_LISTING_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"

#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

struct listed {
	const char *id, *image, *status, *root;
	struct strs command;
	int pid; /* 0 when it does not run */
	struct timespec created, started, finished;
	bool has_exit;
	int exit_code;
};

struct listing {
	struct listed *v;
	size_t n;
};

/* all: also those that do not run. */
int listing_read(const char *root, bool all, struct arena *a, struct listing *out, struct err *e);

/* Which containers are meant: those named, or with all every one (running: that has not ended).
 * -EINVAL for both or neither. */
struct pick {
	const char *root;
	struct strs named;
	bool all, running;
};
int listing_pick(const struct pick *p, struct arena *a, struct strs *out, struct err *e);

/* Columns with a heading; ids alone, a line each; a JSON array. */
void listing_table(const struct listing *l, struct buf *out);
void listing_ids(const struct listing *l, struct buf *out);
void listing_json(const struct listing *l, struct buf *out);

#endif

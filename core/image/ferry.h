/* ferry.h - a source whose bytes come from another process, through memory that both have. */
#ifndef IMAGE_FERRY_H
#define IMAGE_FERRY_H

#include "image/source.h"

#include <stdbool.h>

struct ferry {
	struct source source; /* of who takes */
	struct ferry_shared *shared;
	int ends[2];		  /* of who gives, and who takes */
	size_t n;		  /* slots that were given or taken */
	bool over, gone;	  /* there is no more; and nothing said so */
	int failed;		  /* -errno, of who gives */
	char bytes[SOURCE_CHUNK]; /* what was taken last: nobody else changes it while it is read */
};

/* Before the fork. Nothing of it outlives its processes. */
int ferry_init(struct ferry *r, struct err *e);

/* After it: who gives has this end alone, and who takes the other one. */
void ferry_gives(struct ferry *r);
void ferry_takes(struct ferry *r);

/* Who takes: until something was given, or nothing will be. */
void ferry_wait(const struct ferry *r);

/* Who gives: passes on all there is. 0 at its end, -EIO when nobody wants more, -errno. */
int ferry_give(struct ferry *r, struct source *from, struct err *e);

/* Who gives: the bytes that the others come from are not the right ones. */
void ferry_doubt(struct ferry *r);

/* Who gives, before it ends: this is the end, or why there is none. */
void ferry_end(struct ferry *r, int rc, const struct err *e);

/* Who takes: wants no more, and waits for the end. -errno if that came with a doubt. */
int ferry_stop(struct ferry *r, struct err *e);

#endif

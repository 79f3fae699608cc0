/* progress.h - how far a pull is, for people. */
#ifndef IMAGE_PROGRESS_H
#define IMAGE_PROGRESS_H

#include "image/fetch.h"

/* Zeroed but for fd it is ready. On a terminal a line a layer is drawn again and again, of those
 * that it has lines for and with one for all others, and a bar if it is wide enough; elsewhere, and
 * where TERM is dumb, each layer gets one line when it is done. */
struct progress {
	int fd;	   /* -1: say nothing */
	bool json; /* an object a line, wherever it goes */
	bool news; /* no word of what is here already */
	struct {
		enum layer_state state;
		int64_t bytes;
		uint64_t began; /* that state; clock_monotonic_ns */
	} layers[LAYERS_MAX];
	size_t drawn;  /* lines below the cursor that are ours */
	uint64_t last; /* when; clock_monotonic_ns */
};

/* Given to pull() with a struct progress as arg. */
void progress_layer(void *arg, const struct fetch_progress *p);

/* What is written next stands below what was drawn, whether that was the end or not. */
void progress_end(struct progress *g);

#endif

/* fetch.h - an image's layers, several at a time, each fetched and unpacked by a process of its
 * own. */
#ifndef IMAGE_FETCH_H
#define IMAGE_FETCH_H

#include "base/err.h"
#include "image/limits.h"
#include "image/manifest.h"
#include "image/origin.h"
#include "image/store.h"

#include <stdbool.h>
#include <sys/types.h>

enum layer_state {
	LAYER_WAITING,
	LAYER_RUNNING,
	LAYER_DONE,
	LAYER_PRESENT, /* nothing was to be done */
};

struct fetch_progress {
	size_t layer, layers;
	const struct descriptor *blob;
	enum layer_state state;
	int64_t bytes; /* of the blob, so far */
};

struct fetch {
	struct origin *origin;
	const struct store *store;
	int work; /* of store_work_begin */
	int disk; /* the same, opened before anything is written into it */
	const struct manifest *manifest;
	const struct strs *diff_ids;
	bool blob[LAYERS_MAX]; /* which blobs must come from the origin; the others are in the
				* store */
	bool tree[LAYERS_MAX]; /* which layers must be unpacked; a blob that comes always is */
	size_t jobs;	       /* layers at a time, up to JOBS_MAX; 0: by the processors */
	const struct limits *limits;
	/* Called once, before anything is unpacked: it makes tree and diff_ids known. When early,
	 * layers whose blobs must come were asked for before it, so that their origin and what
	 * ready asks for answer at the same time. NULL: all is known. */
	int (*ready)(void *arg, struct err *e);
	bool early;
	void (*progress)(void *arg, const struct fetch_progress *p); /* may be NULL */
	void *arg;						     /* of both */
};
#define JOBS_MAX 64

/* Of layer i the work directory then has the blob as "bI" (when it came from the origin), its tree
 * as "tI" and, in "iI", the directories that the layers below it must shape. A signal to end the
 * program ends the fetch with EINTR. */
int fetch_layers(const struct fetch *f, struct err *e);

/* Writes what its file system has to the disk, by a process that holds no lock and exits with 0 or
 * an errno: who waits for the disk himself cannot be ended meanwhile. Its pid, or -errno. What was
 * lost since `disk` was opened is said by it once, whoever else has been told of it. */
pid_t fetch_flush(int disk);

/* "b7" and such. */
#define FETCH_NAME 16
void fetch_name(char out[FETCH_NAME], char kind, size_t layer);

#endif

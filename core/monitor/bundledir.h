/* bundledir.h - a bundle of a root file system and config.json, for any runtime. */
#ifndef MONITOR_BUNDLEDIR_H
#define MONITOR_BUNDLEDIR_H

#include "base/arena.h"
#include "base/err.h"
#include "base/list.h"
#include "monitor/runspec.h"

struct bundle_request {
	struct run_options options; /* rootfs: source is a directory, which the bundle names */
	const char *source;	    /* the image, or that directory */
	const char *directory;	    /* made, or empty */
	struct strs command;	    /* in the place of the image's */
};

/* Makes directory/rootfs, a copy of the image's tree that nothing else needs or changes, and, last,
 * directory/config.json. On failure, and when a signal ends it, nothing of it is left. */
int bundle_make(const struct bundle_request *r, struct arena *a, struct err *e);

#endif

/* cnb.h - an image out of an app's sources, made by a Cloud Native Buildpacks builder. */
#ifndef MONITOR_CNB_H
#define MONITOR_CNB_H

#include "base/arena.h"
#include "base/err.h"
#include "image/image.h"
#include "monitor/runspec.h"

/* Refuses options that go together with others that are not there. */
int cnb_check(const struct run_options *o, struct err *e);

/* The image that options and text name: that text, see obtain.h; or for --cnb one that is made of
 * the app. The builder's lifecycle does that in a container, its output on our stderr, and what it
 * exports comes into the store, as localhost/cnb:NAME-OF-THE-APP. The container has the builder's
 * user, no capability, and sees a copy of the app; of the options are its limits, its network and
 * the variables. The process that is chosen becomes the options' entrypoint; that there is none is
 * refused, unless a command follows. On failure nothing is left but the cache, and images that were
 * pulled. -EINTR: a signal ended it. */
int cnb_obtain(struct store *s, const char *text, struct run_options *o, bool has_command,
	       struct arena *a, struct image **out, struct err *e);

#endif

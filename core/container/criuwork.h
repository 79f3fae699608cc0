/* criuwork.h - what checkpoint and restore tell CRIU alike. */
#ifndef CONTAINER_CRIUWORK_H
#define CONTAINER_CRIUWORK_H

#include "box/criu.h"
#include "box/plan.h"
#include "container/checkpoint.h"

#define DESCRIPTORS "descriptors.json" /* in the images: what init's fds 0, 1 and 2 are */

/* A request as it is being made. Everything in it belongs to the arena. */
struct criu_work {
	struct arena *a;
	const struct spec *spec;
	CriuOpts opts;
	struct criu_call call;
	size_t externals; /* room in opts.external */
	int images, work; /* directories; -1 */
};

/* Opens the directories, made when `make`, and fills in what the options and the spec say. log: a
 * name. */
int criuwork_begin(struct criu_work *w, const struct checkpoint_options *o, const char *log,
		   bool make, struct err *e);
void criuwork_end(struct criu_work *w);

/* One more thing that is not the container's own: "mnt[/data]:/data", "net[4026531840]:name". */
int criuwork_external(struct criu_work *w, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Each mount that is not the container's own: place, as config.json names it but cleaned, and what
 * of the host is there. */
typedef int criuwork_mount(struct criu_work *w, const char *place, const char *source, void *arg);
int criuwork_mounts(struct criu_work *w, const struct plan_context *c, criuwork_mount *each,
		    void *arg, struct err *e);

/* "extRootNetNS" for a network or pid namespace that was given by its path and stays outside; NULL
 * for all others. */
const char *criuwork_outside(const struct spec_namespace *n);

#endif

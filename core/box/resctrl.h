/* resctrl.h - Intel's Resource Director Technology: the group of caches and memory bandwidth that a
 * container's processes are in. */
#ifndef BOX_RESCTRL_H
#define BOX_RESCTRL_H

#include "base/arena.h"
#include "base/err.h"
#include "oci/spec.h"

#include <sys/types.h>

/* Where the file system is mounted; refused when it is not, or when the machine has no such thing.
 */
int resctrl_find(struct arena *a, const char **out, struct err *e);

/* Directories of a container: of its group and (or NULL) of its monitoring group; which of them are
 * its own, to be recorded before they are made and removed with it. */
struct resctrl {
	const char *root, *group, *monitor;
	struct strs own;
};
int resctrl_plan(const char *root, const struct spec_intel_rdt *s, const char *id, struct arena *a,
		 struct resctrl *out, struct err *e);

/* Makes them and writes the schemata. */
int resctrl_make(const struct resctrl *r, const struct spec_intel_rdt *s, struct err *e);

/* Puts a process in. */
int resctrl_join(const struct resctrl *r, pid_t pid, struct err *e);

#endif

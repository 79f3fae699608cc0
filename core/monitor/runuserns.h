/* runuserns.h - the user namespace of a container of root's: which ids of the host are its own. */
#ifndef MONITOR_RUNUSERNS_H
#define MONITOR_RUNUSERNS_H

#include "image/mountset.h"
#include "image/store.h"
#include "monitor/runspec.h"

/* Whether --userns, --uidmap and such ask for one. */
bool userns_wanted(const struct run_options *o);

/* Refuses what is not to be had here. */
int userns_check(const struct run_options *o, struct err *e);

/* Refuses a user that we could not be, having no id but our own, with what to do about it. */
int userns_check_alone(const struct spec *s, struct err *e);

/* Gives the spec one. Ids that nobody else has (--userns auto) are noted in the directory that
 * container id has in the store, and so its own for as long as that is there. */
int userns_apply(struct spec *s, const struct run_options *o, const struct store *store,
		 const char *id, struct arena *a, struct err *e);

/* How the root is shown to it. */
int userns_root_ids(const struct spec_linux *l, struct root_ids *out, struct err *e);

/* A range of `size` ids of these that none of `used` has: the first of it, or -1. */
int64_t userns_free(const struct spec_id_mappings *ranges, const struct spec_id_mappings *used,
		    uint32_t size);

#endif

/* subid.h - a user namespace with all the ids that a user has: his own as root, and those that he
 * was given in /etc/subuid and /etc/subgid. */
#ifndef BOX_SUBID_H
#define BOX_SUBID_H

#include "base/err.h"
#include "oci/spec.h"

#include <stdbool.h>

/* The ranges in a text of lines "USER:FIRST:COUNT" that are of the user of that name (may be NULL)
 * or number, each mapped after the last of out, which has room for `room`. What cannot be meant is
 * left out. Cuts the text up. */
void subid_parse(char *text, const char *name, const char *number, size_t room,
		 struct spec_id_mappings *out);

/* The mappings of all the ids that we have, or had when this program began. */
int subid_ids(struct arena *a, struct spec_linux *out, struct err *e);

/* Unless we are root: moves this process, which must have one thread, into such a namespace and a
 * mount namespace of its own, as its root. Nobody comes back; from then on we_are_root() is true.
 */
int subid_enter(struct err *e);

/* The same with the groups that the user has, until they are dropped. */
int subid_enter_grouped(struct err *e);
void subid_drop_groups(void);

/* The same into one that exists: the user namespace that is open, or of those that it is in the one
 * that was made in ours. */
int subid_join(int ns, struct err *e);

/* Whether we did so. No system call. */
bool subid_inside(void);

/* ... who has no ids but his own: then everything belongs to root there. */
bool subid_alone(void);

/* Calls it here if we are root, else in a process that has entered such a namespace: what may
 * change files whatever ids of the user's they have. */
int subid_call(int (*call)(void *arg, struct err *e), void *arg, struct err *e);

#endif

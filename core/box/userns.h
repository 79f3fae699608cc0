/* userns.h - user namespaces: which ids are mapped, who may map them, and the helpers that may. */
#ifndef BOX_USERNS_H
#define BOX_USERNS_H

#include "base/arena.h"
#include "base/err.h"
#include "oci/spec.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Whether we run as root: of the machine, or of the user namespace that we are in. What the program
 * began as, or became by subid_enter(); no system call. */
bool we_are_root(void);

/* Whether our own user namespace is the first one, where ids are what they are. */
bool userns_first(void);

/* The host's id that a container's id is mapped to; -1: to none. */
int64_t userns_outside(const struct spec_id_mappings *m, uint32_t id);
bool userns_maps(const struct spec_id_mappings *m, uint32_t id);

/* Whether a new user namespace with these mappings will be one without groups: whoever is not root
 * may map his own gid alone, and only if the right to change groups is given up for it. */
bool userns_denies_groups(const struct spec_linux *l);

/* Refuses the ids of a process that a new user namespace does not have, and groups that it may not
 * set, in runc's words. */
int userns_check_user(const struct spec *s, const struct spec_user *u, struct err *e);

/* Whose id a new process of the container has until it becomes its user: 0, or the user's own where
 * 0 is not mapped. */
void userns_root(const struct spec *s, const struct spec_user *u, uid_t *uid, gid_t *gid);

/* As above for an option "uid=N" or "gid=N" of a mount. */
int userns_check_option(const struct spec *s, const char *option, const char *what, struct err *e);

/* Whether newuidmap and newgidmap are installed. */
bool userns_has_tools(void);

/* Writes the uid_map and gid_map of a child in a new user namespace: by ourselves where we may,
 * else by newuidmap and newgidmap, which know the subordinate ids that we were given. */
int userns_map(pid_t pid, const struct spec_linux *l, struct err *e);

/* The mappings, as they are seen from here, of the user namespace of a process that is held, or of
 * one that is open, which then takes a process of ours in it. -EINVAL: it has none yet. */
int userns_read(int held, struct arena *a, struct spec_linux *out, struct err *e);
int userns_look(int ns, struct arena *a, struct spec_linux *out, struct err *e);

/* Puts the mappings of a user namespace that is joined by its path into a copy of the spec. Others
 * that it tells are refused. A new one that none are told of has all the ids that we have. */
int userns_settle(struct arena *a, const struct spec **spec, struct err *e);

#endif

/* rootidmap.h - a root whose ids are mapped, as containerd's snapshotters ask for it by the options
 * uidmap=C:H:N[,...] and gidmap=... */
#ifndef BOX_ROOTIDMAP_H
#define BOX_ROOTIDMAP_H

#include "box/rootmount.h"

/* *out is m without the two options, and *ns the user namespace that maps as they say; -1: they are
 * not there. */
int rootidmap_open(const struct root_mount *m, struct arena *a, struct root_mount *out, int *ns,
		   struct err *e);

/* An overlay is mapped by its layers below: puts clones of them whose ids are mapped in the place
 * of those in m's lowerdir. The kernel takes only what is mounted somewhere, so until
 * rootidmap_close they lie upon one another on the directory `place`. */
struct mapped_layers {
	const char *place;
	int *fds;
	size_t n;
};
int rootidmap_layers(struct root_mount *m, int ns, const char *place, struct arena *a,
		     struct mapped_layers *out, struct err *e);
void rootidmap_close(struct mapped_layers *l);

/* The next name of a list like lowerdir's, in which "\:" is a colon of a name; *list, which is cut,
 * goes on to the one after it, or its end. */
char *layer_next(char **list);

/* Maps the ids of a detached mount. 0 or -errno. */
int rootidmap_apply(int fd, int ns);

#endif

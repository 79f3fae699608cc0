/* idmap.h - mounts whose ids are mapped. */
#ifndef BOX_IDMAP_H
#define BOX_IDMAP_H

#include "base/err.h"
#include "box/plan.h"

/* "CONTAINER:HOST:SIZE". */
bool idmap_parse(const char *text, struct spec_id_mapping *out);

/* A new user namespace that maps these, in which nobody lives: its fd, or -errno with e said. */
int idmap_namespace(const struct spec_id_mappings *uids, const struct spec_id_mappings *gids,
		    struct err *e);

/* The user namespace of the last mapping, which the next mount most often has too. */
struct idmap_last {
	int fd; /* -1: none */
	const struct spec_id_mappings *uids, *gids;
};

/* Maps the ids of the detached mount fd as o->mount wants it: with its own mappings, or those of
 * the plan's user namespace. */
int idmap_apply(const struct plan *p, const struct op *o, int fd, struct err *e);

/* The same for the nth mount of the spec, which the child has just cloned. */
int idmap_late(const struct plan *p, unsigned nth, int fd, struct err *e);

#endif

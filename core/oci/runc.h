/* runc.h - a container as runc's own state.json has it, so that runc finds ours, and we find its.
 */
#ifndef OCI_RUNC_H
#define OCI_RUNC_H

#include "oci/spec.h"
#include "oci/state.h"

/* Appends what runc has to know of a container to list, signal, freeze and remove it: the rest of
 * a JSON object that has begun, on a line of its own, `,"id":...}`. cgroups: the directory of each
 * controller (v2: of ""). A seccomp profile is not among it: where there is one, `runc exec` fails.
 * -E2BIG. */
#define RUNC_ID "\"id\":" /* what it begins with */
int runc_write(const struct state *s, const struct spec *spec, const struct pairs *cgroups,
	       struct arena *a, struct buf *out);

/* Whether a text may be such a file of runc's, and the record that it makes: "created", as runc
 * tells by a file beside it whether it has been started; its spec is the bundle's. */
bool runc_wrote(const char *text, size_t len);
int runc_read(const char *text, size_t len, struct arena *a, struct state *out, struct err *e);

#endif

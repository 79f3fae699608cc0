/* profile.h - the seccomp filter that containers get unless somebody says otherwise. */
#ifndef IMAGE_PROFILE_H
#define IMAGE_PROFILE_H

#include "base/arena.h"
#include "base/list.h"
#include "oci/spec.h"

/* All is allowed but what reaches beyond a container: modules, mounts, other namespaces, clocks,
 * keys, tracing, ... A capability that a call needs anyway, when it is in caps ("CAP_SYS_ADMIN"),
 * takes the call off the list. NULL at the arena's cap. */
struct spec_seccomp *profile_make(const struct strs *caps, struct arena *a);

#endif

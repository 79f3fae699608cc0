/* podconfig.h - what Kubernetes' runtime interface asks of a pod's sandbox. */
#ifndef TTRPC_PODCONFIG_H
#define TTRPC_PODCONFIG_H

#include "base/arena.h"
#include "base/err.h"
#include "oci/spec.h"
#include "pb/any.pb-c.h"
#include "pb/cri.pb-c.h"

#include <stdbool.h>

typedef Runtime__V1__PodSandboxConfig pod_config;

/* The configuration, in a. Without any (NULL) it is one that asks for nothing. A message of another
 * type is refused by name. */
int podconfig_read(const Google__Protobuf__Any *any, struct arena *a, const pod_config **out,
		   struct err *e);

#define POD_TYPE "io.kubernetes.cri.container-type" /* "sandbox", for what holds it */
#define POD_ID	 "io.kubernetes.cri.sandbox-id"

/* The container that holds its namespaces: those that are not the node's. netns: of its network,
 * made by somebody else; "": it is to be a new one. userns: the user namespace that netns belongs
 * to, as a path; NULL: a new one where it wants one. *out is NULL when the node's own will do. */
struct pod_place {
	const char *id, *netns, *userns;
};
int podconfig_spec(const pod_config *c, const struct pod_place *p, struct arena *a,
		   const struct spec **out, struct err *e);

/* Whether the pod has a user namespace, network, and ipc namespace of its own. */
bool podconfig_has_users(const pod_config *c);
bool podconfig_has_network(const pod_config *c);
bool podconfig_has_ipc(const pod_config *c);

/* The host's id of the pod's root. */
void podconfig_root(const pod_config *c, uint32_t *uid, uint32_t *gid);

/* Its cgroup's path below each hierarchy, of which its containers' are children; "": none. */
const char *podconfig_cgroup(const pod_config *c);

#endif

/* podconfig.c - what Kubernetes' runtime interface asks of a pod's sandbox. */
#include "ttrpc/podconfig.h"
#include "base/pb.h"
#include "box/hold.h"

#include <string.h>
#include <unistd.h>

#define NODE RUNTIME__V1__NAMESPACE_MODE__NODE
#define POD  RUNTIME__V1__NAMESPACE_MODE__POD

static const Runtime__V1__NamespaceOption *modes(const pod_config *c)
{
	static const Runtime__V1__NamespaceOption none = RUNTIME__V1__NAMESPACE_OPTION__INIT;
	const Runtime__V1__LinuxSandboxSecurityContext *s = c->linux ? c->linux->security_context
								     : NULL;
	return s && s->namespace_options ? s->namespace_options : &none;
}

/* Who asks for users that a pod cannot have is not to get the node's. */
static int check_users(const pod_config *c, struct err *e)
{
	const Runtime__V1__UserNamespace *u = modes(c)->userns_options;
	return !u || u->mode == POD || u->mode == NODE
		       ? 0
		       : refuse(e, EINVAL,
				"sandbox options: userns_options: mode %d: only POD and NODE are "
				"possible",
				(int)u->mode);
}

int podconfig_read(const Google__Protobuf__Any *any, struct arena *a, const pod_config **out,
		   struct err *e)
{
	const char *type = any ? pb_type_name(any->type_url) : "";
	if (*type && strcmp(type, "runtime.v1.PodSandboxConfig") != 0)
		return refuse(e, EINVAL, "sandbox options of type %s are not understood", type);
	const pod_config *c = pb_decode(&runtime__v1__pod_sandbox_config__descriptor, a,
					*type ? any->value.data : NULL, *type ? any->value.len : 0);
	if (!c)
		return refuse(e, EINVAL, "sandbox options: no valid runtime.v1.PodSandboxConfig");
	*out = c;
	return check_users(c, e);
}

bool podconfig_has_users(const pod_config *c)
{
	const Runtime__V1__UserNamespace *u = modes(c)->userns_options;
	return u && u->mode == POD;
}

bool podconfig_has_network(const pod_config *c)
{
	return modes(c)->network != NODE;
}

bool podconfig_has_ipc(const pod_config *c)
{
	return modes(c)->ipc != NODE;
}

static uint32_t host_root(Runtime__V1__IDMapping *const *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (v[i]->container_id == 0)
			return v[i]->host_id;
	return 0;
}

void podconfig_root(const pod_config *c, uint32_t *uid, uint32_t *gid)
{
	const Runtime__V1__UserNamespace *u = modes(c)->userns_options;
	bool own = podconfig_has_users(c);
	*uid = own ? host_root(u->uids, u->n_uids) : 0;
	*gid = own ? host_root(u->gids, u->n_gids) : 0;
}

const char *podconfig_cgroup(const pod_config *c)
{
	return c->linux ? c->linux->cgroup_parent : "";
}

static int add_namespace(struct spec_linux *l, const char *type, const char *path)
{
	l->namespaces.v[l->namespaces.n++] = (struct spec_namespace){ type, path };
	return 0;
}

static int add_mappings(Runtime__V1__IDMapping *const *v, size_t n, struct arena *a,
			struct spec_id_mappings *out)
{
	out->v = arena_array(a, n, sizeof(*out->v));
	for (size_t i = 0; out->v && i < n; i++)
		out->v[out->n++] = (struct spec_id_mapping){ v[i]->container_id, v[i]->host_id,
							     v[i]->length };
	return out->v || !n ? 0 : -E2BIG;
}

static int add_namespaces(const pod_config *c, const struct pod_place *p, struct arena *a,
			  struct spec_linux *l)
{
	const Runtime__V1__NamespaceOption *m = modes(c);
	l->namespaces.v = arena_array(a, 6, sizeof(*l->namespaces.v));
	if (!l->namespaces.v)
		return -E2BIG;
	if (podconfig_has_network(c)) {
		add_namespace(l, "network", *p->netns ? p->netns : NULL);
		add_namespace(l, "uts", NULL);
	}
	if (podconfig_has_ipc(c))
		add_namespace(l, "ipc", NULL);
	/* Also if each container is to have one: who joins ours all the same is not to see the
	 * node's processes. */
	if (m->pid != NODE)
		add_namespace(l, "pid", NULL);
	if (podconfig_has_users(c)) {
		const Runtime__V1__UserNamespace *u = m->userns_options;
		add_namespace(l, "user", p->userns);
		if (add_mappings(u->uids, u->n_uids, a, &l->uid_mappings) < 0 ||
		    add_mappings(u->gids, u->n_gids, a, &l->gid_mappings) < 0)
			return -E2BIG;
	}
	return 0;
}

static bool is_set(const pod_config *c, const char *key)
{
	for (size_t i = 0; c->linux && i < c->linux->n_sysctls; i++)
		if (!strcmp(c->linux->sysctls[i]->key, key))
			return true;
	return false;
}

static void add_sysctl(struct spec_linux *l, const char *key, const char *value)
{
	l->sysctl.v[l->sysctl.n++] = (struct pair){ key, value };
}

/* What containerd gives a pod with a pause container by default since 2.0: ports below 1024 and
 * ping for everybody in it. Its settings that turn this off are not told to a shim; the pod's own
 * sysctls are. */
static void add_defaults(const pod_config *c, struct spec_linux *l)
{
	static const char *const port = "net.ipv4.ip_unprivileged_port_start";
	static const char *const ping = "net.ipv4.ping_group_range";
	if (!podconfig_has_network(c) || access("/proc/sys/net/ipv4", F_OK) < 0)
		return;
	if (!is_set(c, port))
		add_sysctl(l, port, "0");
	if (!is_set(c, ping) && !podconfig_has_users(c))
		add_sysctl(l, ping, "0 2147483647");
}

static int add_sysctls(const pod_config *c, struct arena *a, struct spec_linux *l)
{
	size_t n = c->linux ? c->linux->n_sysctls : 0;
	l->sysctl.v = arena_array(a, n + 2, sizeof(*l->sysctl.v));
	if (!l->sysctl.v)
		return -E2BIG;
	for (size_t i = 0; i < n; i++)
		add_sysctl(l, c->linux->sysctls[i]->key, c->linux->sysctls[i]->value);
	add_defaults(c, l);
	return 0;
}

/* As containerd has them on a pause container. */
static int annotate(const pod_config *c, const char *id, struct arena *a, struct pairs *out)
{
	const Runtime__V1__PodSandboxMetadata *m = c->metadata;
	const struct pair all[] = {
		{ POD_TYPE, "sandbox" },
		{ POD_ID, id },
		{ "io.kubernetes.cri.sandbox-name", m ? m->name : "" },
		{ "io.kubernetes.cri.sandbox-namespace", m ? m->namespace_ : "" },
		{ "io.kubernetes.cri.sandbox-uid", m ? m->uid : "" },
	};
	out->v = arena_array(a, sizeof(all) / sizeof(all[0]), sizeof(*out->v));
	for (size_t i = 0; out->v && i < sizeof(all) / sizeof(all[0]); i++)
		out->v[out->n++] = all[i];
	return out->v ? 0 : -E2BIG;
}

/* "coracle-pod default/web": for people who look at processes. */
static struct spec_process *holder(const pod_config *c, struct arena *a)
{
	const Runtime__V1__PodSandboxMetadata *m = c->metadata;
	struct spec_process *p = arena_alloc(a, sizeof(*p));
	const char **args = arena_array(a, 2, sizeof(*args));
	if (!p || !args)
		return NULL;
	args[0] = HOLD_NAME;
	args[1] = m ? arena_printf(a, "%s/%s", m->namespace_, m->name) : NULL;
	p->args = (struct strs){ args, args[1] ? 2 : 1 };
	p->cwd = "/";
	p->no_new_privileges = true;
	p->capabilities = arena_alloc(a, sizeof(*p->capabilities));
	return p->capabilities ? p : NULL;
}

/* The spec's own checks are for its text. */
static int checked(const struct spec *s, struct arena *a, const struct spec **out, struct err *e)
{
	auto_buf text = { .max = SPEC_MAX };
	spec_write(s, 0, &text);
	if (text.failed)
		return refuse(e, E2BIG, "the sandbox's configuration is too large");
	int rc = spec_parse(text.p, text.len, a, out, e);
	return rc < 0 ? within(e, "sandbox") : 0;
}

int podconfig_spec(const pod_config *c, const struct pod_place *p, struct arena *a,
		   const struct spec **out, struct err *e)
{
	struct spec_linux l = { 0 };
	struct spec_root root = { .path = "rootfs", .readonly = true };
	struct spec s = { .oci_version = SPEC_VERSION, .root = &root, .linux_ = &l };
	*out = NULL;
	if (add_namespaces(c, p, a, &l) < 0 || add_sysctls(c, a, &l) < 0 ||
	    annotate(c, p->id, a, &s.annotations) < 0 || !(s.process = holder(c, a)))
		return refuse(e, E2BIG, "the sandbox's configuration is too large");
	if (!l.namespaces.n && !l.sysctl.n)
		return 0;
	add_namespace(&l, "mount", NULL);
	s.hostname = podconfig_has_network(c) ? c->hostname : NULL;
	return checked(&s, a, out, e);
}

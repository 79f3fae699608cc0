/* podconfig_test.c - what a pod's configuration makes of its sandbox. */
#include "tap.h"

#include "base/pb.h"
#include "ttrpc/podconfig.h"
#include "ttrpc/podfiles.h"

#include <stdlib.h>

static struct arena *a;

/* The spec of the pod that holds `c`, "NAME=PATH" of each namespace, sorted by nothing. */
static const struct spec *spec_of(const pod_config *c, const char *netns, const char *userns)
{
	const struct pod_place p = { "id", netns, userns };
	const struct spec *s = NULL;
	struct err e = { 0 };
	is_int(podconfig_spec(c, &p, a, &s, &e), 0);
	is_str(e.msg, "");
	return s;
}

static pod_config config(Runtime__V1__LinuxPodSandboxConfig *l,
			 Runtime__V1__LinuxSandboxSecurityContext *s,
			 Runtime__V1__NamespaceOption *n)
{
	pod_config c = RUNTIME__V1__POD_SANDBOX_CONFIG__INIT;
	runtime__v1__linux_pod_sandbox_config__init(l);
	runtime__v1__linux_sandbox_security_context__init(s);
	runtime__v1__namespace_option__init(n);
	c.linux = l;
	l->security_context = s;
	s->namespace_options = n;
	return c;
}

static const char *path_of(const struct spec *s, const char *type)
{
	const struct spec_namespace *n = spec_namespace(s, type);
	return !n ? "none" : n->path ? n->path : "new";
}

static void a_pod_has_namespaces_of_its_own_but_where_it_wants_the_nodes(void)
{
	Runtime__V1__LinuxPodSandboxConfig l;
	Runtime__V1__LinuxSandboxSecurityContext c;
	Runtime__V1__NamespaceOption n;
	pod_config pod = config(&l, &c, &n);
	const struct spec *s = spec_of(&pod, "/run/netns/x", NULL);
	is_str(path_of(s, "network"), "/run/netns/x");
	is_str(path_of(s, "ipc"), "new");
	is_str(path_of(s, "uts"), "new");
	is_str(path_of(s, "pid"), "new");
	is_str(path_of(s, "user"), "none");
	n.network = RUNTIME__V1__NAMESPACE_MODE__NODE;
	s = spec_of(&pod, "", NULL);
	is_str(path_of(s, "network"), "none");
	is_str(path_of(s, "uts"), "none");
	n.pid = n.ipc = RUNTIME__V1__NAMESPACE_MODE__NODE;
	ok(!spec_of(&pod, "", NULL)); /* then nobody needs to hold any */
}

/* Whoever joins what the pod holds is not to see the node's processes. */
static void a_pod_whose_containers_have_a_pid_namespace_each_has_one_too(void)
{
	Runtime__V1__LinuxPodSandboxConfig l;
	Runtime__V1__LinuxSandboxSecurityContext c;
	Runtime__V1__NamespaceOption n;
	pod_config pod = config(&l, &c, &n);
	n.pid = RUNTIME__V1__NAMESPACE_MODE__CONTAINER;
	is_str(path_of(spec_of(&pod, "", NULL), "pid"), "new");
}

static void users_of_its_own_are_mapped_as_told(void)
{
	Runtime__V1__LinuxPodSandboxConfig l;
	Runtime__V1__LinuxSandboxSecurityContext c;
	Runtime__V1__NamespaceOption n;
	Runtime__V1__UserNamespace u = RUNTIME__V1__USER_NAMESPACE__INIT;
	Runtime__V1__IDMapping m = RUNTIME__V1__IDMAPPING__INIT, *list[] = { &m };
	pod_config pod = config(&l, &c, &n);
	uint32_t uid, gid;
	m.host_id = 100000;
	m.length = 65536;
	u.uids = u.gids = list;
	u.n_uids = u.n_gids = 1;
	n.userns_options = &u;
	const struct spec *s = spec_of(&pod, "/run/netns/x", "/proc/self/fd/9");
	is_str(path_of(s, "user"), "/proc/self/fd/9");
	is_int(s->linux_->uid_mappings.n, 1);
	is_int(s->linux_->uid_mappings.v[0].host_id, 100000);
	podconfig_root(&pod, &uid, &gid);
	is_int(uid, 100000);
	is_int(gid, 100000);
	ok(!pairs_get(&s->linux_->sysctl, "net.ipv4.ping_group_range"));
	u.mode = RUNTIME__V1__NAMESPACE_MODE__NODE;
	is_str(path_of(spec_of(&pod, "", NULL), "user"), "none");
	podconfig_root(&pod, &uid, &gid);
	is_int(uid, 0);
}

/* The configuration on the wire: linux.security_context.namespace_options.userns_options.mode. */
static void users_that_a_pod_cannot_have_are_refused(void)
{
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	uint8_t wire[] = { 0x42, 8, 0x12, 6, 0x0a, 4, 0x2a, 2, 0x08, 0 };
	const pod_config *c = NULL;
	struct err e = { 0 };
	any.type_url = (char *)(uintptr_t)"runtime.v1.PodSandboxConfig";
	any.value.data = wire;
	any.value.len = sizeof(wire);
	for (unsigned mode = 0; mode < 4; mode++) {
		bool possible = mode == RUNTIME__V1__NAMESPACE_MODE__POD ||
				mode == RUNTIME__V1__NAMESPACE_MODE__NODE;
		wire[sizeof(wire) - 1] = (uint8_t)mode;
		is_int(podconfig_read(&any, a, &c, &e), possible ? 0 : -EINVAL);
		if (possible)
			is_int(podconfig_has_users(c), mode == RUNTIME__V1__NAMESPACE_MODE__POD);
	}
	has_str(e.msg, "userns_options: mode 3: only POD and NODE");
}

static void its_own_sysctls_come_before_the_usual_ones(void)
{
	Runtime__V1__LinuxPodSandboxConfig l;
	Runtime__V1__LinuxSandboxSecurityContext c;
	Runtime__V1__NamespaceOption n;
	Runtime__V1__LinuxPodSandboxConfig__SysctlsEntry one, *list[] = { &one };
	const struct pod_place p = { "id", "", NULL };
	const struct spec *s;
	struct err e = { 0 };
	pod_config pod = config(&l, &c, &n);
	runtime__v1__linux_pod_sandbox_config__sysctls_entry__init(&one);
	one.key = (char *)(uintptr_t)"net.ipv4.ip_unprivileged_port_start";
	one.value = (char *)(uintptr_t)"1024";
	l.sysctls = list;
	l.n_sysctls = 1;
	s = spec_of(&pod, "", NULL);
	is_str(pairs_get(&s->linux_->sysctl, one.key), "1024");
	one.key = (char *)(uintptr_t)"kernel.panic";
	ok(podconfig_spec(&pod, &p, a, &s, &e) < 0);
	has_str(e.msg, "kernel.panic is the whole machine's");
}

static void only_a_pods_configuration_is_one(void)
{
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	const pod_config *c = NULL;
	struct err e = { 0 };
	is_int(podconfig_read(NULL, a, &c, &e), 0);
	ok(c && podconfig_has_network(c) && podconfig_has_ipc(c) && !podconfig_has_users(c));
	any.type_url = (char *)(uintptr_t)"type.googleapis.com/runtime.v1.PodSandboxConfig";
	any.value.data = (uint8_t *)(uintptr_t)"\x12\x03web";
	any.value.len = 5;
	is_int(podconfig_read(&any, a, &c, &e), 0);
	is_str(c->hostname, "web");
	any.value.len = 4;
	ok(podconfig_read(&any, a, &c, &e) < 0);
	has_str(e.msg, "no valid runtime.v1.PodSandboxConfig");
	any.type_url = (char *)(uintptr_t)"other";
	e = (struct err){ 0 };
	ok(podconfig_read(&any, a, &c, &e) < 0);
	has_str(e.msg, "type other");
}

static void a_container_gets_the_pods_files_unless_it_has_its_own(void)
{
	static const char *options[] = { "nosuid" };
	struct spec_mount m[] = {
		{ .destination = "/dev/shm", .type = "tmpfs", .options = { options, 1 } },
		{ .destination = "/etc/hosts", .type = "bind", .source = "/own" }
	};
	struct spec_root root = { "rootfs", true };
	struct spec s = { .mounts = { m, 2 }, .root = &root };
	const struct spec *with;
	struct err e = { 0 };
	is_int(podfiles_add(&s, "/b", true, a, &with, &e), 0);
	is_int(with->mounts.n, 4);
	is_str(with->mounts.v[0].source, "/b/rootfs");
	is_str(with->mounts.v[0].type, "bind");
	is_str(with->mounts.v[1].source, "/own");
	is_str(with->mounts.v[2].destination, "/etc/hostname");
	is_str(with->mounts.v[2].source, "/b/hostname");
	ok(strs_has(&with->mounts.v[2].options, "ro"));
	is_str(with->mounts.v[3].destination, "/etc/resolv.conf");
	is_str(m[0].type, "tmpfs"); /* the original stays */
	is_int(podfiles_add(&s, "/b", false, a, &with, &e), 0);
	is_str(with->mounts.v[0].type, "tmpfs");
}

int main(void)
{
	a = arena_new((size_t)16 << 20);
	test(a_pod_has_namespaces_of_its_own_but_where_it_wants_the_nodes);
	test(a_pod_whose_containers_have_a_pid_namespace_each_has_one_too);
	test(users_of_its_own_are_mapped_as_told);
	test(users_that_a_pod_cannot_have_are_refused);
	test(its_own_sysctls_come_before_the_usual_ones);
	test(only_a_pods_configuration_is_one);
	test(a_container_gets_the_pods_files_unless_it_has_its_own);
	arena_free(a);
	return done_testing();
}

/* features.c - what this build understands, out of the tables that it works by. */
#include "container/features.h"
#include "base/json.h"
#include "box/plan.h"
#include "engine/engine.h"
#include "oci/capability.h"
#include "oci/spec.h"

#include <stdlib.h>
#include <string.h>

struct enabled {
	bool enabled;
};

struct features {
	const char *version_min, *version_max;
	struct strs hooks, mount_options, namespaces, capabilities, memory_modes, memory_flags;
	bool yes;
	struct seccomp_words seccomp;
	struct enabled apparmor, selinux, idmap, net_devices;
	struct pairs annotations;
	struct strs unsafe_annotations;
};

#define PART(name_, sub_) { .name = (name_), .type = J_STRUCT, .flags = J_KEEP, .sub = (sub_) }
#define ENABLED(member_, name_)                         \
	{ .name = (name_),                              \
	  .type = J_STRUCT,                             \
	  .flags = J_KEEP,                              \
	  .offset = offsetof(struct features, member_), \
	  .sub = enabled_fields }

static const struct json_field enabled_fields[] = {
	JSON_F(J_BOOL, enabled, enabled, "enabled", J_KEEP),
	{ 0 },
};
static const struct json_field cgroup_fields[] = {
	JSON_F(J_BOOL, features, yes, "v1", J_KEEP),
	JSON_F(J_BOOL, features, yes, "v2", J_KEEP),
	JSON_F(J_BOOL, features, yes, "systemd", J_KEEP),
	JSON_F(J_BOOL, features, yes, "systemdUser", J_KEEP),
	JSON_F(J_BOOL, features, yes, "rdma", J_KEEP),
	{ 0 },
};
static const struct json_field seccomp_fields[] = {
	JSON_F(J_BOOL, features, yes, "enabled", J_KEEP),
	JSON_F(J_STRS, features, seccomp.actions, "actions", J_KEEP),
	JSON_F(J_STRS, features, seccomp.operators, "operators", J_KEEP),
	JSON_F(J_STRS, features, seccomp.architectures, "archs", J_KEEP),
	JSON_F(J_STRS, features, seccomp.flags, "knownFlags", J_KEEP),
	JSON_F(J_STRS, features, seccomp.flags_here, "supportedFlags", J_KEEP),
	{ 0 },
};
static const struct json_field intel_rdt_fields[] = {
	JSON_F(J_BOOL, features, yes, "enabled", J_KEEP),
	JSON_F(J_BOOL, features, yes, "schemata", J_KEEP),
	JSON_F(J_BOOL, features, yes, "monitoring", J_KEEP),
	{ 0 },
};
static const struct json_field memory_policy_fields[] = {
	JSON_F(J_STRS, features, memory_modes, "modes", J_KEEP),
	JSON_F(J_STRS, features, memory_flags, "flags", J_KEEP),
	{ 0 },
};
static const struct json_field extension_fields[] = {
	ENABLED(idmap, "idmap"),
	{ 0 },
};
static const struct json_field linux_fields[] = {
	JSON_F(J_STRS, features, namespaces, "namespaces", J_KEEP),
	JSON_F(J_STRS, features, capabilities, "capabilities", J_KEEP),
	PART("cgroup", cgroup_fields),
	PART("seccomp", seccomp_fields),
	ENABLED(apparmor, "apparmor"),
	ENABLED(selinux, "selinux"),
	PART("intelRdt", intel_rdt_fields),
	PART("memoryPolicy", memory_policy_fields),
	PART("mountExtensions", extension_fields),
	ENABLED(net_devices, "netDevices"),
	{ 0 },
};
static const struct json_field features_fields[] = {
	JSON_F(J_STR, features, version_min, "ociVersionMin", J_KEEP),
	JSON_F(J_STR, features, version_max, "ociVersionMax", J_KEEP),
	JSON_F(J_STRS, features, hooks, "hooks", J_KEEP),
	JSON_F(J_STRS, features, mount_options, "mountOptions", J_KEEP),
	PART("linux", linux_fields),
	JSON_F(J_PAIRS, features, annotations, "annotations", J_KEEP),
	JSON(J_STRS, features, unsafe_annotations, "potentiallyUnsafeConfigAnnotations"),
	{ 0 },
};

/* A field of config.json by its path of names; NULL: nobody reads it. */
static const struct json_field *field(const char *const *path)
{
	const struct json_field *f = NULL, *table = spec_fields;
	for (; *path && table; path++, table = f->sub) {
		for (f = table; f->name && strcmp(f->name, *path) != 0; f++)
			;
		if (!f->name)
			return NULL;
	}
	return f;
}

static bool reads(const char *name)
{
	return field((const char *const[]){ "linux", name, NULL }) != NULL;
}

/* The names of a table are the words themselves. */
static int names(const struct json_field *table, struct arena *a, struct strs *out)
{
	size_t n = 0;
	while (table[n].name)
		n++;
	out->v = arena_array(a, n + 1, sizeof(*out->v));
	for (out->n = 0; out->v && out->n < n; out->n++)
		out->v[out->n] = table[out->n].name;
	return out->v ? 0 : -E2BIG;
}

static int capabilities(struct arena *a, struct strs *out)
{
	out->v = arena_array(a, CAPABILITIES + 1, sizeof(*out->v));
	for (out->n = 0; out->v && out->n < CAPABILITIES; out->n++)
		out->v[out->n] = capability_name((int)out->n);
	return out->v ? 0 : -E2BIG;
}

static int memory_policy(struct features *f, struct arena *a)
{
	static const char *const flags[] = { "MPOL_F_NUMA_BALANCING", "MPOL_F_RELATIVE_NODES",
					     "MPOL_F_STATIC_NODES" };
	const size_t count = sizeof(flags) / sizeof(flags[0]);
	size_t n = 0;
	while (spec_memory_modes[n])
		n++;
	f->memory_modes = (struct strs){ arena_array(a, n + 1, sizeof(char *)), n };
	f->memory_flags = (struct strs){ arena_array(a, count, sizeof(char *)), 0 };
	if (!f->memory_modes.v || !f->memory_flags.v)
		return -E2BIG;
	memcpy(f->memory_modes.v, spec_memory_modes, n * sizeof(char *));
	for (size_t i = 0; i < count; i++)
		if (spec_memory_flag(flags[i]) > 0)
			f->memory_flags.v[f->memory_flags.n++] = flags[i];
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int collect(struct features *f, struct arena *a)
{
	int rc = names(field((const char *const[]){ "hooks", NULL })->sub, a, &f->hooks);
	if (rc == 0)
		rc = mount_options_known(a, &f->mount_options);
	if (rc == 0)
		rc = capabilities(a, &f->capabilities);
	if (rc == 0)
		rc = seccomp_words(a, &f->seccomp);
	if (rc == 0)
		rc = memory_policy(f, a);
	if (rc == 0)
		qsort(f->mount_options.v, f->mount_options.n, sizeof(char *), by_name);
	return rc;
}

int features_write(struct buf *out, struct err *e)
{
	static const char *kinds[] = { "cgroup", "ipc",	 "mount", "network",
				       "pid",	 "time", "user",  "uts" };
	static const char *unsafe[] = { "org.systemd.property.", "run.oci.", "org.criu.config" };
	const struct engine *native;
	auto_arena *a = arena_new((size_t)1 << 20);
	int rc = a ? engine_find(NULL, &native, e) : fail(e, ENOMEM, "features");
	if (rc < 0)
		return rc;
	bool checkpoint = native->capabilities & ENGINE_CHECKPOINT;
	struct features f = {
		.version_min = "1.0.0",
		.version_max = SPEC_VERSION,
		.namespaces = { kinds, sizeof(kinds) / sizeof(kinds[0]) },
		.yes = true,
		.apparmor = { true },
		.selinux = { true },
		.net_devices = { reads("netDevices") },
	};
	rc = collect(&f, a);
	if (rc < 0)
		return fail(e, rc, "features");
	struct pair annotations[] = {
		{ "org.opencontainers.runc.checkpoint.enabled", checkpoint ? "true" : "false" },
		{ "io.github.seccomp.libseccomp.version", f.seccomp.library },
		{ "coracle.version", CORACLE_VERSION },
	};
	f.annotations = (struct pairs){ annotations, sizeof(annotations) / sizeof(annotations[0]) };
	f.unsafe_annotations = (struct strs){ unsafe, checkpoint ? 3 : 2 };
	f.idmap.enabled = strs_has(&f.mount_options, "idmap");
	json_write(out, features_fields, &f, 4);
	buf_char(out, '\n');
	return out->failed ? fail(e, ENOMEM, "features") : 0;
}

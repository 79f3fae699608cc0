/* runc.c - a container as runc's own state.json has it. */
#include "oci/runc.h"

#include <string.h>

#define NS_PER_S INT64_C(1000000000)
#define LINES	 3900			  /* bytes, as most have with a state after it */
#define NOTHING	 "{\"devices\":[]}"	  /* limits are asked of the kernel, but may not be null */
#define NOT_ITS	 "{\"default_action\":0}" /* no action of runc's, so no process without a filter */

/* Of libcontainer's State, and of its Config, what is used of a container that exists. */
struct runc_namespace {
	const char *type, *path;
};
struct runc_hooks {
	struct spec_hook_list poststart, poststop;
};
struct runc_config {
	const char *rootfs, *version, *cgroups, *seccomp;
	struct {
		struct runc_namespace *v;
		size_t n;
	} namespaces;
	struct strs labels;
	struct spec_id_mappings uids, gids;
	struct runc_hooks hooks;
	bool no_new_keyring;
};
struct runc_state {
	const char *id;
	int pid;
	uint64_t start_time;
	struct timespec created;
	struct runc_config config;
	struct pairs cgroup_paths;
};

static const struct json_field namespace_fields[] = {
	JSON(J_STR, runc_namespace, type, "type"),
	JSON(J_STR, runc_namespace, path, "path"),
	{ 0 },
};

static const struct json_field mapping_fields[] = {
	JSON_F(J_U32, spec_id_mapping, container_id, "container_id", J_KEEP),
	JSON_F(J_U32, spec_id_mapping, host_id, "host_id", J_KEEP),
	JSON_F(J_U32, spec_id_mapping, size, "size", J_KEEP),
	{ 0 },
};

static const struct json_field hook_fields[] = {
	JSON(J_STR, spec_hook, path, "path"),
	JSON(J_STRS, spec_hook, args, "args"),
	JSON(J_STRS, spec_hook, env, "env"),
	JSON(J_OPT_I64, spec_hook, timeout, "timeout"), /* nanoseconds */
	{ 0 },
};

static const struct json_field hooks_fields[] = {
	JSON_SUB(J_LIST, runc_hooks, poststart, "poststart", hook_fields, spec_hook),
	JSON_SUB(J_LIST, runc_hooks, poststop, "poststop", hook_fields, spec_hook),
	{ 0 },
};

static const struct json_field config_fields[] = {
	JSON(J_STR, runc_config, rootfs, "rootfs"),
	JSON(J_STR, runc_config, version, "version"),
	JSON(J_RAW, runc_config, cgroups, "cgroups"),
	JSON_SUB(J_LIST, runc_config, namespaces, "namespaces", namespace_fields, runc_namespace),
	JSON(J_STRS, runc_config, labels, "labels"),
	JSON_SUB(J_LIST, runc_config, uids, "uid_mappings", mapping_fields, spec_id_mapping),
	JSON_SUB(J_LIST, runc_config, gids, "gid_mappings", mapping_fields, spec_id_mapping),
	JSON(J_RAW, runc_config, seccomp, "seccomp"),
	JSON_SUB(J_STRUCT, runc_config, hooks, "Hooks", hooks_fields, runc_hooks),
	JSON(J_BOOL, runc_config, no_new_keyring, "no_new_keyring"),
	{ 0 },
};

static const struct json_field state_fields_of_runc[] = {
	JSON_F(J_STR, runc_state, id, "id", J_REQUIRED),
	JSON_F(J_INT, runc_state, pid, "init_process_pid", J_REQUIRED),
	JSON_F(J_U64, runc_state, start_time, "init_process_start", J_REQUIRED),
	JSON_F(J_TIME, runc_state, created, "created", J_REQUIRED),
	JSON_SUB(J_STRUCT, runc_state, config, "config", config_fields, runc_config),
	JSON_F(J_PAIRS, runc_state, cgroup_paths, "cgroup_paths", J_KEEP),
	{ 0 },
};

static const struct pair kinds[] = {
	{ "pid", "NEWPID" },   { "network", "NEWNET" },	  { "mount", "NEWNS" },
	{ "ipc", "NEWIPC" },   { "uts", "NEWUTS" },	  { "user", "NEWUSER" },
	{ "time", "NEWTIME" }, { "cgroup", "NEWCGROUP" },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static int add_namespaces(const struct spec *spec, struct arena *a, struct runc_config *out)
{
	size_t n = spec->linux_->namespaces.n;
	out->namespaces.v = arena_array(a, n, sizeof(*out->namespaces.v));
	for (size_t i = 0; out->namespaces.v && i < n; i++)
		out->namespaces.v[i] = (struct runc_namespace){
			pairs_get(&(struct pairs){ (struct pair *)(uintptr_t)kinds, KINDS },
				  spec->linux_->namespaces.v[i].type),
			spec->linux_->namespaces.v[i].path,
		};
	out->namespaces.n = n;
	return out->namespaces.v ? 0 : -E2BIG;
}

/* "bundle" is not to be had by an annotation: the last counts. */
static int add_labels(const struct state *s, struct arena *a, struct runc_config *out)
{
	size_t n = s->annotations.n;
	out->labels.v = arena_array(a, n + 1, sizeof(*out->labels.v));
	for (size_t i = 0; out->labels.v && i < n; i++)
		if (!(out->labels.v[i] = arena_printf(a, "%s=%s", s->annotations.v[i].key,
						      s->annotations.v[i].value)))
			return -E2BIG;
	if (!out->labels.v || !(out->labels.v[n] = arena_printf(a, "bundle=%s", s->bundle)))
		return -E2BIG;
	out->labels.n = n + 1;
	return 0;
}

static int add_hooks(const struct spec *spec, struct arena *a, struct runc_config *out)
{
	const struct spec_hook_list *from = spec->hooks ? &spec->hooks->poststop : NULL;
	if (!from || !from->n)
		return 0;
	struct spec_hook *v = arena_array(a, from->n, sizeof(*v));
	for (size_t i = 0; v && i < from->n; i++) {
		v[i] = from->v[i];
		if (v[i].timeout.v > INT64_MAX / NS_PER_S)
			v[i].timeout = (struct opt_i64){ 0 };
		v[i].timeout.v *= NS_PER_S;
	}
	out->hooks.poststop = (struct spec_hook_list){ v, from->n };
	return v ? 0 : -E2BIG;
}

int runc_write(const struct state *s, const struct spec *spec, const struct pairs *cgroups,
	       struct arena *a, struct buf *out)
{
	struct runc_state now = {
		.id = s->id,
		.pid = s->pid,
		.start_time = s->start_time,
		.created = s->created,
		.config = {
			.rootfs = s->rootfs,
			.version = s->oci_version,
			.cgroups = NOTHING,
			.seccomp = spec->linux_->seccomp ? NOT_ITS : NULL,
			.uids = spec->linux_->uid_mappings,
			.gids = spec->linux_->gid_mappings,
			.no_new_keyring = s->no_new_keyring,
		},
		.cgroup_paths = *cgroups,
	};
	if (add_namespaces(spec, a, &now.config) < 0 || add_labels(s, a, &now.config) < 0 ||
	    add_hooks(spec, a, &now.config) < 0)
		return -E2BIG;
	buf_room(out, LINES); /* at once, and not by halves */
	buf_char(out, '\n');
	size_t at = out->len;
	json_write(out, state_fields_of_runc, &now, 0);
	if (!out->failed)
		out->p[at] = ',';
	return out->failed ? -E2BIG : 0;
}

bool runc_wrote(const char *text, size_t len)
{
	static const char begin[] = "{" RUNC_ID;
	return len >= sizeof(begin) - 1 && !memcmp(text, begin, sizeof(begin) - 1);
}

static int take_labels(const struct strs *labels, struct arena *a, struct state *out)
{
	struct pair *v = arena_array(a, labels->n, sizeof(*v));
	if (!v)
		return -E2BIG;
	out->annotations.v = v;
	for (size_t i = 0; i < labels->n; i++) {
		const char *equals = strchr(labels->v[i], '=');
		char *key = equals ? arena_strn(a, labels->v[i], (size_t)(equals - labels->v[i]))
				   : NULL;
		if (equals && !key)
			return -E2BIG;
		if (key && !strcmp(key, "bundle"))
			out->bundle = equals + 1;
		else if (key)
			v[out->annotations.n++] = (struct pair){ key, equals + 1 };
	}
	return 0;
}

static int take_namespaces(const struct runc_config *c, struct arena *a, struct state *out)
{
	const char **v = arena_array(a, c->namespaces.n * KINDS, sizeof(*v));
	out->namespaces.v = v;
	for (size_t i = 0; v && i < c->namespaces.n; i++)
		for (size_t k = 0; k < KINDS; k++)
			if (c->namespaces.v[i].type && !c->namespaces.v[i].path &&
			    !strcmp(c->namespaces.v[i].type, kinds[k].value))
				v[out->namespaces.n++] = kinds[k].key;
	return v ? 0 : -E2BIG;
}

/* Controllers that are mounted together have one. */
static int take_cgroups(const struct pairs *paths, struct arena *a, struct state *out)
{
	const char **v = arena_array(a, paths->n, sizeof(*v));
	out->cgroups.v = v;
	for (size_t i = 0; v && i < paths->n; i++)
		if (paths->v[i].value && !strs_has(&out->cgroups, paths->v[i].value))
			v[out->cgroups.n++] = paths->v[i].value;
	return v ? 0 : -E2BIG;
}

int runc_read(const char *text, size_t len, struct arena *a, struct state *out, struct err *e)
{
	struct runc_state r = { 0 };
	int rc = json_read(text, len, state_fields_of_runc, &r, a, e);
	if (rc < 0)
		return rc;
	struct state s = {
		.version = STATE_VERSION,
		.id = r.id,
		.oci_version = r.config.version,
		.status = status_name(STATUS_CREATED),
		.pid = r.pid,
		.start_time = r.start_time,
		.rootfs = r.config.rootfs,
		.no_new_keyring = r.config.no_new_keyring,
		.hooks = r.config.hooks.poststart.n || r.config.hooks.poststop.n,
		.created = r.created,
	};
	if (take_labels(&r.config.labels, a, &s) < 0 || take_namespaces(&r.config, a, &s) < 0 ||
	    take_cgroups(&r.cgroup_paths, a, &s) < 0)
		return refuse(e, E2BIG, "too large");
	if (!*s.id || !s.bundle || s.pid <= 0)
		return refuse(e, EINVAL, "no record of runc's");
	*out = s;
	return 0;
}

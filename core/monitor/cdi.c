/* cdi.c - a file of the Container Device Interface: read, checked, put into a spec. */
#include "monitor/cdi.h"
#include "base/yaml.h"
#include "image/bundle.h"
#include "monitor/runspec.h"

#include <string.h>

static const struct json_field node_fields[] = {
	JSON(J_STR, cdi_node, device.path, "path"),
	JSON(J_STR, cdi_node, host, "hostPath"),
	JSON(J_STR, cdi_node, device.type, "type"),
	JSON(J_I64, cdi_node, device.major, "major"),
	JSON(J_I64, cdi_node, device.minor, "minor"),
	JSON(J_OPT_U64, cdi_node, device.file_mode, "fileMode"),
	JSON(J_STR, cdi_node, permissions, "permissions"),
	JSON(J_OPT_I64, cdi_node, device.uid, "uid"),
	JSON(J_OPT_I64, cdi_node, device.gid, "gid"),
	{ 0 },
};

static const struct json_field mount_fields[] = {
	JSON(J_STR, cdi_mount, host, "hostPath"),
	JSON(J_STR, cdi_mount, path, "containerPath"),
	JSON(J_STR, cdi_mount, type, "type"),
	JSON(J_STRS, cdi_mount, options, "options"),
	{ 0 },
};

static const struct json_field hook_fields[] = {
	JSON(J_STR, cdi_hook, name, "hookName"),
	JSON(J_STR, cdi_hook, hook.path, "path"),
	JSON(J_STRS, cdi_hook, hook.args, "args"),
	JSON(J_STRS, cdi_hook, hook.env, "env"),
	JSON(J_OPT_I64, cdi_hook, hook.timeout, "timeout"),
	{ 0 },
};

static const struct json_field net_fields[] = {
	JSON(J_STR, cdi_net, host, "hostInterfaceName"),
	JSON(J_STR, cdi_net, name, "name"),
	{ 0 },
};

static const struct json_field edits_fields[] = {
	JSON(J_STRS, cdi_edits, env, "env"),
	JSON_SUB(J_LIST, cdi_edits, nodes, "deviceNodes", node_fields, cdi_node),
	JSON_SUB(J_LIST, cdi_edits, mounts, "mounts", mount_fields, cdi_mount),
	JSON_SUB(J_LIST, cdi_edits, hooks, "hooks", hook_fields, cdi_hook),
	JSON_SUB(J_LIST, cdi_edits, nets, "netDevices", net_fields, cdi_net),
	JSON(J_U32S, cdi_edits, gids, "additionalGids"),
	JSON_SUB(J_PTR, cdi_edits, rdt, "intelRdt", spec_intel_rdt_fields, spec_intel_rdt),
	{ 0 },
};

static const struct json_field device_fields[] = {
	JSON(J_STR, cdi_device, name, "name"),
	JSON_SUB(J_STRUCT, cdi_device, edits, "containerEdits", edits_fields, cdi_edits),
	{ 0 },
};

static const struct json_field cdi_fields[] = {
	JSON(J_STR, cdi, version, "cdiVersion"),
	JSON(J_STR, cdi, kind, "kind"),
	JSON_SUB(J_STRUCT, cdi, edits, "containerEdits", edits_fields, cdi_edits),
	JSON_SUB(J_LIST, cdi, devices, "devices", device_fields, cdi_device),
	{ 0 },
};

/* Letters and digits, inside also those of more. */
static bool is_word(const char *s, size_t n, const char *more)
{
	for (size_t i = 0; i < n; i++) {
		bool letter = (s[i] | 0x20) >= 'a' && (s[i] | 0x20) <= 'z';
		bool digit = s[i] >= '0' && s[i] <= '9';
		if (!letter && !digit && (!i || i == n - 1 || !strchr(more, s[i])))
			return false;
	}
	return n > 0;
}

/* "vendor.com/class", which begin with letters */
static bool is_kind(const char *s, size_t n)
{
	const char *slash = memchr(s, '/', n);
	size_t vendor = slash ? (size_t)(slash - s) : 0;
	return vendor && *s > '9' && slash[1] > '9' && is_word(s, vendor, "_-.") &&
	       is_word(slash + 1, n - vendor - 1, "_-.");
}

static bool is_device(const char *s)
{
	return s && is_word(s, strlen(s), "_-.:");
}

bool cdi_is_name(const char *text)
{
	size_t n = strcspn(text, "=");
	return text[n] && is_kind(text, n) && is_device(text + n + 1);
}

static bool is_path(const char *s)
{
	return s && *s == '/';
}

static const struct {
	const char *name;
	size_t offset;
} hooks[] = {
	{ "prestart", offsetof(struct spec_hooks, prestart) },
	{ "createRuntime", offsetof(struct spec_hooks, create_runtime) },
	{ "createContainer", offsetof(struct spec_hooks, create_container) },
	{ "startContainer", offsetof(struct spec_hooks, start_container) },
	{ "poststart", offsetof(struct spec_hooks, poststart) },
	{ "poststop", offsetof(struct spec_hooks, poststop) },
};

/* The list that a hook goes to, NULL for an unknown name. */
static struct spec_hook_list *hook_list(struct spec_hooks *to, const char *name)
{
	for (size_t i = 0; i < sizeof(hooks) / sizeof(hooks[0]); i++)
		if (name && !strcmp(hooks[i].name, name))
			return (struct spec_hook_list *)((char *)to + hooks[i].offset);
	return NULL;
}

static bool node_good(const struct cdi_node *n)
{
	const struct spec_device *d = &n->device;
	const char *type = d->type ? d->type : "";
	return is_path(d->path) && (!n->host || is_path(n->host)) && strlen(type) <= 1 &&
	       strspn(type, "bcup") == strlen(type) &&
	       (!n->permissions || strspn(n->permissions, "rwm") == strlen(n->permissions)) &&
	       d->major >= 0 && d->minor >= 0 && d->major <= UINT32_MAX && d->minor <= UINT32_MAX &&
	       (!d->uid.set || (d->uid.v >= 0 && d->uid.v < UINT32_MAX)) &&
	       (!d->gid.set || (d->gid.v >= 0 && d->gid.v < UINT32_MAX));
}

/* What is wrong with the edits; NULL: nothing. */
static const char *edits_check(const struct cdi_edits *d)
{
	struct spec_hooks none = { 0 };
	for (size_t i = 0; i < d->env.n; i++)
		if (!strchr(d->env.v[i], '=') || *d->env.v[i] == '=')
			return "env: not NAME=VALUE";
	for (size_t i = 0; i < d->nodes.n; i++)
		if (!node_good(&d->nodes.v[i]))
			return "deviceNodes: path, type, number, permissions or owner is not good";
	for (size_t i = 0; i < d->mounts.n; i++)
		if (!d->mounts.v[i].host || !is_path(d->mounts.v[i].path))
			return "mounts: hostPath and an absolute containerPath are needed";
	for (size_t i = 0; i < d->hooks.n; i++)
		if (!hook_list(&none, d->hooks.v[i].name) || !is_path(d->hooks.v[i].hook.path))
			return "hooks: a known hookName and an absolute path are needed";
	for (size_t i = 0; i < d->nets.n; i++)
		if (!d->nets.v[i].host || !*d->nets.v[i].host)
			return "netDevices: hostInterfaceName is needed";
	return NULL;
}

/* 0.1.0 to 0.8.0, 1.0.0 and 1.1.0 */
static bool version_good(const char *s)
{
	return s && strlen(s) == 5 && s[1] == '.' && !strcmp(s + 3, ".0") &&
	       ((s[0] == '0' && s[2] >= '1' && s[2] <= '8') ||
		(s[0] == '1' && (s[2] == '0' || s[2] == '1')));
}

static const char *devices_check(const struct cdi *c)
{
	const char *wrong = c->devices.n ? NULL : "devices: there is none";
	for (size_t i = 0; !wrong && i < c->devices.n; i++) {
		wrong = is_device(c->devices.v[i].name) ? edits_check(&c->devices.v[i].edits)
							: "devices: a name is none";
		for (size_t k = 0; !wrong && k < i; k++)
			if (!strcmp(c->devices.v[i].name, c->devices.v[k].name))
				wrong = "devices: a name is there twice";
	}
	return wrong;
}

int cdi_parse(const char *text, size_t len, struct arena *a, struct cdi *out, struct err *e)
{
	struct cdi c = { 0 };
	int rc = json_read(text, len, cdi_fields, &c, a, e);
	if (rc < 0)
		return rc;
	if (!version_good(c.version))
		return refuse(e, EINVAL, "cdiVersion: '%.40s' is none of 0.1.0 to 1.1.0",
			      c.version ? c.version : "");
	const char *wrong = c.kind && is_kind(c.kind, strlen(c.kind))
				    ? edits_check(&c.edits)
				    : "kind: not as in vendor.com/class";
	wrong = wrong ? wrong : devices_check(&c);
	if (wrong)
		return refuse(e, EINVAL, "%s", wrong);
	*out = c;
	return 0;
}

int cdi_parse_yaml(const char *text, size_t len, struct arena *a, struct cdi *out, struct err *e)
{
	auto_buf json = { 0 };
	int rc = yaml_to_json(text, len, cdi_fields, &json, e);
	return rc < 0 ? rc : cdi_parse(json.p, json.len, a, out, e);
}

/* A file may say of a device what it is, or leave that to the host's. */
static int add_node(struct spec *s, const struct cdi_node *n, struct arena *a, struct err *e)
{
	const struct spec_user *u = &s->process->user;
	struct device_grant g = { n->device, n->host ? n->host : n->device.path,
				  n->permissions ? n->permissions : "rwm" };
	struct spec_device here = { 0 }, *d = &g.device;
	if (d->type && *d->type == 'u')
		d->type = "c"; /* another word for it, which rules do not know */
	if (!d->type || (!d->major && *d->type != 'p')) {
		int rc = device_look(g.host, &here);
		if (rc < 0)
			return fail(e, rc, "device node %s", g.host);
		if (d->type && *d->type != *here.type)
			return refuse(e, EINVAL, "device node %s is not of type %s", g.host,
				      d->type);
		d->type = here.type;
		d->major = here.major;
		d->minor = here.minor;
	}
	if (!d->uid.set && u->uid)
		d->uid = (struct opt_i64){ true, u->uid };
	if (!d->gid.set && u->gid)
		d->gid = (struct opt_i64){ true, u->gid };
	return device_grant(s, &g, a) < 0 ? fail(e, E2BIG, "device nodes") : 0;
}

static int no_room(struct err *e)
{
	return fail(e, E2BIG, "containerEdits");
}

static int add_env(struct strs *env, const struct strs *more, struct arena *a, struct err *e)
{
	env->v = list_grow(a, env->v, env->n, more->n, sizeof(*env->v));
	for (size_t i = 0; env->v && i < more->n; i++)
		env_set(env, more->v[i]);
	return env->v ? 0 : no_room(e);
}

static int add_mounts(struct spec *s, const struct cdi_edits *d, struct arena *a, struct err *e)
{
	for (size_t i = 0; i < d->mounts.n; i++) {
		const struct cdi_mount *m = &d->mounts.v[i];
		struct spec_mount *to = LIST_ADD(a, &s->mounts);
		if (!to)
			return no_room(e);
		*to = (struct spec_mount){ .destination = m->path,
					   .source = m->host,
					   .type = m->type ? m->type : "bind",
					   .options = m->options };
	}
	return 0;
}

static int add_hooks(struct spec *s, const struct cdi_edits *d, struct arena *a, struct err *e)
{
	if (d->hooks.n && !s->hooks)
		s->hooks = arena_alloc(a, sizeof(*s->hooks));
	for (size_t i = 0; i < d->hooks.n; i++) {
		struct spec_hook_list *l = s->hooks ? hook_list(s->hooks, d->hooks.v[i].name)
						    : NULL;
		struct spec_hook *to = l ? LIST_ADD(a, l) : NULL;
		if (!to)
			return no_room(e);
		*to = d->hooks.v[i].hook;
	}
	return 0;
}

int cdi_edit(struct spec *s, const struct cdi_edits *d, struct arena *a, struct err *e)
{
	int rc = d->env.n ? add_env(&s->process->env, &d->env, a, e) : 0;
	for (size_t i = 0; rc == 0 && i < d->nodes.n; i++)
		rc = add_node(s, &d->nodes.v[i], a, e);
	if (rc == 0)
		rc = add_mounts(s, d, a, e);
	if (rc == 0)
		rc = add_hooks(s, d, a, e);
	for (size_t i = 0; rc == 0 && i < d->gids.n; i++)
		if (d->gids.v[i] && group_add(&s->process->user, d->gids.v[i], a) < 0)
			rc = no_room(e);
	for (size_t i = 0; rc == 0 && i < d->nets.n; i++) {
		struct spec_net_device *to = LIST_ADD(a, &s->linux_->net_devices);
		rc = to ? 0 : no_room(e);
		if (to)
			*to = (struct spec_net_device){ d->nets.v[i].host, d->nets.v[i].name };
	}
	if (d->rdt)
		s->linux_->intel_rdt = d->rdt;
	return rc;
}

/* options_toml.c - runtime options as containerd's configuration has them: flat keys of TOML with a
 * boolean, a number or a string. */
#include "ttrpc/options_toml.h"
#include "base/log.h"
#include "base/toml.h"

#include <stddef.h>
#include <string.h>

static const struct {
	const char *name;
	enum toml_kind kind;
	size_t offset;
} keys[] = {
	{ "NoPivotRoot", TOML_FLAG, offsetof(struct runtime_options, no_pivot_root) },
	{ "NoNewKeyring", TOML_FLAG, offsetof(struct runtime_options, no_new_keyring) },
	{ "SystemdCgroup", TOML_FLAG, offsetof(struct runtime_options, systemd_cgroup) },
	{ "ShimCgroup", TOML_STRING, offsetof(struct runtime_options, shim_cgroup) },
	{ "BinaryName", TOML_STRING, offsetof(struct runtime_options, binary) },
	{ "Root", TOML_STRING, offsetof(struct runtime_options, root) },
	{ "CriuWorkPath", TOML_STRING, offsetof(struct runtime_options, criu_work_path) },
	{ "IoUid", TOML_NUMBER, offsetof(struct runtime_options, io_uid) },
	{ "IoGid", TOML_NUMBER, offsetof(struct runtime_options, io_gid) },
};

static int set(const struct toml *v, struct runtime_options *o, struct err *e)
{
	static const char *const wanted[] = { [TOML_FLAG] = "true or false",
					      [TOML_NUMBER] = "a number",
					      [TOML_STRING] = "a string" };
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		char *to = (char *)o + keys[i].offset;
		uint32_t number = (uint32_t)v->number;
		if (strcmp(keys[i].name, v->key) != 0)
			continue;
		if (v->kind != keys[i].kind)
			return refuse(e, EINVAL, "line %u: %s must be %s", v->line, v->key,
				      wanted[keys[i].kind]);
		if (v->kind == TOML_NUMBER && number != v->number)
			return refuse(e, EINVAL, "line %u: %s is out of range", v->line, v->key);
		if (v->kind == TOML_FLAG)
			memcpy(to, &v->flag, sizeof(v->flag));
		else if (v->kind == TOML_NUMBER)
			memcpy(to, &number, sizeof(number));
		else
			memcpy(to, &v->string, sizeof(v->string));
		return 0;
	}
	log_warn("runtime options: %s is not known", v->key);
	return 0;
}

int options_toml_parse(const char *text, size_t n, struct arena *a, struct runtime_options *out,
		       struct err *e)
{
	struct runtime_options o = *out;
	struct toml all;
	int rc = toml_parse(text, n, a, &all, e);
	for (const struct toml *v = all.first; rc == 0 && v; v = v->next)
		rc = set(v, &o, e);
	if (rc < 0)
		return within(e, "runtime options");
	*out = o;
	return 0;
}

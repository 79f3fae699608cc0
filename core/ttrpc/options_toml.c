/* options_toml.c - runtime options as containerd's configuration has them: TOML, of which flat keys
 * with a boolean, a number or a string are read. */
#include "ttrpc/options_toml.h"
#include "base/buf.h"
#include "base/log.h"

#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum kind { FLAG, NUMBER, STRING };

static const struct {
	const char *name;
	enum kind kind;
	size_t offset;
} keys[] = {
	{ "NoPivotRoot", FLAG, offsetof(struct runtime_options, no_pivot_root) },
	{ "NoNewKeyring", FLAG, offsetof(struct runtime_options, no_new_keyring) },
	{ "SystemdCgroup", FLAG, offsetof(struct runtime_options, systemd_cgroup) },
	{ "ShimCgroup", STRING, offsetof(struct runtime_options, shim_cgroup) },
	{ "BinaryName", STRING, offsetof(struct runtime_options, binary) },
	{ "Root", STRING, offsetof(struct runtime_options, root) },
	{ "CriuWorkPath", STRING, offsetof(struct runtime_options, criu_work_path) },
	{ "IoUid", NUMBER, offsetof(struct runtime_options, io_uid) },
	{ "IoGid", NUMBER, offsetof(struct runtime_options, io_gid) },
};

struct value {
	enum kind kind;
	bool flag;
	uint32_t number;
	const char *string;
};

static void skip_space(const char **p)
{
	*p += strspn(*p, " \t\r");
}

static bool ends(const char *p)
{
	skip_space(&p);
	return !*p || *p == '#';
}

/* After a quote, up to the same one; NULL: there is none, or an escape that is not known. */
static const char *read_string(const char **at, char quote, struct arena *a)
{
	auto_buf out = { 0 };
	const char *p = *at;
	for (; *p && *p != quote; p++) {
		char c = *p;
		if (c == '\\' && quote == '"') {
			static const char from[] = "btnfr\"\\", to[] = "\b\t\n\f\r\"\\";
			const char *known = p[1] ? strchr(from, p[1]) : NULL;
			if (!known)
				return NULL;
			c = to[known - from];
			p++;
		}
		buf_char(&out, c);
	}
	if (*p != quote || out.failed)
		return NULL;
	*at = p + 1;
	return arena_strn(a, out.p ? out.p : "", out.len);
}

static bool read_number(const char **at, uint32_t *out)
{
	uint64_t n = 0;
	const char *p = *at;
	for (; isdigit((unsigned char)*p) || (*p == '_' && p > *at); p++)
		if (*p != '_' && (n = n * 10 + (uint64_t)(*p - '0')) > UINT32_MAX)
			return false;
	bool some = p > *at;
	*at = p;
	*out = (uint32_t)n;
	return some;
}

static bool read_value(const char **at, struct arena *a, struct value *out)
{
	const char *p = *at;
	if (*p == '"' || *p == '\'') {
		p++;
		out->kind = STRING;
		out->string = read_string(&p, p[-1], a);
		*at = p;
		return out->string;
	}
	if (!strncmp(p, "true", 4) || !strncmp(p, "false", 5)) {
		out->kind = FLAG;
		out->flag = *p == 't';
		*at = p + (out->flag ? 4 : 5);
		return true;
	}
	out->kind = NUMBER;
	return read_number(at, &out->number);
}

static int set(const char *name, const struct value *v, struct runtime_options *o, struct err *e)
{
	static const char *const wanted[] = { "true or false", "a number", "a string" };
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		char *to = (char *)o + keys[i].offset;
		if (strcmp(keys[i].name, name) != 0)
			continue;
		if (v->kind != keys[i].kind)
			return refuse(e, EINVAL, "%s must be %s", name, wanted[keys[i].kind]);
		if (v->kind == FLAG)
			memcpy(to, &v->flag, sizeof(v->flag));
		else if (v->kind == NUMBER)
			memcpy(to, &v->number, sizeof(v->number));
		else
			memcpy(to, &v->string, sizeof(v->string));
		return 0;
	}
	log_warn("runtime options: %s is not known", name);
	return 0;
}

static int read_line(const char *p, struct arena *a, struct runtime_options *o, struct err *e)
{
	struct value v = { 0 };
	const char *name = NULL;
	if (*p == '"' || *p == '\'') {
		p++;
		name = read_string(&p, p[-1], a);
	} else {
		size_t n = strspn(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "0123456789_-");
		name = n ? arena_strn(a, p, n) : NULL;
		p += n;
	}
	skip_space(&p);
	if (!name || *p != '=')
		return refuse(e, EINVAL, "expected KEY = VALUE");
	p++;
	skip_space(&p);
	if (!read_value(&p, a, &v) || !ends(p))
		return refuse(e, EINVAL, "%s: not a boolean, a number or a string", name);
	return set(name, &v, o, e);
}

int options_toml_parse(const char *text, size_t n, struct arena *a, struct runtime_options *out,
		       struct err *e)
{
	struct runtime_options o = *out;
	char *copy = arena_strn(a, text, n);
	int rc = copy ? 0 : fail(e, ENOMEM, "runtime options");
	for (unsigned line = 1; rc == 0 && *copy; line++) {
		char *end = copy + strcspn(copy, "\n"), *next = *end ? end + 1 : end;
		const char *p = copy;
		*end = 0;
		skip_space(&p);
		if (*p == '[') {
			log_warn("runtime options: table %s and what is in it is not known", p);
			break;
		}
		if (!ends(p) && (rc = read_line(p, a, &o, e)) < 0)
			return within(e, "runtime options, line %u", line);
		copy = next;
	}
	if (rc == 0)
		*out = o;
	return rc;
}

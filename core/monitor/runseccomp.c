/* runseccomp.c - a seccomp profile from a file, as the runtime spec has them or as docker and
 * podman do, whose rules have conditions. */
#include "base/file.h"
#include "image/manifest.h"
#include "monitor/runparts.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

/* When a rule counts: with all of these capabilities, on one of these architectures, from that
 * kernel on. */
struct condition {
	struct strs caps, archs;
	const char *kernel;
};
struct rule {
	const char *name; /* one, in the place of names */
	struct condition includes, excludes;
};
struct arch {
	const char *name;
	struct strs also;
};

/* What docker's form has beside the spec's. */
struct profile {
	struct {
		struct rule *v;
		size_t n;
	} rules; /* as many as the spec's */
	struct {
		struct arch *v;
		size_t n;
	} archs;
};

static const struct json_field condition_fields[] = {
	JSON(J_STRS, condition, caps, "caps"),
	JSON(J_STRS, condition, archs, "arches"),
	JSON(J_STR, condition, kernel, "minKernel"),
	{ 0 },
};

static const struct json_field rule_fields[] = {
	JSON(J_STR, rule, name, "name"),
	JSON_SUB(J_STRUCT, rule, includes, "includes", condition_fields, condition),
	JSON_SUB(J_STRUCT, rule, excludes, "excludes", condition_fields, condition),
	{ 0 },
};

static const struct json_field arch_fields[] = {
	JSON(J_STR, arch, name, "architecture"),
	JSON(J_STRS, arch, also, "subArchitectures"),
	{ 0 },
};

static const struct json_field profile_fields[] = {
	JSON_SUB(J_LIST, profile, rules, "syscalls", rule_fields, rule),
	JSON_SUB(J_LIST, profile, archs, "archMap", arch_fields, arch),
	{ 0 },
};

/* Whether this is that kernel or a later one: "4.8". */
static bool kernel_reaches(const char *version)
{
	struct utsname u;
	unsigned want[2] = { 0 }, have[2] = { 0 };
	if (uname(&u) < 0 || sscanf(u.release, "%4u.%4u", &have[0], &have[1]) != 2 ||
	    sscanf(version, "%4u.%4u", &want[0], &want[1]) < 1)
		return false;
	return have[0] != want[0] ? have[0] > want[0] : have[1] >= want[1];
}

static bool rule_counts(const struct rule *r, const struct strs *caps)
{
	const char *here = platform_here().architecture;
	const struct condition *in = &r->includes, *out = &r->excludes;
	for (size_t i = 0; i < in->caps.n; i++)
		if (!strs_has(caps, in->caps.v[i]))
			return false;
	for (size_t i = 0; i < out->caps.n; i++)
		if (strs_has(caps, out->caps.v[i]))
			return false;
	return (!in->archs.n || strs_has(&in->archs, here)) && !strs_has(&out->archs, here) &&
	       (!in->kernel || kernel_reaches(in->kernel)) &&
	       (!out->kernel || !kernel_reaches(out->kernel));
}

/* Only the rules that count stay, and of architectures those that run here. */
static int adapt(struct spec_seccomp *s, const struct profile *p, const struct strs *caps,
		 struct arena *a)
{
	static const char *const names[][2] = { { "amd64", "SCMP_ARCH_X86_64" },
						{ "arm64", "SCMP_ARCH_AARCH64" },
						{ "arm", "SCMP_ARCH_ARM" },
						{ "riscv64", "SCMP_ARCH_RISCV64" } };
	size_t kept = 0;
	for (size_t i = 0; i < s->syscalls.n && i < p->rules.n; i++) {
		struct spec_seccomp_rule r = s->syscalls.v[i];
		const char **name = r.names.n || !p->rules.v[i].name ? NULL : LIST_ADD(a, &r.names);
		if (name)
			*name = p->rules.v[i].name;
		if (rule_counts(&p->rules.v[i], caps))
			s->syscalls.v[kept++] = r;
	}
	s->syscalls.n = kept;
	for (size_t i = 0; i < p->archs.n; i++)
		for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++)
			if (p->archs.v[i].name && !strcmp(p->archs.v[i].name, names[k][1]) &&
			    !strcmp(platform_here().architecture, names[k][0])) {
				s->architectures = p->archs.v[i].also;
				const char **own = LIST_ADD(a, &s->architectures);
				if (!own)
					return -E2BIG;
				*own = names[k][1];
			}
	return 0;
}

int seccomp_read(const char *name, const struct strs *caps, struct arena *a,
		 struct spec_seccomp **out, struct err *e)
{
	auto_buf file = { .max = SPEC_MAX }, text = { .max = SPEC_MAX + 64 };
	struct spec wrap = { 0 };
	struct profile p = { 0 };
	int rc = named_read(name, a, &file, e);
	if (rc < 0)
		return within(e, "option --security-opt");
	buf_str(&text, "{\"linux\":{\"seccomp\":");
	buf_add(&text, file.p, file.len);
	buf_str(&text, "}}");
	rc = text.failed ? fail(e, ENOMEM, "%s", name)
			 : json_read(text.p, text.len, spec_fields, &wrap, a, e);
	if (rc == 0)
		rc = json_read(file.p, file.len, profile_fields, &p, a, e);
	if (rc < 0)
		return within(e, "%s", name);
	struct spec_seccomp *s = wrap.linux_ ? wrap.linux_->seccomp : NULL;
	if (!s || !s->default_action)
		return refuse(e, EINVAL, "%s: no defaultAction: this is no seccomp profile", name);
	if (adapt(s, &p, caps, a) < 0)
		return option_room("security-opt", e);
	*out = s;
	return 0;
}

/* runspec.c - the options of `coracle run` put into a runtime spec. */
#include "monitor/runspec.h"
#include "base/file.h"
#include "box/subid.h"
#include "image/bundle.h"
#include "image/profile.h"
#include "monitor/discard.h"
#include "monitor/stdio.h"
#include "oci/capability.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PERIOD 100000 /* microseconds: the kernel's own default */

/* What a container's root may do: enough for package managers and servers, nothing that is the
 * whole machine's. */
static const char *const usual_caps[] = {
	"CAP_CHOWN",   "CAP_DAC_OVERRIDE",     "CAP_FOWNER",	 "CAP_FSETID",
	"CAP_KILL",    "CAP_NET_BIND_SERVICE", "CAP_SETFCAP",	 "CAP_SETGID",
	"CAP_SETPCAP", "CAP_SETUID",	       "CAP_SYS_CHROOT",
};
#define USUAL_CAPS (sizeof(usual_caps) / sizeof(usual_caps[0]))

/* n more places in the list of mounts; the first of them. */
static struct spec_mount *mounts_grow(struct spec *s, size_t n, struct arena *a)
{
	struct spec_mount *v = arena_array(a, s->mounts.n + n + 1, sizeof(*v));
	if (!v)
		return NULL;
	if (s->mounts.n)
		memcpy(v, s->mounts.v, s->mounts.n * sizeof(*v));
	s->mounts.v = v;
	s->mounts.n += n;
	return &v[s->mounts.n - n];
}

static int source_check(const struct spec_mount *m, struct err *e)
{
	struct stat st;
	if (!m->type || strcmp(m->type, "bind"))
		return 0;
	return stat(m->source, &st) < 0 ? fail(e, errno, "volume %s", m->source) : 0;
}

static int add_tmpfs(struct spec_mount *m, const char *text, struct arena *a, struct err *e)
{
	size_t n = strcspn(text, ":");
	const char *path = arena_strn(a, text, n);
	const char *mount = arena_printf(a, "type=tmpfs,target=%s", path ? path : "");
	if (!path || !mount)
		return fail(e, E2BIG, "tmpfs %s", text);
	int rc = runspec_mount(mount, a, m, e);
	for (const char *p = text + n; rc == 0 && *p; p += strcspn(p, ",")) {
		const char *word = arena_strn(a, p + 1, strcspn(p + 1, ","));
		if (!word || m->options.n >= 30)
			return fail(e, E2BIG, "tmpfs %s", text);
		if (*word)
			m->options.v[m->options.n++] = word;
		p++;
	}
	return rc;
}

static int apply_mounts(struct spec *s, const struct run_options *o, struct arena *a, struct err *e)
{
	struct spec_mount *m = mounts_grow(s, o->volumes.n + o->mounts.n + o->tmpfs.n, a);
	if (!m)
		return fail(e, E2BIG, "mounts");
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < o->tmpfs.n; i++)
		rc = add_tmpfs(m++, o->tmpfs.v[i], a, e);
	for (size_t i = 0; rc == 0 && i < o->volumes.n; i++) {
		rc = runspec_volume(o->volumes.v[i], a, m, e);
		if (rc == 0)
			rc = source_check(m++, e);
	}
	for (size_t i = 0; rc == 0 && i < o->mounts.n; i++) {
		rc = runspec_mount(o->mounts.v[i], a, m, e);
		if (rc == 0)
			rc = source_check(m++, e);
	}
	return rc;
}

int64_t runspec_quota(const char *cpus)
{
	char *end;
	double n = strtod(cpus, &end);
	if (end == cpus || *end || !(n >= 0.01) || n > 100000)
		return -EINVAL;
	return (int64_t)(n * PERIOD);
}

static int apply_limits(struct spec *s, const struct run_options *o, struct arena *a, struct err *e)
{
	struct spec_resources *r = s->linux_->resources;
	if (!r)
		r = s->linux_->resources = arena_alloc(a, sizeof(*r));
	if (r && o->memory && !r->memory)
		r->memory = arena_alloc(a, sizeof(*r->memory));
	if (r && o->cpus && !r->cpu)
		r->cpu = arena_alloc(a, sizeof(*r->cpu));
	if (!r || (o->memory && !r->memory) || (o->cpus && !r->cpu))
		return fail(e, E2BIG, "limits");
	if (o->memory)
		r->memory->limit = (struct opt_i64){ true, o->memory };
	if (o->pids_limit)
		r->pids_limit = (struct opt_i64){ true, o->pids_limit };
	if (o->cpus) {
		int64_t quota = runspec_quota(o->cpus);
		if (quota < 0)
			return refuse(e, EINVAL,
				      "option --cpus: '%s' is not a number of cpus such as 0.5",
				      o->cpus);
		r->cpu->quota = (struct opt_i64){ true, quota };
		r->cpu->period = (struct opt_u64){ true, PERIOD };
	}
	return 0;
}

static void strs_remove(struct strs *l, const char *name)
{
	size_t kept = 0;
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->v[i], name))
			l->v[kept++] = l->v[i];
	l->n = kept;
}

/* Adds or removes each of words ("NET_RAW", "ALL") in l, which has room for all. */
static int caps_change(struct strs *l, const struct strs *words, bool add, struct err *e)
{
	for (size_t i = 0; i < words->n; i++) {
		bool all = !strcasecmp(words->v[i], "ALL");
		int one = all ? 0 : capability_parse(words->v[i]);
		if (one < 0)
			return refuse(e, EINVAL, "option --cap-%s: unknown capability '%s'",
				      add ? "add" : "drop", words->v[i]);
		for (int k = all ? 0 : one; k < (all ? CAPABILITIES : one + 1); k++) {
			const char *name = capability_name(k);
			strs_remove(l, name);
			if (add)
				l->v[l->n++] = name;
		}
	}
	return 0;
}

/* Drops first, so that `--cap-drop ALL --cap-add X` leaves X. A user who is not root has what was
 * asked for by name. */
static int apply_caps(struct spec *s, const struct run_options *o, struct arena *a, struct err *e)
{
	static const char *everything[] = { "ALL" };
	const struct strs all = { everything, 1 };
	struct spec_capabilities *c = arena_alloc(a, sizeof(*c));
	struct strs set = { arena_array(a, CAPABILITIES + 1, sizeof(char *)), 0 };
	struct strs own = { arena_array(a, CAPABILITIES + 1, sizeof(char *)), 0 };
	if (!c || !set.v || !own.v)
		return fail(e, E2BIG, "capabilities");
	for (size_t i = 0; i < USUAL_CAPS; i++)
		set.v[set.n++] = usual_caps[i];
	int rc = o->privileged ? caps_change(&set, &all, true, e) : 0;
	if (rc == 0)
		rc = caps_change(&set, &o->cap_drop, false, e);
	if (rc == 0)
		rc = caps_change(&set, &o->cap_add, true, e);
	if (rc == 0)
		rc = caps_change(&own, &o->cap_add, true, e);
	if (rc < 0)
		return rc;
	bool root = s->process->user.uid == 0;
	c->bounding = set;
	c->effective = c->permitted = root ? set : own;
	if (!root)
		c->inheritable = c->ambient = own;
	s->process->capabilities = c;
	return 0;
}

/* A file that the user named. */
static int read_named(const char *name, struct arena *a, struct buf *out, struct err *e)
{
	const char *path = path_absolute(a, name);
	return path ? file_read(-1, path, out, e) : fail(e, ENOMEM, "%s", name);
}

/* A filter from a file: the object of linux.seccomp. */
static int seccomp_read(const char *name, struct arena *a, struct spec_seccomp **out, struct err *e)
{
	auto_buf file = { .max = SPEC_MAX }, text = { .max = SPEC_MAX + 64 };
	struct spec wrap = { 0 };
	int rc = read_named(name, a, &file, e);
	if (rc < 0)
		return rc;
	buf_str(&text, "{\"linux\":{\"seccomp\":");
	buf_add(&text, file.p, file.len);
	buf_str(&text, "}}");
	rc = text.failed ? fail(e, ENOMEM, "%s", name)
			 : json_read(text.p, text.len, spec_fields, &wrap, a, e);
	if (rc < 0)
		return within(e, "%s", name);
	if (!wrap.linux_ || !wrap.linux_->seccomp || !wrap.linux_->seccomp->default_action)
		return refuse(e, EINVAL, "%s: no defaultAction: this is no seccomp profile", name);
	*out = wrap.linux_->seccomp;
	return 0;
}

static int apply_security(struct spec *s, const struct run_options *o, struct arena *a,
			  struct err *e)
{
	struct spec_seccomp *filter = profile_make(&s->process->capabilities->bounding, a);
	if (!filter)
		return fail(e, E2BIG, "seccomp");
	s->linux_->seccomp = o->privileged ? NULL : filter;
	s->process->no_new_privileges = false;
	for (size_t i = 0; i < o->security.n; i++) {
		const char *word = o->security.v[i];
		int rc = 0;
		if (!strcmp(word, "no-new-privileges") || !strcmp(word, "no-new-privileges=true") ||
		    !strcmp(word, "no-new-privileges:true"))
			s->process->no_new_privileges = true;
		else if (!strcmp(word, "seccomp=unconfined"))
			s->linux_->seccomp = NULL;
		else if (!strncmp(word, "seccomp=", 8))
			rc = seccomp_read(word + 8, a, &s->linux_->seccomp, e);
		else if (strcmp(word, "no-new-privileges=false") && strcmp(word, "label=disable") &&
			 strcmp(word, "no-new-privileges:false"))
			rc = refuse(e, EINVAL, "option --security-opt: unknown '%s'", word);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static void options_set_writable(struct spec_mount *m)
{
	for (size_t i = 0; i < m->options.n; i++)
		if (!strcmp(m->options.v[i], "ro"))
			m->options.v[i] = "rw";
}

/* Everything that stands between the container and the machine, but the namespaces, goes. */
static int apply_privileged(struct spec *s, const struct run_options *o, struct arena *a,
			    struct err *e)
{
	if (!o->privileged)
		return 0;
	struct spec_device_rule *rule = arena_alloc(a, sizeof(*rule));
	if (!rule)
		return fail(e, E2BIG, "devices");
	*rule = (struct spec_device_rule){ .allow = true, .access = "rwm" };
	s->linux_->resources->devices.v = rule;
	s->linux_->resources->devices.n = 1;
	s->linux_->masked_paths.n = s->linux_->readonly_paths.n = 0;
	for (size_t i = 0; i < s->mounts.n; i++)
		if (!strncmp(s->mounts.v[i].destination, "/sys", 4))
			options_set_writable(&s->mounts.v[i]);
	return 0;
}

static int namespaces_have(struct spec *s, const char *type, bool wanted, struct arena *a)
{
	size_t kept = 0;
	struct spec_namespace *v = arena_array(a, s->linux_->namespaces.n + 1, sizeof(*v));
	if (!v)
		return -E2BIG;
	for (size_t i = 0; i < s->linux_->namespaces.n; i++)
		if (strcmp(s->linux_->namespaces.v[i].type, type))
			v[kept++] = s->linux_->namespaces.v[i];
	if (wanted)
		v[kept++] = (struct spec_namespace){ .type = type };
	s->linux_->namespaces.v = v;
	s->linux_->namespaces.n = kept;
	return 0;
}

/* The host's network comes with the host's names. */
static int host_files(struct spec *s, struct arena *a, struct err *e)
{
	static const char *const files[] = { "/etc/resolv.conf", "/etc/hosts" };
	for (size_t i = 0; i < 2; i++) {
		struct stat st;
		const char *text = arena_printf(a, "%s:%s:ro", files[i], files[i]);
		if (stat(files[i], &st) < 0)
			continue;
		struct spec_mount *m = mounts_grow(s, 1, a);
		if (!m || !text)
			return fail(e, E2BIG, "mounts");
		int rc = runspec_volume(text, a, m, e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* What the mounts of a usual container need, a user's may not have: a group 5, and for sysfs a
 * network of its own. */
static int apply_user_mounts(struct spec *s, bool host_network, struct arena *a, struct err *e)
{
	static const char *const bound[] = { "rbind", "nosuid", "noexec", "nodev", "ro" };
	for (size_t i = 0; subid_inside() && i < s->mounts.n; i++) {
		struct spec_mount *m = &s->mounts.v[i];
		if (m->type && !strcmp(m->type, "devpts") && subid_alone())
			strs_remove(&m->options, "gid=5");
		if (!m->type || strcmp(m->type, "sysfs") != 0 || !host_network)
			continue;
		const char **v = arena_array(a, sizeof(bound) / sizeof(bound[0]), sizeof(*v));
		if (!v)
			return fail(e, E2BIG, "mounts");
		memcpy(v, bound, sizeof(bound));
		m->type = "none";
		m->source = "/sys";
		m->options = (struct strs){ v, sizeof(bound) / sizeof(bound[0]) };
	}
	return 0;
}

static int apply_namespaces(struct spec *s, const struct run_options *o, struct arena *a,
			    struct err *e)
{
	bool host = o->network && !strcmp(o->network, "host");
	if (o->network && !host && strcmp(o->network, "none"))
		return refuse(e, EINVAL, "option --network: '%s' is neither host nor none",
			      o->network);
	if (namespaces_have(s, "network", !host, a) < 0 ||
	    namespaces_have(s, "cgroup", true, a) < 0)
		return fail(e, E2BIG, "namespaces");
	int rc = apply_user_mounts(s, host, a, e);
	return rc == 0 && host && !s->root->readonly ? host_files(s, a, e) : rc;
}

static int apply_cgroup(struct spec *s, const char *parent, const char *id, struct arena *a,
			struct err *e)
{
	size_t n = parent ? strlen(parent) : 0;
	if (!n)
		return 0;
	if (parent[0] != '/' && n > 6 && !strcmp(parent + n - 6, ".slice"))
		s->linux_->cgroups_path = arena_printf(a, "%s:coracle:%s", parent, id);
	else if (parent[0] == '/')
		s->linux_->cgroups_path = arena_printf(a, "%s/%s", parent, id);
	else
		return refuse(e, EINVAL,
			      "option --cgroup-parent: '%s' is neither an absolute path "
			      "nor a slice",
			      parent);
	return s->linux_->cgroups_path ? 0 : fail(e, E2BIG, "cgroup");
}

static int apply_terminal(struct spec *s, const struct run_options *o, struct arena *a,
			  struct err *e)
{
	unsigned rows = 24, columns = 80; /* where we have no terminal ourselves */
	s->process->terminal = o->terminal;
	if (!o->terminal)
		return 0;
	terminal_size(&rows, &columns);
	struct spec_size *size = arena_alloc(a, sizeof(*size));
	if (!size)
		return fail(e, E2BIG, "terminal");
	*size = (struct spec_size){ .height = rows, .width = columns };
	s->process->console_size = size;
	return 0;
}

int runspec_note(struct spec *s, const char *key, const char *value, struct arena *a, struct err *e)
{
	struct pair *v = arena_array(a, s->annotations.n + 2, sizeof(*v));
	if (!v)
		return fail(e, E2BIG, "annotations");
	if (s->annotations.n)
		memcpy(v, s->annotations.v, s->annotations.n * sizeof(*v));
	v[s->annotations.n++] = (struct pair){ key, value };
	s->annotations.v = v;
	return 0;
}

int runspec_apply(struct spec *s, const struct run_options *o, const char *id, struct arena *a,
		  struct err *e)
{
	int rc = apply_limits(s, o, a, e);
	if (rc == 0)
		rc = apply_caps(s, o, a, e);
	if (rc == 0)
		rc = apply_security(s, o, a, e);
	if (rc == 0)
		rc = apply_privileged(s, o, a, e);
	if (rc == 0)
		rc = apply_namespaces(s, o, a, e);
	if (rc == 0)
		rc = apply_mounts(s, o, a, e);
	if (rc == 0)
		rc = apply_cgroup(s, o->cgroup_parent, id, a, e);
	if (rc == 0)
		rc = apply_terminal(s, o, a, e);
	if (rc == 0 && o->stop_signal)
		rc = runspec_note(s, NOTE_STOP_SIGNAL, o->stop_signal, a, e);
	return rc;
}

/* One line of an --env-file; NULL for none. */
static const char *env_line(const char *line, size_t n, struct arena *a)
{
	while (n && (*line == ' ' || *line == '\t'))
		line++, n--;
	while (n && line[n - 1] == '\r')
		n--;
	return n && *line != '#' ? arena_strn(a, line, n) : NULL;
}

int runspec_env(const struct run_options *o, struct arena *a, struct strs *out, struct err *e)
{
	struct buf text[8] = { 0 };
	size_t lines = o->env.n, files = o->env_files.n;
	int rc = 0;
	if (files > 8)
		return refuse(e, E2BIG, "option --env-file: at most 8 of them");
	for (size_t i = 0; rc == 0 && i < files; i++) {
		rc = read_named(o->env_files.v[i], a, &text[i], e);
		for (const char *p = text[i].p; p && *p; p++)
			lines += *p == '\n' || !p[1];
	}
	const char **v = rc == 0 ? arena_array(a, lines + 1, sizeof(*v)) : NULL;
	size_t n = 0;
	for (size_t i = 0; v && i < files; i++)
		for (const char *p = text[i].p; p && *p; p += strcspn(p, "\n"), p += *p == '\n')
			if ((v[n] = env_line(p, strcspn(p, "\n"), a)))
				n++;
	for (size_t i = 0; v && i < o->env.n; i++)
		v[n++] = o->env.v[i];
	for (size_t i = 0; i < files; i++)
		buf_free(&text[i]);
	if (!v)
		return rc < 0 ? rc : fail(e, E2BIG, "environment");
	*out = (struct strs){ v, n };
	return 0;
}

int runspec_make(const struct run_options *o, const struct run_subject *subject, struct arena *a,
		 struct spec **out, struct err *e)
{
	struct spec *s;
	struct run_overrides over = {
		.args = subject->command,
		.entrypoint = o->entrypoint,
		.cwd = o->cwd,
		.user = o->user,
		.hostname = o->hostname ? o->hostname : subject->hostname,
		.terminal = o->terminal,
		.readonly = o->readonly,
	};
	int rc = runspec_env(o, a, &over.env, e);
	if (rc == 0)
		rc = image_spec(subject->image, subject->rootfs, &over, a, &s, e);
	if (rc == 0)
		rc = runspec_apply(s, o, subject->id, a, e);
	if (rc == 0)
		*out = s;
	return rc;
}

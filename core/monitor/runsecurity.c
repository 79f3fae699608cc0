/* runsecurity.c - what a container may do: capabilities, seccomp, labels, paths out of sight. */
#include "image/profile.h"
#include "monitor/runparts.h"
#include "oci/capability.h"

#include <string.h>

/* What a container's root may do: enough for package managers and servers, nothing that is the
 * whole machine's. */
static const char *const usual_caps[] = {
	"CAP_CHOWN",   "CAP_DAC_OVERRIDE",     "CAP_FOWNER",	 "CAP_FSETID",
	"CAP_KILL",    "CAP_NET_BIND_SERVICE", "CAP_SETFCAP",	 "CAP_SETGID",
	"CAP_SETPCAP", "CAP_SETUID",	       "CAP_SYS_CHROOT",
};
#define USUAL_CAPS (sizeof(usual_caps) / sizeof(usual_caps[0]))

/* Adds or removes "NET_RAW" or "ALL" in l, which has room for all. */
static int cap_change(struct strs *l, const char *word, bool add, struct err *e)
{
	bool all = !strcasecmp(word, "ALL");
	int one = all ? 0 : capability_parse(word);
	if (one < 0)
		return option_refuse(add ? "cap-add" : "cap-drop", word,
				     "a capability such as NET_RAW, or ALL", e);
	for (int k = all ? 0 : one; k < (all ? CAPABILITIES : one + 1); k++) {
		const char *name = capability_name(k);
		words_remove(l, name);
		if (add)
			l->v[l->n++] = name;
	}
	return 0;
}

/* The same of each, which may be a list with commas. */
static int caps_change(struct strs *l, const struct strs *words, bool add, struct arena *a,
		       struct err *e)
{
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < words->n; i++) {
		struct strs each;
		if (words_split(*words->v[i] ? words->v[i] : ",", ",", a, &each) < 0)
			return option_room(add ? "cap-add" : "cap-drop", e);
		for (size_t k = 0; rc == 0 && k < each.n; k++)
			rc = cap_change(l, each.v[k], add, e);
	}
	return rc;
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
	int rc = o->privileged ? caps_change(&set, &all, true, a, e) : 0;
	if (rc == 0)
		rc = caps_change(&set, &o->cap_drop, false, a, e);
	if (rc == 0)
		rc = caps_change(&set, &o->cap_add, true, a, e);
	if (rc == 0)
		rc = caps_change(&own, &o->cap_add, true, a, e);
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

/* The paths of a list with a colon between them, to l. */
static int paths_add(struct strs *l, const char *word, const char *paths, struct arena *a,
		     struct err *e)
{
	struct strs each;
	if (words_split(paths, ":", a, &each) < 0)
		return option_room("security-opt", e);
	for (size_t i = 0; i < each.n; i++) {
		const char **to = LIST_ADD(a, l);
		if (!to)
			return option_room("security-opt", e);
		if (*each.v[i] != '/')
			return option_refuse("security-opt", word,
					     "made of absolute paths such as mask=/proc/a:/proc/b",
					     e);
		*to = each.v[i];
	}
	return 0;
}

/* The same path, or one in the directory of "/proc/" and a star. */
static bool matches(const char *pattern, const char *path)
{
	size_t n = strcspn(pattern, "*");
	if (strcmp(pattern + n, "*") != 0)
		return !strcmp(pattern, path);
	return !strncmp(pattern, path, n) && !strchr(path + n, '/');
}

static void remove_matching(struct strs *l, const char *pattern)
{
	size_t kept = 0;
	for (size_t i = 0; i < l->n; i++)
		if (!matches(pattern, l->v[i]))
			l->v[kept++] = l->v[i];
	l->n = kept;
}

/* Nothing is hidden nor read-only, or those paths are not, which may end with a star. */
static int unmask(struct spec_linux *l, const char *paths, struct arena *a, struct err *e)
{
	struct strs each;
	if (words_split(paths, ":", a, &each) < 0)
		return option_room("security-opt", e);
	if (!strcasecmp(paths, "ALL"))
		l->masked_paths.n = l->readonly_paths.n = 0;
	for (size_t i = 0; i < each.n; i++) {
		remove_matching(&l->masked_paths, each.v[i]);
		remove_matching(&l->readonly_paths, each.v[i]);
	}
	return 0;
}

/* "type:spc_t": a part of the process's SELinux label. */
static int label_part(struct spec_process *p, const char *word, const char *part, struct arena *a,
		      struct err *e)
{
	static const char *const names[] = { "user:", "role:", "type:", "level:" };
	const char *parts[] = { "system_u", "system_r", "container_t", "s0" };
	struct strs old = { 0 };
	if (!strcmp(part, "disable")) {
		p->selinux_label = NULL;
		return 0;
	}
	if (p->selinux_label && words_split(p->selinux_label, ":", a, &old) < 0)
		return option_room("security-opt", e);
	size_t which = 4, before = 0;
	for (size_t i = 0; i < 4; i++) {
		size_t n = strlen(names[i]);
		if (!strncmp(part, names[i], n) && part[n])
			which = i;
		if (i < old.n) /* a level may have a colon of its own */
			parts[i] = i < 3 ? old.v[i] : p->selinux_label + before;
		before += strlen(parts[i]) + 1;
	}
	if (which == 4)
		return option_refuse("security-opt", word,
				     "label=disable or a part such as label=type:container_t", e);
	parts[which] = strchr(part, ':') + 1;
	p->selinux_label = arena_printf(a, "%s:%s:%s:%s", parts[0], parts[1], parts[2], parts[3]);
	return p->selinux_label ? 0 : option_room("security-opt", e);
}

static void options_set_writable(struct spec_mount *m)
{
	for (size_t i = 0; i < m->options.n; i++)
		if (!strcmp(m->options.v[i], "ro"))
			m->options.v[i] = "rw";
}

static struct spec_mount *mount_at(struct spec *s, const char *path)
{
	for (size_t i = 0; i < s->mounts.n; i++)
		if (!strcmp(s->mounts.v[i].destination, path))
			return &s->mounts.v[i];
	return NULL;
}

/* "hidepid=2,subset=pid", as options of /proc. */
static int proc_options(struct spec *s, const char *list, struct arena *a, struct err *e)
{
	struct spec_mount *m = mount_at(s, "/proc");
	struct strs words;
	if (words_split(list, ",", a, &words) < 0)
		return option_room("security-opt", e);
	for (size_t i = 0; m && i < words.n; i++) {
		const char **to = LIST_ADD(a, &m->options);
		if (!to)
			return option_room("security-opt", e);
		*to = words.v[i];
	}
	return 0;
}

enum security {
	NEW_PRIVILEGES,
	SECCOMP,
	APPARMOR,
	LABEL,
	MASK,
	UNMASK,
	SYSTEM_PATHS,
	PROC_OPTIONS,
	WRITABLE_CGROUPS
};

static int use_profile(struct spec *s, struct arena *a, struct err *e)
{
	s->linux_->seccomp = profile_make(&s->process->capabilities->bounding, a);
	return s->linux_->seccomp ? 0 : option_room("security-opt", e);
}

/* value: what follows the name and its = or :, "" for nothing. */
static int security_set(struct spec *s, enum security what, const char *word, const char *value,
			struct arena *a, struct err *e)
{
	bool yes = !*value || !strcmp(value, "true"), none = !strcmp(value, "unconfined");
	bool no = !strcmp(value, "false");
	struct spec_mount *cgroups = mount_at(s, "/sys/fs/cgroup");
	switch (what) {
	case NEW_PRIVILEGES:
		if (!yes && !no)
			break;
		s->process->no_new_privileges = yes;
		return 0;
	case SECCOMP:
		s->linux_->seccomp = NULL;
		if (!strcmp(value, "builtin"))
			return use_profile(s, a, e);
		return none ? 0
			    : seccomp_read(value, &s->process->capabilities->bounding, a,
					   &s->linux_->seccomp, e);
	case APPARMOR:
		s->process->apparmor_profile = none ? NULL : value;
		return 0;
	case LABEL:
		return label_part(s->process, word, value, a, e);
	case MASK:
		return paths_add(&s->linux_->masked_paths, word, value, a, e);
	case UNMASK:
		return unmask(s->linux_, value, a, e);
	case SYSTEM_PATHS:
		if (none)
			return unmask(s->linux_, "ALL", a, e);
		break;
	case PROC_OPTIONS:
		return proc_options(s, value, a, e);
	case WRITABLE_CGROUPS:
		if (yes && cgroups)
			options_set_writable(cgroups);
		if (yes || no)
			return 0;
	}
	return option_refuse("security-opt", word,
			     "one of no-new-privileges[=true|false], systempaths=unconfined, "
			     "writable-cgroups[=true|false]",
			     e);
}

static int security_option(struct spec *s, const char *word, struct arena *a, struct err *e)
{
	static const char *const names[] = {
		[NEW_PRIVILEGES] = "no-new-privileges",
		[SECCOMP] = "seccomp",
		[APPARMOR] = "apparmor",
		[LABEL] = "label",
		[MASK] = "mask",
		[UNMASK] = "unmask",
		[SYSTEM_PATHS] = "systempaths",
		[PROC_OPTIONS] = "proc-opts",
		[WRITABLE_CGROUPS] = "writable-cgroups",
	};
	size_t n = strcspn(word, "=:");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i]) == n && !strncmp(word, names[i], n) &&
		    (word[n + !!word[n]] || i == NEW_PRIVILEGES || i == WRITABLE_CGROUPS))
			return security_set(s, (enum security)i, word, word + n + !!word[n], a, e);
	return option_refuse("security-opt", word,
			     "one of no-new-privileges, seccomp=FILE|unconfined, apparmor=PROFILE, "
			     "label=disable, mask=PATH, unmask=PATH|ALL, systempaths=unconfined, "
			     "proc-opts=hidepid=2, writable-cgroups",
			     e);
}

static int apply_options(struct spec *s, const struct run_options *o, struct arena *a,
			 struct err *e)
{
	s->linux_->seccomp = NULL;
	s->process->no_new_privileges = false;
	int rc = o->privileged ? 0 : use_profile(s, a, e);
	for (size_t i = 0; rc == 0 && i < o->security.n; i++)
		rc = security_option(s, o->security.v[i], a, e);
	return rc;
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

int security_apply(struct spec *s, const struct run_options *o, struct arena *a, struct err *e)
{
	int rc = apply_caps(s, o, a, e);
	if (rc == 0)
		rc = apply_privileged(s, o, a, e);
	return rc == 0 ? apply_options(s, o, a, e) : rc;
}

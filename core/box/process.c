/* process.c - what a process is allowed: limits, user and groups, capabilities; and where its
 * program is. */
#include "base/log.h"
#include "base/sys.h"
#include "box/plan.h"
#include "box/userns.h"
#include "oci/capability.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/resource.h>

#define FILES_FEW 64 /* more than our own init ever has open when it waits for its start */

static const struct {
	const char *name;
	int resource;
} limits[] = {
	{ "RLIMIT_AS", RLIMIT_AS },
	{ "RLIMIT_CORE", RLIMIT_CORE },
	{ "RLIMIT_CPU", RLIMIT_CPU },
	{ "RLIMIT_DATA", RLIMIT_DATA },
	{ "RLIMIT_FSIZE", RLIMIT_FSIZE },
	{ "RLIMIT_LOCKS", RLIMIT_LOCKS },
	{ "RLIMIT_MEMLOCK", RLIMIT_MEMLOCK },
	{ "RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE },
	{ "RLIMIT_NICE", RLIMIT_NICE },
	{ "RLIMIT_NOFILE", RLIMIT_NOFILE },
	{ "RLIMIT_NPROC", RLIMIT_NPROC },
	{ "RLIMIT_RSS", RLIMIT_RSS },
	{ "RLIMIT_RTPRIO", RLIMIT_RTPRIO },
	{ "RLIMIT_RTTIME", RLIMIT_RTTIME },
	{ "RLIMIT_SIGPENDING", RLIMIT_SIGPENDING },
	{ "RLIMIT_STACK", RLIMIT_STACK },
};

static int limit_find(const char *name)
{
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		if (!strcmp(limits[i].name, name))
			return limits[i].resource;
	return -EINVAL;
}

static int plan_limits(struct plan *p, const struct spec_process *s, struct err *e)
{
	for (size_t i = 0; i < s->rlimits.n; i++) {
		const struct spec_rlimit *l = &s->rlimits.v[i];
		int resource = limit_find(l->type);
		if (resource < 0)
			return refuse(e, EINVAL, "process.rlimits[%zu]: unknown limit '%s'", i,
				      l->type);
		struct op *o = plan_add(p, OP_LIMIT, "set %s to %" PRIu64 ":%" PRIu64, l->type,
					l->soft, l->hard);
		if (!o)
			return fail(e, E2BIG, "process.rlimits");
		o->limit.resource = resource;
		o->limit.soft = l->soft;
		o->limit.hard = l->hard;
	}
	return 0;
}

int limits_plan_late(struct plan *p, bool filtered, struct err *e)
{
	for (size_t i = 0, n = p->n; i < n; i++) {
		const struct op *from = &p->v[i];
		if (from->kind != OP_LIMIT || from->limit.resource != RLIMIT_NOFILE ||
		    from->limit.soft >= FILES_FEW)
			continue;
		struct op *o = plan_add(p, OP_LIMIT, "%s", from->what);
		if (!o)
			return fail(e, E2BIG, "process.rlimits");
		o->limit = p->v[i].limit;
		o->limit.filtered = filtered;
		p->v[i].limit.again = true;
	}
	return 0;
}

void limits_raise(pid_t pid, const struct plan *p)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct op *o = &p->v[i];
		struct rlimit now;
		if (o->kind != OP_LIMIT || prlimit(pid, o->limit.resource, NULL, &now) < 0 ||
		    now.rlim_max >= o->limit.hard)
			continue;
		now.rlim_max = o->limit.hard;
		prlimit(pid, o->limit.resource, &now, NULL);
	}
}

/* What `podman run --group-add keep-groups` asks for, as crun knows it: a user's own access to
 * files by his groups. */
bool process_keeps_groups(const struct spec *s)
{
	const char *v = pairs_get(&s->annotations, NOTE_KEEP_GROUPS);
	return v && (!strcmp(v, "1") || !strcmp(v, "true"));
}

static int plan_user(struct plan *p, const struct spec_process *s, const struct spec *spec,
		     struct err *e)
{
	int rc = userns_check_user(spec, &s->user, e);
	if (rc < 0)
		return rc;
	struct op *o = plan_add(p, OP_USER, "become user %" PRIu32 ":%" PRIu32, s->user.uid,
				s->user.gid);
	gid_t *groups = arena_array(p->arena, s->user.additional_gids.n, sizeof(*groups));
	if (!o || !groups)
		return fail(e, E2BIG, "process.user");
	for (size_t i = 0; i < s->user.additional_gids.n; i++)
		groups[i] = s->user.additional_gids.v[i];
	o->ids = (struct op_ids){ s->user.uid,
				  s->user.gid,
				  groups,
				  s->user.additional_gids.n,
				  process_keeps_groups(spec),
				  !spec_namespace(spec, "user") };
	return 0;
}

/* The spec: what cannot be granted is told, and no reason to fail. */
static uint64_t caps_parse(const struct strs *l, const char *set, uint64_t within, bool loud)
{
	uint64_t bits = 0;
	for (size_t i = 0; i < l->n; i++) {
		int n = capability_parse(l->v[i]);
		if (n < 0)
			log_warn("process.capabilities.%s[%zu]: unknown capability '%s' is ignored",
				 set, i, l->v[i]);
		else if (!(within & 1ull << n))
			/* Old default configurations have these without anything inheritable:
			 * to tell that each time would be noise. */
			log_line(loud ? LOG_WARN : LOG_INFO,
				 "process.capabilities.%s[%zu]: can't raise ambient capability "
				 "%s: it is not permitted and inheritable",
				 set, i, l->v[i]);
		else
			bits |= 1ull << n;
	}
	return bits;
}

static int plan_caps(struct plan *p, const struct spec_process *s, struct op_caps *caps,
		     struct err *e)
{
	const struct spec_capabilities *c = s->capabilities;
	const uint64_t any = ~0ull;
	*caps = (struct op_caps){ 0 };
	if (c) {
		caps->bounding = caps_parse(&c->bounding, "bounding", any, true);
		caps->permitted = caps_parse(&c->permitted, "permitted", any, true);
		caps->effective = caps_parse(&c->effective, "effective", any, true);
		caps->inheritable = caps_parse(&c->inheritable, "inheritable", any, true);
		caps->ambient = caps_parse(&c->ambient, "ambient",
					   caps->permitted & caps->inheritable, caps->inheritable);
	}
	struct op *o = plan_add(p, OP_BOUND, "drop capabilities");
	if (!o)
		return fail(e, E2BIG, "process.capabilities");
	o->caps = *caps;
	return 0;
}

static int simple(struct plan *p, enum op_kind kind, const char *what, const char *path,
		  struct err *e)
{
	struct op *o = plan_add(p, kind, "%s%s", what, path ? path : "");
	if (!o)
		return fail(e, E2BIG, "process");
	o->path = path;
	return 0;
}

static int plan_personality(struct plan *p, const struct spec_personality *s, struct err *e)
{
	if (!s || !s->domain)
		return 0;
	bool narrow = !strcmp(s->domain, "LINUX32");
	if (!narrow && strcmp(s->domain, "LINUX") != 0)
		return refuse(e, EINVAL, "linux.personality.domain: '%.40s' is unknown", s->domain);
	if (s->flags.n) /* the spec has none yet */
		log_warn("linux.personality.flags: '%s' is ignored", s->flags.v[0]);
	struct op *o = plan_add(p, OP_PERSONALITY, "set the personality %s", s->domain);
	if (!o)
		return fail(e, E2BIG, "linux.personality");
	o->flags = narrow ? PER_LINUX32 : PER_LINUX;
	return 0;
}

/* Twice, when the user is not root. */
static int plan_cwd(struct plan *p, const struct spec_process *s, struct err *e)
{
	int rc = simple(p, OP_CHDIR, "chdir to ", s->cwd, e);
	if (rc == 0)
		p->v[p->n - 1].flags = s->user.uid != 0;
	return rc;
}

int process_plan(struct plan *p, const struct spec_process *s, const struct spec *spec,
		 struct err *e)
{
	struct op_caps caps;
	int rc = plan_limits(p, s, e);
	if (rc == 0)
		rc = plan_personality(p, spec->linux_->personality, e);
	if (rc == 0)
		rc = label_plan(p, s, e);
	if (rc == 0)
		rc = schedule_plan(p, s, spec, e);
	if (rc == 0)
		rc = simple(p, OP_UMASK, "set the umask", NULL, e);
	if (rc < 0)
		return rc;
	p->v[p->n - 1].flags = s->user.umask.set ? (uint64_t)s->user.umask.v : 022;
	rc = plan_caps(p, s, &caps, e);
	/* As root first: the user may not be allowed to go through all the directories above; and
	 * before a filter, which need not allow it. */
	if (rc == 0)
		rc = plan_cwd(p, s, e);
	if (rc == 0 && spec->linux_->seccomp && !s->no_new_privileges)
		rc = seccomp_plan(p, spec->linux_->seccomp, e);
	if (rc == 0)
		rc = plan_user(p, s, spec, e);
	/* But it may be the user's alone. */
	if (rc == 0 && s->user.uid)
		rc = plan_cwd(p, s, e);
	if (rc == 0)
		rc = simple(p, OP_CAPS, "set capabilities", NULL, e);
	if (rc < 0)
		return rc;
	p->v[p->n - 1].caps = caps;
	return s->no_new_privileges ? simple(p, OP_NO_NEW_PRIVS, "set no_new_privs", NULL, e) : 0;
}

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static const char *env_find(const struct strs *env, const char *name)
{
	size_t n = strlen(name);
	for (size_t i = env->n; i-- > 0;) /* the last one counts */
		if (!strncmp(env->v[i], name, n) && env->v[i][n] == '=')
			return env->v[i] + n + 1;
	return NULL;
}

/* Every place that a name without a slash may be at. */
static const char **search(struct plan *p, const char *name, const char *path)
{
	size_t n = 2;
	for (const char *at = path; *at; at++)
		n += *at == ':';
	const char **v = arena_array(p->arena, n, sizeof(*v));
	if (!v)
		return NULL;
	n = 0;
	for (const char *at = path;; at++) {
		size_t len = strcspn(at, ":");
		v[n] = len ? arena_printf(p->arena, "%.*s/%s", (int)len, at, name)
			   : arena_printf(p->arena, "./%s", name);
		if (!v[n++])
			return NULL;
		at += len;
		if (!*at)
			return v;
	}
}

/* Of two entries of the environment; those of one name in their order. */
static int by_name(const void *a, const void *b)
{
	const char *const *x = *(const char *const *const *)a;
	const char *const *y = *(const char *const *const *)b;
	size_t n = strcspn(*x, "="), m = strcspn(*y, "=");
	int order = memcmp(*x, *y, n < m ? n : m);
	if (order || n != m)
		return order ? order : n < m ? -1 : 1;
	return x < y ? -1 : x > y;
}

static bool same_name(const char *a, const char *b)
{
	size_t n = strcspn(a, "=");
	return n == strcspn(b, "=") && !memcmp(a, b, n);
}

/* The last of several values of a name counts; a program would take the first that it finds.
 * Sorted, since nobody says how many there are. */
static const char *const *environment(struct arena *a, const struct strs *l)
{
	const char **v = arena_array(a, l->n + 1, sizeof(*v));
	const char ***sorted = arena_array(a, l->n + 1, sizeof(*sorted));
	size_t n = 0;
	if (!v || !sorted)
		return NULL;
	for (size_t i = 0; i < l->n; i++)
		sorted[i] = &l->v[i];
	qsort(sorted, l->n, sizeof(*sorted), by_name);
	for (size_t i = 0; i < l->n; i++) /* v: what stays, where it was */
		if (i + 1 == l->n || !same_name(*sorted[i], *sorted[i + 1]))
			v[sorted[i] - l->v] = *sorted[i];
	for (size_t i = 0; i < l->n; i++)
		if (v[i])
			v[n++] = v[i];
	v[n] = NULL;
	return v;
}

int exec_prepare(struct plan *p, const struct spec_process *s, struct op_exec *out, struct err *e)
{
	const char *name = s->args.v[0], *path = env_find(&s->env, "PATH");
	bool given = !*name || strchr(name, '/'); /* "" is in no directory */
	const char **where = given ? arena_array(p->arena, 2, sizeof(*where))
				   : search(p, name, path ? path : DEFAULT_PATH);
	if (where && given)
		where[0] = name;
	*out = (struct op_exec){ .name = name,
				 .paths = where,
				 .argv = list_grow(p->arena, s->args.v, s->args.n, 0,
						   sizeof(char *)),
				 .envp = environment(p->arena, &s->env) };
	return where && out->argv && out->envp ? 0 : fail(e, E2BIG, "process.args");
}

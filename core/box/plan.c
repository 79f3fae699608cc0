/* plan.c - what a new process has to do to itself before it is the workload. */
#include "box/plan.h"
#include "base/log.h"
#include "base/sys.h"
#include "box/hook.h"
#include "box/ns.h"
#include "box/userns.h"

#include <stdarg.h>
#include <string.h>
#include <sys/mount.h>

#define PLAN_FIRST 128 /* operations; a common container has about 70, and 30 more on v1 */

static struct op *append(struct plan *p, enum op_kind kind, const char *what)
{
	if (!what)
		return NULL;
	if (p->n == p->cap) {
		size_t cap = p->cap ? p->cap * 2 : PLAN_FIRST;
		struct op *v = arena_array(p->arena, cap, sizeof(*v));
		if (!v)
			return NULL;
		if (p->n)
			memcpy(v, p->v, p->n * sizeof(*v));
		p->v = v;
		p->cap = cap;
	}
	struct op *o = &p->v[p->n++];
	*o = (struct op){ .kind = kind, .what = what, .fd = -1 };
	return o;
}

struct op *plan_add(struct plan *p, enum op_kind kind, const char *what, ...)
{
	va_list ap;
	va_start(ap, what);
	const char *text = arena_vprintf(p->arena, what, ap);
	va_end(ap);
	return append(p, kind, text);
}

/* The same for operations that need no more than a path. */
static int add(struct plan *p, enum op_kind kind, const char *what, const char *path, struct err *e)
{
	const char *text = path ? arena_printf(p->arena, "%s %s", what, path) : what;
	struct op *o = append(p, kind, text);
	if (!o)
		return fail(e, E2BIG, "%s", what);
	o->path = path;
	return 0;
}

static int add_flags(struct plan *p, enum op_kind kind, const char *what, uint64_t flags,
		     struct err *e)
{
	struct op *o = append(p, kind, what);
	if (!o)
		return fail(e, E2BIG, "%s", what);
	o->flags = flags;
	return 0;
}

int plan_join(struct plan *p, struct err *e)
{
	if (p->joined)
		return 0;
	p->joined = true;
	int rc = p->joins_late ? add(p, OP_CGROUP, "join the cgroup", NULL, e) : 0;
	if (rc == 0 && p->in_cgroup)
		rc = add_flags(p, OP_UNSHARE, "make namespaces", p->in_cgroup, e);
	return rc;
}

/* Namespaces: new ones go into the clone, given ones are joined; a cgroup or time namespace is left
 * for later. */
static int plan_namespaces(struct plan *p, const struct spec *s, struct err *e)
{
	for (size_t i = 0; i < s->linux_->namespaces.n; i++) {
		const struct spec_namespace *n = &s->linux_->namespaces.v[i];
		uint64_t flag = ns_flag(n->type);
		if (!n->path || !*n->path) {
			if (flag == CLONE_NEWCGROUP)
				p->in_cgroup |= flag;
			else if (flag == CLONE_NEWTIME)
				p->clocks = s->linux_;
			else
				p->clone_flags |= flag;
			continue;
		}
		if (flag == CLONE_NEWPID) {
			p->pid_ns_path = n->path;
			continue;
		}
		if (flag == CLONE_NEWUSER) { /* which is to own the new ones: entered first */
			p->user_ns_path = n->path;
			continue;
		}
		struct op *o = plan_add(p, OP_JOIN, "join the %s namespace %s", n->type, n->path);
		if (!o)
			return fail(e, E2BIG, "namespaces");
		o->path = n->path;
		o->flags = flag;
	}
	if (p->clone_flags & CLONE_NEWUSER)
		p->maps = s->linux_;
	return 0;
}

static bool unified(const struct plan_context *c)
{
	return c->cgroup && c->cgroup->v2;
}

/* The same where the cgroups are joined late: the child makes the new ones itself, which takes the
 * kernel as long as the parent needs for those. All but that of pids, which one is born in. */
static int plan_own_namespaces(struct plan *p, const struct plan_context *c, struct err *e)
{
	size_t at = p->n;
	int rc = add_flags(p, OP_UNSHARE, "make namespaces", 0, e);
	if (rc == 0)
		rc = plan_namespaces(p, c->spec, e);
	if (rc < 0)
		return rc;
	p->v[at].flags = p->clone_flags & ~(uint64_t)CLONE_NEWPID;
	p->clone_flags &= ~p->v[at].flags;
	if (unified(c)) { /* it is born in its cgroup */
		p->v[at].flags |= p->in_cgroup;
		p->in_cgroup = 0;
	}
	if (!p->v[at].flags && at + 1 == p->n)
		p->n = at;
	return 0;
}

static bool is_new(const struct spec_namespace *n)
{
	return n && (!n->path || !*n->path);
}

/* Where we are root, and nobody outside. */
static bool in_user_ns(const struct plan *p)
{
	return p->clone_flags & CLONE_NEWUSER || p->user_ns_path;
}

static uint64_t propagation(const char *name)
{
	static const struct {
		const char *name;
		uint64_t flags;
	} names[] = {
		{ "private", MS_PRIVATE },	 { "rprivate", MS_PRIVATE | MS_REC },
		{ "slave", MS_SLAVE },		 { "rslave", MS_SLAVE | MS_REC },
		{ "shared", MS_SHARED },	 { "rshared", MS_SHARED | MS_REC },
		{ "unbindable", MS_UNBINDABLE }, { "runbindable", MS_UNBINDABLE | MS_REC },
	};
	for (size_t i = 0; name && i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(names[i].name, name))
			return names[i].flags;
	return 0;
}

static int plan_become_root(struct plan *p, const struct spec *s, const struct spec_process *of,
			    struct err *e)
{
	struct op *o = plan_add(p, OP_BECOME_ROOT, "become root of the user namespace");
	if (!o)
		return fail(e, E2BIG, "process");
	userns_root(s, &of->user, &o->ids.uid, &o->ids.gid);
	o->ids.keep_groups = process_keeps_groups(s);
	return 0;
}

static int plan_root(struct plan *p, const struct plan_context *c, struct err *e)
{
	const char *name = c->spec->linux_->rootfs_propagation;
	uint64_t wanted = propagation(name);
	if (name && *name && !wanted)
		return refuse(e, EINVAL, "linux.rootfsPropagation: unknown value '%s'", name);
	if (c->no_pivot && wanted & MS_PRIVATE) /* the old root stays, covered */
		return refuse(e, EINVAL,
			      "linux.rootfsPropagation: '%s' is not safe without pivot_root", name);
	int rc = 0;
	/* Not private: what the host unmounts must go away here too. Not shared, whatever the spec
	 * wants for later: what is mounted here would show up on the host. */
	if (!p->host_mounts)
		rc = add_flags(p, OP_PROPAGATION, "set the propagation of mounts",
			       MS_REC | MS_SLAVE, e);
	if (rc < 0)
		return rc;
	struct op *o = plan_add(p, OP_ROOT, "mount the root file system %s",
				c->detached_root ? "" : c->spec->root->path);
	if (!o)
		return fail(e, E2BIG, "root");
	o->path = c->mount_point;
	o->source = c->detached_root ? NULL : c->spec->root->path;
	if (!p->host_mounts && c->spec->hooks && c->spec->hooks->create_container.n)
		p->root_named = o->source;
	return 0;
}

int sysctl_plan(struct plan *p, const struct spec *s, struct err *e)
{
	for (size_t i = 0; i < s->linux_->sysctl.n; i++) {
		const struct pair *pair = &s->linux_->sysctl.v[i];
		struct op *o = plan_add(p, OP_SYSCTL, "set sysctl %s to '%s'", pair->key,
					pair->value);
		char *path = arena_str(p->arena, pair->key);
		if (!o || !path)
			return fail(e, E2BIG, "sysctl");
		/* "net.ipv4.conf.eth0/1.x" swaps the two, as sysctl(8) does; "net/ipv4/..." is a
		 * path already. */
		if (path[strcspn(path, "./")] == '.')
			for (char *at = path; *at; at++)
				*at = *at == '.' ? '/' : *at == '/' ? '.' : *at;
		o->path = path;
		o->source = pair->value;
	}
	return 0;
}

static int plan_paths(struct plan *p, const struct spec *s, struct err *e)
{
	int rc = sysctl_plan(p, s, e);
	for (size_t i = 0; rc == 0 && i < s->linux_->readonly_paths.n; i++)
		rc = add(p, OP_READONLY, "make read-only", s->linux_->readonly_paths.v[i], e);
	const struct strs *masked = &s->linux_->masked_paths;
	for (size_t i = 0; rc == 0 && i < masked->n; i++)
		if (!strs_has(&(struct strs){ masked->v, i }, masked->v[i]))
			rc = add(p, OP_MASK, "mask", masked->v[i], e);
	return rc;
}

static int plan_hooks(struct plan *p, const struct spec_hook_list *l,
		      const struct hook_stage *stage, struct err *e)
{
	for (size_t i = 0; i < l->n; i++) {
		struct op *o = plan_add(p, OP_HOOK, HOOK_WHAT, stage->name, i, l->v[i].path);
		const struct op_exec *x = o ? hook_exec(&l->v[i], stage, p->arena) : NULL;
		if (!x)
			return fail(e, E2BIG, "hooks");
		o->exec = *x;
	}
	return 0;
}

static int plan_console(struct plan *p, const struct spec_process *s, struct err *e)
{
	const struct spec_size *size = s->console_size;
	if (!s->terminal)
		return 0;
	uint64_t plain = s->console_plain ? CONSOLE_PLAIN : 0;
	return add_flags(
		p, OP_CONSOLE, "make the terminal",
		size ? plain | (size->height & 0xffff) << 16 | (size->width & 0xffff) : plain, e);
}

bool paths_apart(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b), less = n < m ? n : m;
	const char *longer = n < m ? b : a;
	if (*a != '/' || *b != '/' || strstr(a, "//") || strstr(a, "/.") || strstr(b, "//") ||
	    strstr(b, "/."))
		return false;
	return strncmp(a, b, less) || (n != m && longer[less] != '/' && longer[less - 1] != '/');
}

static bool all_apart(const char *path, const struct strs *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (!paths_apart(path, l->v[i]))
			return false;
	return true;
}

/* Whether cgroups that are joined late can come after all else, their mounts included, for which
 * init then need not wait. */
static bool cgroups_last(const struct plan *p, const struct plan_context *c)
{
	const struct spec *s = c->spec;
	if (!p->joins_late || p->in_cgroup || s->hooks)
		return false;
	if (unified(c)) /* it is there, and shown when its turn comes */
		return true;
	const char *shown = NULL;
	for (size_t i = 0; i < s->mounts.n; i++) {
		const struct spec_mount *m = &s->mounts.v[i];
		const char *to = mount_destination(c, m);
		if (strs_has(&m->options, "tmpcopyup") || (shown && !paths_apart(shown, to)))
			return false;
		if (mount_is_cgroup(m))
			shown = to;
	}
	for (size_t i = 0; shown && i < s->linux_->devices.n; i++)
		if (!paths_apart(shown, s->linux_->devices.v[i].path))
			return false;
	return !shown || (all_apart(shown, &s->linux_->readonly_paths) &&
			  all_apart(shown, &s->linux_->masked_paths));
}

/* Everything up to and including the file system. */
static int plan_place(struct plan *p, const struct plan_context *c, struct err *e)
{
	const struct spec *s = c->spec;
	bool last = cgroups_last(p, c), shown_last = last && !unified(c);
	int rc = plan_root(p, c, e);
	if (rc == 0)
		rc = mount_plan(p, c, shown_last ? MOUNTS_BUT_CGROUPS : MOUNTS_ALL, e);
	if (rc == 0 && !last) /* at the latest: hooks and files are to be the container's */
		rc = plan_join(p, e);
	if (rc == 0 && !c->own_program)
		rc = device_plan(p, c, e);
	if (rc == 0)
		rc = plan_console(p, s->process, e);
	if (rc == 0 && s->hooks && (s->hooks->prestart.n || s->hooks->create_runtime.n))
		rc = add(p, OP_PARENT_HOOKS, "run the createRuntime hooks", NULL, e);
	if (s->hooks)
		p->notes = &s->annotations;
	if (rc == 0 && s->hooks)
		rc = plan_hooks(p, &s->hooks->create_container,
				&(struct hook_stage){ .name = "createContainer",
						      .state = c->creating_json,
						      .dir = c->mount_point },
				e);
	if (rc == 0)
		rc = plan_paths(p, s, e);
	for (size_t i = 0; rc == 0 && i < s->mounts.n; i++) {
		const struct spec_mount *m = &s->mounts.v[i];
		if (strcmp(mount_destination(c, m), "/dev") || spec_mount_binds(m) ||
		    !strs_has(&m->options, "ro"))
			continue;
		rc = add(p, OP_REMOUNT, "make read-only", "/dev", e);
		if (rc == 0)
			p->v[p->n - 1].mount.set = MOUNT_ATTR_RDONLY;
	}
	if (rc == 0 && shown_last)
		rc = mount_plan(p, c, MOUNTS_OF_CGROUPS, e);
	if (rc == 0)
		rc = plan_join(p, e);
	if (rc == 0 && s->process && s->process->cwd && strcmp(s->process->cwd, "/") != 0)
		rc = add(p, OP_MAKE_DIR, "make directory", s->process->cwd, e);
	if (rc == 0 && s->root->readonly)
		rc = add(p, OP_ROOT_READONLY, "make / read-only", NULL, e);
	if (rc == 0)
		rc = add_flags(p, OP_PIVOT, "make the root file system /",
			       p->host_mounts ? ROOT_CHROOT
			       : c->no_pivot  ? ROOT_COVER
					      : ROOT_PIVOT,
			       e);
	uint64_t wanted = propagation(s->linux_->rootfs_propagation);
	if (rc == 0 && wanted)
		rc = add_flags(p, OP_ROOT_PROPAGATION, "set the propagation of /", wanted, e);
	return rc;
}

static int plan_program(struct plan *p, enum op_kind kind, const struct op_exec *exec,
			struct err *e)
{
	int rc = add(p, kind, "exec:", exec->name, e);
	if (rc == 0)
		p->v[p->n - 1].exec = *exec;
	return rc;
}

/* Where there is but one to find, and nobody waits to hear of it before it runs, it is looked at
 * only if it cannot be executed: for what is said then. */
static bool finds_late(const struct plan_context *init, const struct op_exec *exec,
		       const struct spec_seccomp *filter)
{
	return init && init->start == START_AT_ONCE && !init->own_program && !filter &&
	       exec->paths[0] && !exec->paths[1];
}

/* From credentials to execve: the same for init and for exec, which has no context. */
static int plan_become(struct plan *p, const struct spec_process *s, const struct spec *spec,
		       const struct plan_context *init, struct err *e)
{
	const struct spec_seccomp *seccomp = spec->linux_->seccomp;
	struct op_exec exec;
	p->listened = seccomp_listened(seccomp);
	/* Init may wait for its start for long; and a filter may forbid it later. */
	int rc = init ? add(p, OP_CLOSE, "close what is not the container's", NULL, e) : 0;
	if (rc == 0) /* who is in a user namespace has no power over the host's null device */
		rc = add(p, OP_OWN_STDIO, "own stdio", in_user_ns(p) ? NULL : "/dev/null", e);
	if (rc < 0)
		return rc;
	p->v[p->n - 1].flags = s->user.uid;
	rc = process_plan(p, s, spec, e);
	if (rc == 0)
		rc = exec_prepare(p, s, &exec, e);
	if (rc < 0)
		return rc;
	bool later = finds_late(init, &exec, seccomp);
	if (!later && (!init || !init->own_program) &&
	    (rc = plan_program(p, OP_FIND, &exec, e)) < 0)
		return rc;
	/* The listener is told when the container is made; so hooks are under the filter, as with
	 * runc. */
	bool notifies = init && p->listened, late = seccomp && s->no_new_privileges;
	if (late && notifies)
		rc = seccomp_plan(p, seccomp, e);
	if (rc == 0 && init)
		rc = add(p, OP_READY, "report to the parent", NULL, e);
	if (rc == 0 && init && init->start != START_AT_ONCE)
		rc = add(p, init->start == START_BY_PARENT ? OP_GO : OP_START, "wait for the start",
			 NULL, e);
	if (rc == 0 && init && init->start == START_BY_LISTENER)
		rc = limits_plan_late(p, seccomp && (!late || notifies), e);
	/* Last, so that it need not allow what is done above; without no_new_privs it had to come
	 * earlier. The container's own hooks are under it, as with runc. */
	if (rc == 0 && late && !notifies)
		rc = seccomp_plan(p, seccomp, e);
	if (rc == 0 && init && spec->hooks)
		rc = plan_hooks(p, &spec->hooks->start_container,
				&(struct hook_stage){ .name = "startContainer",
						      .state = init->created_json,
						      .env = &s->env },
				e);
	if (rc == 0 && later && (rc = plan_program(p, OP_TRY, &exec, e)) == 0)
		rc = plan_program(p, OP_FIND, &exec, e);
	return rc < 0 ? rc : plan_program(p, OP_EXEC, &exec, e);
}

/* What the kernel gives a new keyring, and search by those of its user, or in a user namespace by
 * all others. */
#define KEYRING_PERMISSIONS 0x3f130000u
#define SEARCH_BY_USER	    0x80000u
#define SEARCH_BY_OTHERS    0x8u

/* With the container's own keyring, not the caller's; id NULL: with the caller's. */
static int plan_session(struct plan *p, const struct spec_process *s, const char *id, struct err *e)
{
	char *key = id ? arena_printf(p->arena, "_ses.%s", id) : NULL;
	int rc = id ? label_keyring_plan(p, s, s->selinux_label, e) : 0;
	if (id && !key)
		return fail(e, E2BIG, "session");
	if (rc == 0)
		rc = add(p, OP_SESSION, "start a session", key, e);
	if (rc == 0 && !p->joining)
		p->v[p->n - 1].flags = KEYRING_PERMISSIONS |
				       (in_user_ns(p) ? SEARCH_BY_OTHERS : SEARCH_BY_USER);
	return rc == 0 && id ? label_keyring_plan(p, s, "", e) : rc;
}

static void plan_begin(struct plan *p, struct arena *a)
{
	*p = (struct plan){ .arena = a, .pid_ns = -1, .user_ns = -1 };
}

static int plan_wait(struct plan *p, struct err *e)
{
	return p->waits ? add(p, OP_GO, "wait for the parent", NULL, e) : 0;
}

int plan_create(const struct plan_context *c, struct arena *a, struct plan *out, struct err *e)
{
	const struct spec *s = c->spec;
	struct plan plan, *p = &plan;
	const struct spec_namespace *user = spec_namespace(s, "user");
	if (user && !spec_namespace(s, "mount"))
		return refuse(e, EINVAL,
			      "linux.namespaces: a user namespace needs a mount namespace too");
	if (s->relative)
		log_warn("mount destination %s is not absolute: it is taken as one below /",
			 s->relative);
	int rc = 0;
	plan_begin(p, a);
	p->bundle = c->bundle;
	p->host_mounts = !spec_namespace(s, "mount");
	p->joins_late = c->joins_late;
	/* Ids to map, limits that root of a user namespace may not raise, network devices. */
	plan.waits = (user && (is_new(user) || s->process->rlimits.n)) ||
		     s->linux_->net_devices.n || s->linux_->intel_rdt || c->waits;
	rc = plan_wait(p, e);
	if (rc == 0)
		rc = p->joins_late ? plan_own_namespaces(p, c, e) : plan_namespaces(p, s, e);
	if (rc == 0 && !p->joins_late)
		rc = plan_join(p, e);
	if (rc == 0)
		rc = add(p, OP_SOURCES, "clone what the parent could not", NULL, e);
	if (rc == 0 && in_user_ns(p))
		rc = add(p, OP_PLACE, "open", c->mount_point, e);
	if (rc == 0 && in_user_ns(p))
		rc = plan_become_root(p, s, s->process, e);
	if (rc == 0)
		rc = plan_session(p, s->process, c->no_new_keyring ? NULL : c->id, e);
	if (rc == 0)
		rc = add(p, OP_STDIO, "set up stdio", NULL, e);
	if (rc == 0 && is_new(spec_namespace(s, "network")))
		rc = add(p, OP_LOOPBACK, "bring up the loopback device", NULL, e);
	if (rc == 0 && s->hostname && *s->hostname)
		rc = add(p, OP_HOSTNAME, "set hostname", s->hostname, e);
	if (rc == 0 && s->domainname && *s->domainname)
		rc = add(p, OP_DOMAINNAME, "set domainname", s->domainname, e);
	if (rc == 0)
		rc = plan_place(p, c, e);
	if (rc == 0)
		rc = plan_become(p, s->process, s, c, e);
	if (rc < 0)
		return rc;
	*out = plan;
	return 0;
}

int plan_host(const struct plan_context *c, struct arena *a, struct plan *out, struct err *e)
{
	const struct spec_process *process = c->spec->process;
	struct plan plan, *p = &plan;
	plan_begin(p, a);
	plan.waits = c->waits;
	int rc = plan_wait(p, e);
	if (rc == 0)
		rc = add(p, OP_SESSION, "start a session", NULL, e);
	if (rc == 0)
		rc = add(p, OP_STDIO, "set up stdio", NULL, e);
	if (rc == 0)
		rc = plan_console(p, process, e);
	if (rc == 0)
		rc = plan_become(p, process, c->spec, c, e);
	if (rc == 0)
		*out = plan;
	return rc;
}

/* fd: of a namespace, or of a process. */
static int add_join(struct plan *p, uint64_t namespaces, int fd, struct err *e)
{
	int rc = add_flags(p, OP_JOIN, "join the container's namespaces", namespaces, e);
	if (rc == 0)
		p->v[p->n - 1].fd = fd;
	return rc;
}

int plan_exec(const struct plan_joining *j, struct arena *a, struct plan *out, struct err *e)
{
	struct plan plan, *p = &plan;
	plan_begin(p, a);
	plan.joining = true;
	plan.filter = j->filter;
	plan.waits = j->namespaces & CLONE_NEWUSER;
	int rc = add(p, OP_GO, "wait for the parent", NULL, e);
	if (rc == 0)
		rc = add_join(p, j->namespaces & ~j->born_in & ~(uint64_t)CLONE_NEWCGROUP,
			      j->init_pidfd, e);
	/* Not with the others: before, who clones may not be in it, being in another cgroup. */
	if (rc == 0 && j->namespaces & CLONE_NEWCGROUP)
		rc = add_join(p, CLONE_NEWCGROUP, j->cgroup_ns, e);
	if (rc < 0)
		return rc;
	uint64_t born = j->namespaces & j->born_in;
	p->pid_ns = born & CLONE_NEWPID ? j->init_pidfd : -1;
	p->user_ns = born & CLONE_NEWUSER ? j->init_pidfd : -1;
	if (j->namespaces & CLONE_NEWUSER)
		p->user_ns_path = "of the container";
	if (j->root >= 0 && !spec_namespace(j->spec, "mount")) {
		rc = add(p, OP_CHROOT, "enter the container's root", NULL, e);
		if (rc < 0)
			return rc;
		p->v[p->n - 1].fd = j->root;
	}
	if (j->namespaces & CLONE_NEWUSER)
		rc = plan_become_root(p, j->spec, j->process, e);
	if (rc == 0)
		rc = plan_session(p, j->process, j->id, e);
	if (rc == 0)
		rc = add(p, OP_STDIO, "set up stdio", NULL, e);
	if (rc == 0)
		rc = plan_console(p, j->process, e);
	if (rc == 0)
		rc = plan_become(p, j->process, j->spec, NULL, e);
	if (rc < 0)
		return rc;
	*out = plan;
	return 0;
}

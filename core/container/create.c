/* create.c - making a container: claim the id, read the spec, plan, clone, wait until ready. */
#include "base/fdpass.h"
#include "base/file.h"
#include "base/log.h"
#include "box/child.h"
#include "box/keep.h"
#include "box/netdevice.h"
#include "box/rootfs.h"
#include "box/systemd.h"
#include "box/userns.h"
#include "container/filter.h"
#include "container/inside.h"
#include "container/notify.h"
#include "container/restore.h"
#include "engine/engine.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define WORK_MEMORY ((size_t)64 << 20) /* address space for spec and plan */
#define SPEC_TEXT   ((size_t)8 << 10)  /* as most have */
#define HOST_ROOT   "rootfs"

/* Everything that lives while one container is being made. */
struct making {
	const struct create_request *r;
	struct container *c;
	struct arena *a;
	const struct engine *engine;
	const struct spec *spec;
	struct buf text; /* of the spec */
	int bundle, program, listener, lock;
	struct proc_self self; /* asked when it has a start time */
	struct cgroup cgroup;
	struct resctrl resctrl;
	struct cgroup_keeper keeper;
	struct plan plan;
	struct child child;
	int console;
	bool joins_late; /* init is to be born, or was, and waits for what is left of its cgroups */
};

/* The directory is the claim: whoever makes it owns the id. */
static int claim(struct making *m, struct err *e)
{
	const char *id = m->r->id;
	int rc = container_id_check(id, e);
	if (rc < 0)
		return rc;
	auto_close int root = -1;
	int made;
	do { /* once more where somebody has removed it, empty as it was */
		put_fd(&root, container_root_hold(m->r->root, e));
		if (root < 0)
			return root;
		made = mkdirat(root, id, 0700) < 0 ? errno : 0;
	} while (made == ENOENT);
	if (made == EEXIST)
		return refuse(e, EEXIST,
			      "container with given ID already exists: %s (remove it first, or "
			      "choose another)",
			      id);
	if (made)
		return fail(e, made, "make %s/%s (choose another state directory with --root)",
			    m->r->root, id);
	struct container *c = container_new(m->r->root, id, e);
	if (!c) {
		unlinkat(root, id, AT_REMOVEDIR);
		return -ENOMEM;
	}
	m->c = c;
	c->dir = openat(root, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (c->dir < 0) {
		rc = fail(e, errno, "open %s/%s", m->r->root, id);
		unlinkat(root, id, AT_REMOVEDIR);
		return rc;
	}
	m->lock = container_lock(c, 0, e);
	return m->lock < 0 ? m->lock : 0;
}

static int read_spec(struct making *m, struct err *e)
{
	m->bundle = openat(-1, m->r->bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (m->bundle < 0)
		return fail(e, errno, "open bundle %s", m->r->bundle);
	const char *file = m->r->config ? m->r->config
					: arena_printf(m->a, "%s/config.json", m->r->bundle);
	if (!file)
		return fail(e, E2BIG, "bundle %s", m->r->bundle);
	m->spec = m->r->spec;
	char *room = arena_alloc(m->a, SPEC_TEXT);
	m->text = (struct buf){ room, 0, room ? SPEC_TEXT : 0, SPEC_MAX, false, room };
	if (m->spec) {
		spec_write(m->spec, 0, &m->text);
	} else {
		int rc = file_read(m->bundle, m->r->config ? file : "config.json", &m->text, e);
		if (rc == 0)
			rc = spec_parse(m->text.p, m->text.len, m->a, &m->spec, e);
		if (rc < 0)
			return within(e, "%s", file);
	}
	if (!m->spec->process)
		return refuse(e, EINVAL, "%s: process: missing", file);
	if (m->engine->own_root && !we_are_root() && !spec_namespace(m->spec, "user"))
		return refuse(e, EPERM,
			      "%s: linux.namespaces: rootless container requires user namespaces; "
			      "'spec --rootless' makes such a configuration",
			      file);
	if (!m->spec->linux_)
		return refuse(e, EINVAL, "%s: linux: missing", file);
	if (m->engine->own_root && m->r->rootfs_fd < 0 && (!m->spec->root || !m->spec->root->path))
		return refuse(e, EINVAL, "%s: root.path: missing", file);
	return m->text.failed ? fail(e, ENOMEM, "read the spec of container %s", m->r->id)
			      : userns_settle(m->a, &m->spec, e);
}

static int own_namespaces(struct making *m, struct strs *out)
{
	const char **v = arena_array(m->c->arena, m->spec->linux_->namespaces.n + 1, sizeof(*v));
	size_t n = 0;
	for (size_t i = 0; v && i < m->spec->linux_->namespaces.n; i++)
		if (!m->spec->linux_->namespaces.v[i].path &&
		    !(v[n++] = arena_str(m->c->arena, m->spec->linux_->namespaces.v[i].type)))
			return -E2BIG;
	*out = (struct strs){ v, n };
	return v ? 0 : -E2BIG;
}

static int copy_annotations(struct making *m, struct pairs *out)
{
	struct pair *v = arena_array(m->c->arena, m->spec->annotations.n, sizeof(*v));
	for (size_t i = 0; v && i < m->spec->annotations.n; i++) {
		v[i].key = arena_str(m->c->arena, m->spec->annotations.v[i].key);
		v[i].value = arena_str(m->c->arena, m->spec->annotations.v[i].value);
		if (!v[i].key || !v[i].value)
			return -E2BIG;
	}
	*out = (struct pairs){ v, m->spec->annotations.n };
	return v ? 0 : -E2BIG;
}

static const char *copied(struct making *m, const char *s)
{
	return s ? arena_str(m->c->arena, s) : NULL;
}

static const char *rootfs_path(struct making *m)
{
	const char *path = m->spec->root ? m->spec->root->path : NULL;
	if (!path)
		return NULL;
	return *path == '/' ? copied(m, path)
			    : arena_printf(m->c->arena, "%s/%s", m->r->bundle, path);
}

/* Without a mount namespace its root is mounted in ours, at a place of its own. */
static bool has_host_mounts(const struct making *m)
{
	return m->r->host_mount || (m->engine->own_root && !spec_namespace(m->spec, "mount"));
}

static int host_mounts(struct making *m, struct strs *out)
{
	const char **v = arena_array(m->c->arena, 1, sizeof(*v));
	const char *given = m->r->host_mount;
	if (!v ||
	    !(v[0] = given ? copied(m, given)
			   : arena_printf(m->c->arena, "%s/%s/" HOST_ROOT, m->r->root, m->r->id)))
		return -E2BIG;
	*out = (struct strs){ v, 1 };
	return !given && mkdirat(m->c->dir, HOST_ROOT, 0700) < 0 ? -errno : 0;
}

/* What will have to be undone is written down before any of it exists. */
static int record(struct making *m, struct err *e)
{
	struct state *s = &m->c->state;
	bool owned = m->r->owner_kind, ours = owned && !m->r->owner && proc_self(&m->self);
	pid_t owner = !owned ? 0 : m->r->owner ? m->r->owner : ours ? m->self.pid : getpid();
	*s = (struct state){
		.version = STATE_VERSION,
		.id = m->c->id,
		.bundle = copied(m, m->r->bundle),
		.oci_version = copied(m, m->spec->oci_version),
		.engine = m->engine->name,
		.status = status_name(STATUS_CREATING),
		.owner = owner,
		.owner_start_time = ours ? m->self.start_time : proc_start_time(owner, NULL),
		.owner_kind = copied(m, m->r->owner_kind),
		.rootfs = rootfs_path(m),
		.image = copied(m, m->r->image),
		.log = copied(m, m->r->log),
		.store = copied(m, m->r->store),
		.pid_file = m->r->own_pid_file ? copied(m, m->r->pid_file) : NULL,
		.created = clock_now(),
		.auto_remove = m->r->auto_remove,
		.no_new_keyring = m->r->no_new_keyring,
		.hooks = m->spec->hooks != NULL,
	};
	int rc = container_cgroup_locate(m->r, m->spec, m->a, &m->cgroup, e);
	if (rc == 0)
		rc = cgroup_vacant(&m->cgroup, e);
	if (rc < 0)
		return rc;
	if (cgroup_paths(&m->cgroup, m->c->arena, &s->cgroups) < 0 ||
	    own_namespaces(m, &s->namespaces) < 0 || copy_annotations(m, &s->annotations) < 0 ||
	    (has_host_mounts(m) && host_mounts(m, &s->mounts) < 0))
		return refuse(e, E2BIG, "container %s: the spec is too large", m->c->id);
	if (m->cgroup.unit) { /* from here on it is ours to stop */
		s->unit = copied(m, m->cgroup.unit->name);
		s->unit_user = m->cgroup.unit->user;
	}
	if (m->spec->linux_->intel_rdt &&
	    (rc = container_resctrl(m->spec, m->c, &m->resctrl, e)) < 0)
		return rc;
	s->resctrl = m->resctrl.own;
	/* With the spec: exec wants it as it was now. */
	rc = state_begin(m->c->dir, &m->text, s, e);
	return rc < 0 ? within(e, "container %s", m->c->id) : 0;
}

static int make_cgroup(struct making *m, struct err *e)
{
	int rc = container_cgroup_make(m->r, m->spec, &m->cgroup, &m->keeper,
				       m->joins_late ? &m->child : NULL, e);
	if (rc == 0)
		rc = container_cgroup_guard(m->r, m->spec, &m->cgroup, m->a, e);
	if (rc == 0 && m->resctrl.group)
		rc = resctrl_make(&m->resctrl, m->spec->linux_->intel_rdt, e);
	if (rc < 0 || m->cgroup.n == m->c->state.cgroups.n)
		return rc;
	m->c->state.cgroups.n = 0;
	return container_save(m->c, e);
}

/* Making v1's hierarchies takes as long as making namespaces and mounts, and so does v2's device
 * filter, which the kernel verifies: so init does those meanwhile. Not where one may have to do
 * without cgroups, and is planned without; nor where init waits for something else first, or is to
 * be where the host's cgroups have other names. */
static bool may_join_late(const struct making *m)
{
	const struct spec *s = m->spec;
	const struct spec_namespace *mounts = spec_namespace(s, "mount"),
				    *cgroup = spec_namespace(s, "cgroup");
	if (!m->engine->own_root || m->r->restore || m->r->rootless > 0 || !we_are_root() ||
	    !userns_first())
		return false;
	if (m->cgroup.unit || m->cgroup.n < (m->cgroup.v2 ? 1 : 2))
		return false;
	if (s->linux_->net_devices.n || s->linux_->intel_rdt || spec_namespace(s, "user"))
		return false;
	return mounts && !mounts->path && !(cgroup && cgroup->path);
}

static int make_cgroups(struct making *m, struct err *e)
{
	m->joins_late = may_join_late(m);
	if (m->joins_late && m->cgroup.v2)
		return container_cgroup_make(m->r, m->spec, &m->cgroup, &m->keeper, NULL, e);
	m->joins_late = m->joins_late && cgroup_make_unified(&m->cgroup, NULL) == 0;
	return m->joins_late ? 0 : make_cgroup(m, e);
}

static int finish_cgroups(struct making *m, struct err *e)
{
	if (!m->joins_late)
		return 0;
	return m->cgroup.v2 ? container_cgroup_guard(m->r, m->spec, &m->cgroup, m->a, e)
			    : make_cgroup(m, e);
}

/* The root as a directory to look into: for HOME. */
static int open_root(struct making *m, struct err *e)
{
	if (m->engine->own_root && m->r->rootfs_fd < 0)
		return rootfs_named(m->bundle, m->spec->root->path, e);
	int fd = openat(m->r->rootfs_fd, m->engine->own_root ? "." : "/",
			O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? fail(e, errno, "open the root file system") : fd;
}

/* In the container's mount namespace alone, but hooks look for it where the bundle has it. */
static const char *mount_point(struct making *m)
{
	const char *rootfs = m->c->state.rootfs;
	bool opened = m->engine->own_root && m->r->rootfs_fd < 0;
	if (m->c->state.mounts.n)
		return m->c->state.mounts.v[0];
	if (rootfs && (opened || faccessat(m->bundle, rootfs, F_OK, 0) == 0))
		return rootfs;
	return arena_printf(m->a, "%s/%s", m->r->root, m->c->id);
}

/* For hooks that run inside: there init knows itself as 1, if the pid namespace is new. */
static const char *hook_state(struct making *m, const char *status)
{
	auto_buf text = { 0 };
	struct state now = m->c->state;
	if (!m->spec->hooks)
		return NULL;
	now.pid = strs_has(&now.namespaces, "pid");
	state_write_hook(&now, status, &text);
	return text.failed ? NULL : arena_str(m->a, text.p);
}

/* Who is to know of the container before its program runs has to be told first. */
static int how_to_start(const struct making *m)
{
	const struct spec_process *p = m->spec->process;
	if (!m->r->start)
		return START_BY_LISTENER;
	bool tell = m->r->pid_file || p->terminal || p->oom_score_adj.set || m->spec->hooks;
	return tell ? START_BY_PARENT : START_AT_ONCE;
}

static int make_plan(struct making *m, struct err *e)
{
	struct spec *spec = arena_alloc(m->a, sizeof(*spec));
	auto_close int root = spec ? open_root(m, e) : fail(e, E2BIG, "container %s", m->c->id);
	if (root < 0)
		return root;
	*spec = *m->spec;
	const struct spec_process *process;
	int rc = process_with_home(m->spec->process, root, m->a, &process, e);
	if (rc == 0 && m->r->console_fd)
		rc = process_on_screen(process, m->r->console_plain, m->a, &process, e);
	if (rc < 0)
		return rc;
	spec->process = (struct spec_process *)(uintptr_t)process;
	if (m->r->own_program &&
	    (m->program = openat(-1, "/proc/self/exe", O_PATH | O_CLOEXEC)) < 0)
		return fail(e, errno, "open our own program");
	rc = notify_add(m->r, m->c, m->a, spec, e);
	if (rc == 0 && m->r->notify && m->r->notify_fd)
		rc = *m->r->notify_fd = notify_bind(m->c, e);
	if (rc < 0)
		return rc;
	const struct plan_context context = {
		.spec = spec,
		.id = m->c->id,
		.bundle = m->r->bundle,
		.mount_point = mount_point(m),
		.cgroup = &m->cgroup,
		.joins_late = m->joins_late,
		.waits = m->keeper.full,
		.detached_root = m->r->rootfs_fd >= 0,
		.no_pivot = m->r->no_pivot,
		.start = how_to_start(m),
		.no_new_keyring = m->r->no_new_keyring,
		.own_program = m->r->own_program,
		.creating_json = hook_state(m, status_name(STATUS_CREATING)),
		.created_json = hook_state(m, status_name(STATUS_CREATED)),
	};
	if (spec->hooks && (!context.creating_json || !context.created_json))
		return fail(e, ENOMEM, "hooks");
	rc = m->engine->plan(&context, m->a, &m->plan, e);
	for (size_t i = 0; rc == 0 && i < m->plan.n; i++) {
		if (m->plan.v[i].kind == OP_ROOT)
			m->plan.v[i].fd = m->r->rootfs_fd >= 0 ? m->r->rootfs_fd : take_fd(&root);
		if (m->plan.v[i].kind == OP_EXEC)
			m->plan.v[i].fd = m->program;
	}
	if (rc == 0)
		rc = plan_open(&m->plan, m->bundle, e);
	return rc == 0 ? device_nodes_make(&m->plan, spec->linux_, m->c->dir, e) : rc;
}

static int launch(struct making *m, struct err *e)
{
	if (!m->r->start &&
	    (m->listener = unix_listen(m->c->dir, START_SOCKET, SOCK_STREAM, e)) < 0)
		return m->listener;
	struct child_setup setup = {
		.plan = &m->plan,
		.stdio = { m->r->stdio[0], m->r->stdio[1], m->r->stdio[2] },
		.preserve_fds = m->r->preserve_fds,
		.listener = m->listener,
		.cgroup = &m->cgroup,
		.self = m->self.start_time ? &m->self : NULL,
	};
	int rc = container_clone(&setup, &m->child, e);
	int limited = cgroup_let_go(&m->keeper, rc < 0 ? NULL : e);
	if (rc < 0)
		return rc;
	m->c->pidfd = m->child.pidfd;
	m->c->state.pid = m->child.pid;
	tell_birth(m->c, m->spec, &m->cgroup);
	if (m->cgroup.n)
		return limited;
	/* Without a cgroup nothing else tells whose it is, should we die when it is ready. */
	m->c->state.start_time = proc_start_time(m->child.pid, NULL);
	return container_save(m->c, e);
}

static int release(struct making *m, struct err *e)
{
	int rc = finish_cgroups(m, e);
	if (rc == 0 && m->plan.maps)
		rc = userns_map(m->child.pid, m->plan.maps, e);
	if (rc == 0 && m->plan.waits)
		limits_raise(m->child.pid, &m->plan);
	if (rc == 0 && m->resctrl.group)
		rc = resctrl_join(&m->resctrl, m->child.pid, e);
	if (rc == 0)
		rc = netdevices_move(m->spec, m->child.pid, e);
	if (rc == 0)
		rc = oom_score_set(m->child.pid, &m->spec->process->oom_score_adj, e);
	if (rc == 0 && m->plan.waits)
		rc = child_go(&m->child, e);
	if (rc < 0 || !m->joins_late)
		return rc;
	m->joins_late = false;
	return child_go_in(&m->child, &m->cgroup, e);
}

static int run_hooks(struct making *m, struct err *e)
{
	if (m->r->nice)
		setpriority(PRIO_PROCESS, 0, *m->r->nice);
	int rc = container_create_hooks(m->c, m->spec->hooks, e);
	return rc == 0 ? child_go(&m->child, e) : rc;
}

/* Hears the child out until it is ready. */
static int attend(struct making *m, struct err *e)
{
	for (;;) {
		auto_close int fd = -1;
		int kind = child_wait(&m->child, &fd, e);
		int rc = kind < 0 ? kind : 0;
		if (kind == CHILD_CONSOLE)
			m->console = take_fd(&fd);
		if (kind == CHILD_LISTENER)
			rc = listener_send(m->c, m->spec->linux_->seccomp, &m->child, fd, e);
		if (kind == CHILD_READY && m->r->nice && !m->spec->process->scheduler)
			setpriority(PRIO_PROCESS, (id_t)m->child.pid, *m->r->nice);
		if (kind == CHILD_READY)
			return 0;
		if (kind == 0)
			rc = refuse(e, ECHILD,
				    "the container's init ended before it was ready; its memory "
				    "limit may be too small");
		if (kind == CHILD_HOOKS)
			rc = run_hooks(m, e);
		if (rc < 0)
			return rc;
	}
}

static int hand_over(struct making *m, struct err *e)
{
	int rc = 0;
	if (m->console >= 0 && m->r->console_socket)
		rc = console_send(m->r->console_socket, m->console, e);
	else if (m->console >= 0 && m->r->console_fd)
		*m->r->console_fd = take_fd(&m->console);
	bool runs = m->r->start || m->r->restore;
	m->c->state.status = status_name(runs ? STATUS_RUNNING : STATUS_CREATED);
	m->c->state.started = runs ? clock_now() : m->c->state.started;
	if (rc == 0)
		rc = container_save_made(m->c, m->spec, &m->cgroup, m->a, e);
	if (rc == 0 && m->r->pid_file)
		rc = pid_file_write(m->r->pid_file, m->child.pid, e);
	if (rc == 0 && m->r->pidfd_socket)
		rc = pidfd_send(m->r->pidfd_socket, "standard", m->child.pidfd, e);
	if (rc == 0)
		log_debug("container %s: %s", m->c->id, m->c->state.status);
	return rc;
}

/* Releases init, if it waits; the end of its socket is a successful execve. */
static int start(struct making *m, struct err *e)
{
	int rc = how_to_start(m) == START_BY_PARENT ? child_go(&m->child, e) : 0;
	if (rc == 0)
		rc = child_wait(&m->child, NULL, e);
	return rc < 0 ? rc : container_poststart(m->c, e);
}

/* Its init, new or restored, up to where it waits for its start. */
static int make_init(struct making *m, struct err *e)
{
	if (m->r->restore) {
		const struct restoring s = { m->r,	m->c,	     m->spec,	&m->cgroup,
					     m->bundle, &m->console, &m->child, m->a };
		return restore_init(&s, e);
	}
	int rc = make_plan(m, e);
	if (rc == 0)
		rc = launch(m, e);
	if (rc == 0)
		filter_keep(m->c, &m->plan); /* while init is busy */
	if (rc == 0)
		rc = release(m, e);
	if (rc < 0)
		return rc;
	m->c->state.start_time = proc_start_time(m->child.pid, NULL); /* it has enough to do */
	return attend(m, e);
}

static int make(struct making *m, struct err *e)
{
	int rc = preserved_count(m->r->preserve_fds, e);
	if (rc == 0)
		rc = engine_find(m->r->engine, &m->engine, e);
	if (rc == 0)
		rc = read_spec(m, e);
	if (rc == 0 && m->spec->process->terminal && !m->r->console_socket && !m->r->console_fd)
		rc = refuse(e, EINVAL,
			    "cannot allocate tty without a console socket: process.terminal "
			    "is true, give --console-socket");
	if (rc == 0 && !m->spec->process->terminal && m->r->console_socket)
		rc = refuse(e, EINVAL, "--console-socket is of no use: process.terminal is false");
	if (rc < 0)
		return rc;
	rc = claim(m, e);
	if (rc == 0)
		rc = record(m, e);
	if (rc == 0)
		rc = make_cgroups(m, e);
	if (rc == 0)
		rc = make_init(m, e);
	if (rc == 0)
		rc = hand_over(m, e);
	return rc == 0 && m->r->start && !m->r->restore ? start(m, e) : rc;
}

/* What failed half way goes the way of what crashed. */
static void undo(struct making *m)
{
	struct err why = { 0 };
	struct exit_status st;
	if (m->child.pid > 0) {
		put_fd(&m->child.sync, -1);
		proc_signal(m->child.pidfd, SIGKILL);
		proc_reap(m->child.pidfd, &st);
	}
	cgroup_only_ours(&m->cgroup, &m->c->state.cgroups);
	if (container_undo(m->c, NULL, false, &why) < 0)
		log_warn("container %s: %s; 'coracle cleanup' removes what is left", m->r->id,
			 why.msg);
	put_fd(&m->lock, -1);			/* who waits for it need not wait for hooks */
	if (m->child.pid > 0 && !m->joins_late) /* with hooks that may have something to undo */
		container_poststop(m->c, m->spec);
}

static void let_go(struct making *m)
{
	int *const own[] = { &m->child.sync, &m->listener, &m->console,
			     &m->bundle,     &m->program,  &m->lock };
	struct keep all = { .n = 0 };
	cgroup_let_go(&m->keeper, NULL);
	plan_take(&m->plan, &all);
	cgroup_take(&m->cgroup, &all);
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		keep_take(&all, own[i]);
	keep_close(&all);
	buf_free(&m->text);
	arena_free(m->a);
}

int container_create(const struct create_request *r, struct container **out, struct err *e)
{
	struct making m = { .r = r,
			    .bundle = -1,
			    .program = -1,
			    .listener = -1,
			    .lock = -1,
			    .console = -1,
			    .keeper = { -1, -1, NULL },
			    .plan = { .pid_ns = -1, .user_ns = -1 },
			    .child = { .sync = -1, .pidfd = -1 },
			    .a = arena_new(WORK_MEMORY) };
	if (!m.a)
		return fail(e, ENOMEM, "container %s", r->id);
	int rc = make(&m, e);
	if (rc < 0 && m.c && m.c->dir >= 0)
		undo(&m);
	let_go(&m);
	if (rc < 0)
		container_close(m.c);
	else
		*out = m.c;
	return rc;
}

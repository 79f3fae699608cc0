/* restore.c - restoring a container's processes from files. */
#include "container/restore.h"
#include "base/file.h"
#include "base/json.h"
#include "base/walk.h"
#include "box/ns.h"
#include "box/rootfs.h"
#include "container/criuwork.h"
#include "container/inside.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define GIVEN_MAX 5 /* descriptors: a network, a pid namespace, stdio */

struct reviving {
	const struct restoring *s;
	struct criu_work w;
	int root; /* directory */
	int fds[GIVEN_MAX];
	size_t nfds;
};

static char *text(const char *s)
{
	return (char *)(uintptr_t)s;
}

/* Mounted in place of our state directory, which CRIU does not need. */
static int open_root(struct reviving *v, struct err *e)
{
	const struct create_request *r = v->s->r;
	v->root = r->rootfs_fd >= 0 ? rootfs_named(r->rootfs_fd, ".", e)
				    : rootfs_named(v->s->bundle, v->s->spec->root->path, e);
	if (v->root < 0)
		return v->root;
	v->w.call.root = r->rootfs_fd;
	v->w.call.root_path = v->s->c->state.rootfs;
	v->w.opts.root = arena_printf(v->s->arena, "%s/%s", r->root, v->s->c->id);
	v->w.call.place = v->w.opts.root;
	v->w.call.readonly = v->s->spec->root && v->s->spec->root->readonly;
	return v->w.opts.root ? 0 : fail(e, E2BIG, "root file system");
}

/* How much of path is above; 0 if it is not below that. */
static size_t below(const char *path, const char *above)
{
	size_t n = strlen(above);
	while (n && above[n - 1] == '/')
		n--;
	return !strncmp(path, above, n) && path[n] == '/' ? n : 0;
}

static bool directory(const struct reviving *v, const struct spec_mount *m)
{
	struct stat st;
	return !spec_mount_binds(m) || !m->source || fstatat(v->s->bundle, m->source, &st, 0) < 0 ||
	       S_ISDIR(st.st_mode);
}

/* 1: its source is a link that was made again, and is. */
static int make_link(const struct reviving *v, int root, const char *path,
		     const struct spec_mount *m)
{
	char target[PATH_MAX] = "";
	const char *name;
	if (!strs_has(&m->options, "copy-symlink") || !m->source ||
	    readlinkat(v->s->bundle, m->source, target, sizeof(target) - 1) < 0)
		return 0;
	auto_close int dir = rootfs_parent(root, path, &name);
	if (dir < 0)
		return dir;
	return symlinkat(target, dir, name) < 0 && errno != EEXIST ? -errno : 1;
}

/* What mount i was made on: of those before it the last that it is in, none for the root itself. */
static const struct spec_mount *underneath(const struct spec_mounts *l, size_t i)
{
	const struct spec_mount *on = NULL;
	for (size_t k = 0; k < i; k++)
		if (below(l->v[i].destination, l->v[k].destination))
			on = &l->v[k];
	return on;
}

static int make_place(const struct reviving *v, size_t i, const struct spec_mount *on)
{
	const struct spec_mount *m = &v->s->spec->mounts.v[i];
	const char *path = m->destination;
	auto_close int source = -1;
	if (on) {
		source = openat(v->s->bundle, on->source, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (source < 0)
			return -errno;
		path += below(path, on->destination);
	}
	int root = on ? source : v->root, link = make_link(v, root, path, m);
	auto_close int fd = link ? -1 : rootfs_make(root, path, directory(v, m));
	return link < 0 ? link : link || fd >= 0 ? 0 : fd;
}

/* The root, and what is bound, may be another copy than the one that was mounted on: CRIU makes no
 * places. What is in a mount of another kind comes with that. */
static int make_places(struct reviving *v, struct err *e)
{
	const struct spec_mounts *l = &v->s->spec->mounts;
	for (size_t i = 0; i < l->n; i++) {
		const struct spec_mount *on = underneath(l, i);
		if (on && (!spec_mount_binds(on) || !on->source))
			continue;
		int rc = make_place(v, i, on);
		if (rc < 0)
			return fail(e, rc, "mounts[%zu].destination: make %s", i,
				    l->v[i].destination);
	}
	return 0;
}

static int add_mount(struct criu_work *w, const char *place, const char *source, void *arg)
{
	(void)arg;
	return criuwork_external(w, "mnt[%s]:%s", place, source);
}

static int add_mounts(struct reviving *v, struct err *e)
{
	const struct plan_context context = { .spec = v->s->spec,
					      .id = v->s->c->id,
					      .bundle = v->s->r->bundle,
					      .mount_point = v->s->c->state.rootfs,
					      .cgroup = v->s->cgroup };
	int rc = criuwork_mounts(&v->w, &context, add_mount, NULL, e);
	if (rc == 0 && v->s->spec->linux_->masked_paths.n &&
	    criuwork_external(&v->w, "mnt[/dev/null]:/dev/null") < 0)
		rc = fail(e, E2BIG, "linux.maskedPaths");
	return rc;
}

static int inherit(struct reviving *v, const char *key, int fd)
{
	CriuOpts *o = &v->w.opts;
	InheritFd *one = arena_alloc(v->s->arena, sizeof(*one));
	if (!o->inherit_fd)
		o->inherit_fd = arena_array(v->s->arena, GIVEN_MAX, sizeof(void *));
	if (!one || !o->inherit_fd)
		return -E2BIG;
	inherit_fd__init(one);
	one->key = text(key);
	one->fd = fd;
	o->inherit_fd[o->n_inherit_fd++] = one;
	return 0;
}

static int join(struct reviving *v, const char *type, const char *path)
{
	CriuOpts *o = &v->w.opts;
	JoinNamespace *one = arena_alloc(v->s->arena, sizeof(*one));
	if (!o->join_ns)
		o->join_ns = arena_array(v->s->arena, v->s->spec->linux_->namespaces.n,
					 sizeof(void *));
	if (!one || !o->join_ns)
		return -E2BIG;
	join_namespace__init(one);
	one->ns = text(strcmp(type, "mount") ? type : "mnt");
	one->ns_file = text(path);
	o->join_ns[o->n_join_ns++] = one;
	return 0;
}

static int add_namespaces(struct reviving *v, struct err *e)
{
	const struct spec_linux *l = v->s->spec->linux_;
	for (size_t i = 0; i < l->namespaces.n; i++) {
		const struct spec_namespace *n = &l->namespaces.v[i];
		const char *outside = criuwork_outside(n);
		int rc = 0;
		if (n->path && !strcmp(n->type, "cgroup"))
			return refuse(e, ENOTSUP,
				      "linux.namespaces[%zu].path: CRIU cannot restore into a "
				      "given cgroup namespace",
				      i);
		if (outside && v->nfds < GIVEN_MAX) {
			int fd = openat(-1, n->path, O_RDONLY | O_CLOEXEC);
			if (fd < 0)
				return fail(e, errno, "linux.namespaces[%zu].path: open %s", i,
					    n->path);
			v->fds[v->nfds++] = fd;
			rc = inherit(v, outside, fd);
		} else if (n->path) {
			rc = join(v, n->type, n->path);
		}
		if (rc < 0)
			return fail(e, rc, "linux.namespaces");
	}
	return 0;
}

/* Who root of a new user namespace is on the host; 0 without one. */
static uid_t root_outside(const struct spec *s)
{
	const struct spec_namespace *user = spec_namespace(s, "user");
	const struct spec_id_mappings *m = &s->linux_->uid_mappings;
	for (size_t i = 0; user && !user->path && i < m->n; i++)
		if (!m->v[i].container_id)
			return m->v[i].host_id;
	return 0;
}

/* Root of a user namespace who is nobody on the host is let into the images; the log is written to
 * where they are. */
static int show_images(struct reviving *v, struct err *e)
{
	CriuOpts *o = &v->w.opts;
	v->w.call.images_for_all = root_outside(v->s->spec) != 0;
	if (!v->w.call.images_for_all || v->w.work >= 0)
		return 0;
	v->w.work = fcntl(v->w.images, F_DUPFD_CLOEXEC, 3);
	if (v->w.work < 0)
		return fail(e, errno, "image path");
	v->w.call.work = v->w.call.images;
	o->has_work_dir_fd = true;
	o->work_dir_fd = v->w.work;
	return 0;
}

/* One of its stdio, beside CRIU's own, who opens pipes again as root of the container. */
static int give(struct reviving *v, const char *key, int i)
{
	int from = v->s->r->stdio[i] < 0 ? i : v->s->r->stdio[i];
	int fd = v->nfds < GIVEN_MAX ? fcntl(from, F_DUPFD_CLOEXEC, 3) : -1;
	if (fd < 0)
		return -errno;
	v->fds[v->nfds++] = fd;
	uid_t root = root_outside(v->s->spec);
	if (root && *key == 'p')
		(void)!fchown(fd, root, (gid_t)-1);
	return inherit(v, key, fd);
}

/* Pipes, and files that the container cannot see, are now ours of the same number. */
static int add_descriptors(struct reviving *v, struct err *e)
{
	static const struct json_field fields[] = {
		{ .name = "v", .type = J_STRS, .offset = 0 },
		{ 0 },
	};
	struct strs l = { 0 };
	auto_buf list = { .max = 1 << 16 }, object = { 0 };
	if (file_read(v->w.images, DESCRIPTORS, &list, NULL) < 0)
		return 0; /* of another runtime, or a pre-dump's: CRIU will say what is missing */
	buf_printf(&object, "{\"v\":%s}", list.p ? list.p : "");
	int rc = object.failed ? -ENOMEM
			       : json_read(object.p, object.len, fields, &l, v->s->arena, e);
	if (rc < 0)
		return within(e, "%s/%s", v->s->r->restore->image_path, DESCRIPTORS);
	for (size_t i = 0; rc == 0 && i < l.n && i < 3; i++)
		if (!strncmp(l.v[i], "pipe:[", 6) || !strncmp(l.v[i], "file[", 5))
			rc = give(v, l.v[i], (int)i);
	return rc < 0 ? fail(e, rc, DESCRIPTORS) : 0;
}

/* The next word of "cpu,cpuacct". */
static const char *next(const char *at)
{
	const char *comma = strchr(at, ',');
	return comma ? comma + 1 : NULL;
}

/* Groups are restored where ours are now, whatever they were called: one line a controller. */
static int add_groups(struct reviving *v, struct err *e)
{
	const struct cgroup *cg = v->s->cgroup;
	CriuOpts *o = &v->w.opts;
	size_t n = 0;
	for (size_t i = 0; i < cg->n; i++)
		for (const char *at = cg->v[i].controllers; at; at = next(at))
			n++;
	o->cg_root = arena_array(v->s->arena, n, sizeof(*o->cg_root));
	CgroupRoot *all = arena_array(v->s->arena, n, sizeof(*all));
	if (!o->cg_root || !all)
		return fail(e, E2BIG, "cgroups");
	for (size_t i = 0; i < cg->n; i++)
		for (const char *at = cg->v[i].controllers; at; at = next(at)) {
			CgroupRoot *one = &all[o->n_cg_root];
			cgroup_root__init(one);
			one->ctrl = arena_strn(v->s->arena, at, strcspn(at, ","));
			one->path = text(cg->v[i].path + cg->v[i].mount);
			if (!one->ctrl)
				return fail(e, E2BIG, "cgroups");
			o->cg_root[o->n_cg_root++] = one;
		}
	return 0;
}

/* As it is made, to hooks. */
static int begin_network(struct reviving *v, struct err *e)
{
	int rc = ns_loopback_up();
	(void)v;
	return rc < 0 ? fail(e, rc, "bring up the loopback device") : 0;
}

/* Those of devices need what hooks made. */
static int set_network(struct reviving *v, struct err *e)
{
	struct plan plan = { .arena = v->s->arena, .pid_ns = -1, .user_ns = -1 };
	const struct open_how how = { .flags = O_WRONLY | O_CLOEXEC,
				      .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };
	int rc = sysctl_plan(&plan, v->s->spec, e);
	auto_close int dir = openat(-1, "/proc/sys/net", O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; rc == 0 && i < plan.n; i++) {
		const struct op *o = &plan.v[i];
		if (ns_of_sysctl(o->path) != CLONE_NEWNET)
			continue;
		auto_close int fd = walk_open(dir, o->path + strlen("net/"), &how);
		if (fd < 0)
			rc = fail(e, fd, "%s", o->what);
		else if (write(fd, o->source, strlen(o->source)) < 0)
			rc = fail(e, errno, "%s", o->what);
	}
	return rc;
}

/* Does that in its network namespace, if it has one of its own: CRIU has made it empty. */
static int in_network(struct reviving *v, pid_t pid, int (*act)(struct reviving *, struct err *),
		      struct err *e)
{
	const struct spec_namespace *n = spec_namespace(v->s->spec, "network");
	char path[32];
	if (!n || n->path)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	auto_close int ours = openat(-1, "/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	auto_close int its = openat(-1, path, O_RDONLY | O_CLOEXEC);
	if (ours < 0 || its < 0 || setns(its, CLONE_NEWNET) < 0)
		return fail(e, errno, "enter the restored network namespace");
	int rc = act(v, e);
	if (setns(ours, CLONE_NEWNET) < 0)
		rc = fail(e, errno, "leave the restored network namespace");
	return rc;
}

static int run_hooks(struct reviving *v, pid_t pid, struct err *e)
{
	const struct spec_hooks *h = v->s->spec->hooks;
	struct container *c = v->s->c;
	if (!h)
		return 0;
	c->state.pid = pid;
	return container_create_hooks(c, h, e);
}

static int on_notified(void *arg, const CriuNotify *n, int *fd, struct err *e)
{
	struct reviving *v = arg;
	const char *script = n->script ? n->script : "";
	if (!strcmp(script, "setup-namespaces")) {
		int rc = in_network(v, n->pid, begin_network, e);
		if (rc == 0)
			rc = run_hooks(v, n->pid, e);
		return rc == 0 ? in_network(v, n->pid, set_network, e) : rc;
	}
	if (!strcmp(script, "orphan-pts-master"))
		put_fd(v->s->console, take_fd(fd));
	return 0;
}

static int fill(struct reviving *v, struct err *e)
{
	const struct checkpoint_options *r = v->s->r->restore;
	CriuOpts *o = &v->w.opts;
	o->has_evasive_devices = o->evasive_devices = true;
	o->has_rst_sibling = o->rst_sibling = true;
	o->lsm_profile = text(r->lsm_profile);
	o->lsm_mount_context = text(r->lsm_mount_context);
	v->w.call.type = CRIU_REQ_TYPE__RESTORE;
	v->w.call.cgroup = v->s->cgroup;
	v->w.call.notified = on_notified;
	v->w.call.arg = v;
	v->w.call.fds = v->fds;
	int rc = open_root(v, e);
	if (rc == 0)
		rc = make_places(v, e);
	if (rc == 0)
		rc = add_mounts(v, e);
	if (rc == 0)
		rc = add_namespaces(v, e);
	if (rc == 0)
		rc = add_descriptors(v, e);
	v->w.call.nfds = v->nfds;
	if (rc == 0)
		rc = show_images(v, e);
	return rc == 0 ? add_groups(v, e) : rc;
}

static int adopt(struct reviving *v, pid_t pid, struct err *e)
{
	struct child *child = v->s->child;
	child->pid = pid;
	child->pidfd = proc_hold(pid);
	if (child->pidfd < 0)
		return fail(e, child->pidfd, "open process %d", (int)pid);
	v->s->c->pidfd = child->pidfd;
	v->s->c->state.pid = pid;
	v->s->c->state.start_time = proc_start_time(pid, NULL);
	return 0;
}

int restore_init(const struct restoring *s, struct err *e)
{
	struct reviving v = { .s = s,
			      .w = { .a = s->arena, .spec = s->spec, .images = -1, .work = -1 },
			      .root = -1 };
	pid_t pid = 0;
	int rc = criuwork_begin(&v.w, s->r->restore, "restore.log", false, e);
	if (rc == 0)
		rc = fill(&v, e);
	if (rc == 0)
		rc = criu_run(&v.w.call, s->arena, &pid, e);
	if (rc == 0)
		rc = adopt(&v, pid, e);
	put_fd(&v.root, -1);
	while (v.nfds)
		close(v.fds[--v.nfds]);
	criuwork_end(&v.w);
	return rc;
}

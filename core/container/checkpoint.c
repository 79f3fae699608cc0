/* checkpoint.c - dumping a container's processes into files. */
#include "container/checkpoint.h"
#include "base/file.h"
#include "box/mountinfo.h"
#include "box/rootfs.h"
#include "container/criuwork.h"
#include "container/inside.h"
#include "container/lifecycle.h"
#include "engine/engine.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORK_MEMORY ((size_t)64 << 20)

struct dumping {
	struct container *c;
	const struct checkpoint_options *o;
	struct criu_work w;
	struct cgroup cgroup;
	int proc, root; /* of init: its directory in /proc, its root */
};

static int look_at_init(struct dumping *d, struct err *e)
{
	char path[32];
	snprintf(path, sizeof(path), "/proc/%d", d->c->state.pid);
	d->proc = openat(-1, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d->root = d->proc < 0 ? -1 : openat(d->proc, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int rc = d->root < 0 ? -errno : 0;
	if (proc_ended(d->c->pidfd))
		return lifecycle_check(STATUS_STOPPED, EV_CHECKPOINT, d->c->id, e);
	return rc < 0 ? fail(e, rc, "look at the init of container %s", d->c->id) : 0;
}

static const char *read_link(struct arena *a, int dir, const char *name)
{
	char text[4096];
	ssize_t n = readlinkat(dir, name, text, sizeof(text));
	return n < 0 ? NULL : arena_strn(a, text, (size_t)n);
}

/* Where a path of the container really is: what is mounted there is known by that name. */
static const char *real_place(struct dumping *d, const char *path, struct stat *st)
{
	char name[32];
	auto_close int fd = rootfs_open(d->root, path, O_PATH);
	if (fd < 0 || fstat(fd, st) < 0)
		return NULL;
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	return read_link(d->w.a, -1, name);
}

static int add_mount(struct criu_work *w, const char *place, const char *source, void *arg)
{
	struct stat st;
	const char *real = real_place(arg, place, &st);
	(void)source;
	return criuwork_external(w, "mnt[%s]:%s", real ? real : place, place);
}

/* Masked files show the host's null device, or the container's own; masked directories are empty,
 * and the container's own. */
static int add_masks(struct dumping *d, struct err *e)
{
	const struct strs *l = &d->w.spec->linux_->masked_paths;
	struct stat st, null;
	int rc = stat("/dev/null", &null) < 0 ? -errno : 0;
	for (size_t i = 0; rc == 0 && i < l->n; i++) {
		const char *real = real_place(d, l->v[i], &st);
		if (real && S_ISCHR(st.st_mode) && st.st_dev == null.st_dev)
			rc = criuwork_external(&d->w, "mnt[%s]:/dev/null", real);
	}
	return rc < 0 ? fail(e, rc, "linux.maskedPaths") : 0;
}

static int add_namespaces(struct dumping *d, struct err *e)
{
	const struct spec_linux *l = d->w.spec->linux_;
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < l->namespaces.n; i++) {
		const char *name = criuwork_outside(&l->namespaces.v[i]);
		if (!name)
			continue;
		bool network = !strcmp(l->namespaces.v[i].type, "network");
		const char *link = read_link(d->w.a, d->proc, network ? "ns/net" : "ns/pid");
		const char *inode = link ? strchr(link, '[') : NULL;
		rc = inode ? criuwork_external(&d->w, "%s%s:%s", network ? "net" : "pid", inode,
					       name)
			   : -ENOENT;
	}
	return rc < 0 ? fail(e, rc, "linux.namespaces") : 0;
}

static long mount_of_fd(struct dumping *d, int fd)
{
	char name[24];
	auto_buf text = { .max = 4096 };
	snprintf(name, sizeof(name), "fdinfo/%d", fd);
	const char *line = file_read(d->proc, name, &text, NULL) == 0 && text.p
				   ? strstr(text.p, "mnt_id:")
				   : NULL;
	return line ? strtol(line + strlen("mnt_id:"), NULL, 10) : -1;
}

static bool has_mount(const char *mountinfo, struct arena *a, long id)
{
	char *copy = arena_str(a, mountinfo), *at = copy;
	struct mount_line line;
	while (copy && mountinfo_next(&at, &line))
		if (line.id == id)
			return true;
	return false;
}

/* A file that the container has open and cannot see (a log, a FIFO, the host's /dev/null) is not
 * dumped: whoever restores gives another one in its place. "" when it has no such descriptor. */
static int describe_fd(struct dumping *d, int fd, const char *mountinfo, const char **out)
{
	char name[16];
	struct stat st;
	snprintf(name, sizeof(name), "fd/%d", fd);
	*out = read_link(d->w.a, d->proc, name);
	if (!*out)
		*out = "";
	long id = **out == '/' ? mount_of_fd(d, fd) : -1;
	if (id < 0 || has_mount(mountinfo, d->w.a, id) || fstatat(d->proc, name, &st, 0) < 0)
		return 0;
	*out = arena_printf(d->w.a, "file[%lx:%" PRIx64 "]", (unsigned long)id,
			    (uint64_t)st.st_ino);
	return *out ? criuwork_external(&d->w, "%s", *out) : -E2BIG;
}

static int save_descriptors(struct dumping *d, struct err *e)
{
	auto_buf mountinfo = { 0 }, text = { 0 };
	int rc = file_read(d->proc, "mountinfo", &mountinfo, e);
	for (int fd = 0; rc == 0 && fd < 3; fd++) {
		const char *what = NULL;
		rc = describe_fd(d, fd, mountinfo.p ? mountinfo.p : "", &what);
		buf_char(&text, fd ? ',' : '[');
		json_string(&text, what ? what : "", what ? strlen(what) : 0);
	}
	buf_char(&text, ']');
	if (rc == 0 && text.failed)
		rc = -ENOMEM;
	if (rc < 0)
		return fail(e, rc, "the descriptors of container %s", d->c->id);
	return file_replace(d->w.images, DESCRIPTORS, text.p, text.len, 0600, e);
}

/* What a pre-dump, which takes memory alone, needs not know. */
static int describe(struct dumping *d, struct err *e)
{
	const struct plan_context context = { .spec = d->w.spec,
					      .id = d->c->id,
					      .bundle = d->c->state.bundle,
					      .mount_point = d->c->state.rootfs,
					      .cgroup = &d->cgroup };
	int rc = criuwork_mounts(&d->w, &context, add_mount, d, e);
	if (rc == 0)
		rc = add_masks(d, e);
	return rc == 0 ? save_descriptors(d, e) : rc;
}

static int check_parent(struct dumping *d, struct err *e)
{
	struct stat st;
	const char *path = d->o->parent_path;
	if (*path == '/')
		return refuse(e, EINVAL, "--parent-path %s: it must be relative to the image path",
			      path);
	if (fstatat(d->w.images, path, &st, 0) < 0)
		return fail(e, errno, "invalid --parent-path: %s/%s", d->o->image_path, path);
	return S_ISDIR(st.st_mode)
		       ? 0
		       : fail(e, ENOTDIR, "invalid --parent-path: %s/%s", d->o->image_path, path);
}

static int check_features(struct dumping *d, struct err *e)
{
	CriuFeatures have = CRIU_FEATURES__INIT;
	if (!d->o->pre_dump && !d->o->lazy_pages)
		return 0;
	int rc = criu_features(d->w.a, &have, e);
	if (rc == 0 && d->o->pre_dump && !have.mem_track)
		rc = refuse(
			e, ENOTSUP,
			"--pre-dump: this kernel does not track memory (CONFIG_MEM_SOFT_DIRTY)");
	if (rc == 0 && d->o->lazy_pages && !have.lazy_pages)
		rc = refuse(e, ENOTSUP,
			    "--lazy-pages: this kernel does not let CRIU load pages later "
			    "(userfaultfd)");
	return rc;
}

/* That lazy pages can be asked for. Who does not hear it any more is an error, and not our end. */
static int tell_status(int fd, struct err *e)
{
	void (*before)(int) = signal(SIGPIPE, SIG_IGN);
	int rc = write(fd, "", 1) == 1 ? 0 : -errno;
	signal(SIGPIPE, before);
	return rc < 0 ? fail(e, rc, "--status-fd %d", fd) : 0;
}

static int on_notified(void *arg, const CriuNotify *n, int *fd, struct err *e)
{
	const struct checkpoint_options *o = ((struct dumping *)arg)->o;
	(void)fd;
	if (o->status_fd < 0 || !n->script || strcmp(n->script, "status-ready") != 0)
		return 0;
	return tell_status(o->status_fd, e);
}

static int fill(struct dumping *d, struct err *e)
{
	const struct checkpoint_options *o = d->o;
	CriuOpts *opts = &d->w.opts;
	opts->has_pid = true;
	opts->pid = d->c->state.pid;
	opts->root = (char *)(uintptr_t)d->c->state.rootfs;
	opts->freeze_cgroup = (char *)(uintptr_t)cgroup_freezer(&d->cgroup);
	d->w.call.notified = on_notified;
	d->w.call.arg = d;
	if (o->page_server) {
		opts->ps = arena_alloc(d->w.a, sizeof(*opts->ps));
		if (!opts->ps)
			return fail(e, E2BIG, "criu");
		criu_page_server_info__init(opts->ps);
		opts->ps->address = (char *)(uintptr_t)o->page_server;
		opts->ps->has_port = true;
		opts->ps->port = o->page_port;
	}
	if (o->parent_path) {
		opts->parent_img = (char *)(uintptr_t)o->parent_path;
		opts->has_track_mem = opts->track_mem = true;
		return check_parent(d, e);
	}
	return 0;
}

static int dump(struct dumping *d, struct err *e)
{
	int rc = container_spec(d->c, d->w.a, &d->w.spec, e);
	if (rc == 0)
		rc = criuwork_begin(&d->w, d->o, "dump.log", true, e);
	if (rc == 0)
		rc = container_cgroup(d->c, &d->cgroup, e);
	if (rc == 0)
		rc = look_at_init(d, e);
	if (rc == 0)
		rc = check_features(d, e);
	if (rc == 0)
		rc = fill(d, e);
	if (rc == 0)
		rc = add_namespaces(d, e);
	if (rc == 0 && !d->o->pre_dump)
		rc = describe(d, e);
	d->w.call.type = d->o->pre_dump ? CRIU_REQ_TYPE__PRE_DUMP : CRIU_REQ_TYPE__DUMP;
	return rc == 0 ? criu_run(&d->w.call, d->w.a, NULL, e) : rc;
}

int container_checkpoint(struct container *c, const struct checkpoint_options *o, struct err *e)
{
	auto_arena *a = arena_new(WORK_MEMORY);
	struct dumping d = {
		.c = c, .o = o, .w = { .a = a, .images = -1, .work = -1 }, .proc = -1, .root = -1
	};
	auto_close int lock = a ? container_lock(c, 0, e) : fail(e, ENOMEM, "container %s", c->id);
	if (lock < 0)
		return lock;
	int rc = container_reload(c, e);
	if (rc == 0)
		rc = engine_allows(c->state.engine, ENGINE_CHECKPOINT, "checkpoint", e);
	if (rc == 0)
		rc = lifecycle_check(container_status(c), EV_CHECKPOINT, c->id, e);
	if (rc == 0)
		rc = dump(&d, e);
	cgroup_close(&d.cgroup);
	put_fd(&d.proc, -1);
	put_fd(&d.root, -1);
	criuwork_end(&d.w);
	return rc;
}

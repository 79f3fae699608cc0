/* cgroup.c - a container's cgroup: make, join, read, remove. */
#include "box/cgroup.h"
#include "base/file.h"
#include "box/cgroup_inner.h"
#include "box/keep.h"
#include "box/mountinfo.h"
#include "box/systemd.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

/* On parents that we made, so that we remove them and nobody else's. Kernels before 5.7 cannot:
 * there they stay. */
#define MARK	 "user.coracle.made"
#define DYING_MS 2000

struct cgroup_dir *cgroup_v1_dir(const struct cgroup *cg, const char *controller)
{
	for (size_t i = 0; i < cg->n; i++)
		if (option_has(cg->v[i].controllers, controller))
			return &cg->v[i];
	return NULL;
}

struct cgroup_dir *cgroup_unified(const struct cgroup *cg)
{
	for (size_t i = 0; i < cg->n; i++)
		if (!*cg->v[i].controllers)
			return &cg->v[i];
	return NULL;
}

int cgroup_get(int dir, const char *file, char *out, size_t size)
{
	auto_close int fd = openat(dir, file, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, out, size - 1);
	if (n < 0)
		return -errno;
	while (n > 0 && out[n - 1] == '\n')
		n--;
	out[n] = 0;
	return (int)n;
}

static int fill_cpuset(int fd, bool fresh);

static int fill_above(int fd)
{
	auto_close int up = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return up < 0 ? -errno : fill_cpuset(up, false);
}

/* cpuset of v1 begins empty and takes nobody in until it has cpus and mems: its parent's, which may
 * have to get them in the same way. The root always has some. */
static int fill_cpuset(int fd, bool fresh)
{
	static const char *const files[] = { "../cpuset.cpus", "../cpuset.mems" };
	char value[4096];
	int n = 0;
	for (size_t i = 0; n >= 0 && i < 2; i++) {
		const char *above = files[i], *name = above + strlen("../");
		if (!fresh && cgroup_get(fd, name, value, sizeof(value)) != 0)
			continue;
		n = cgroup_get(fd, above, value, sizeof(value));
		if (n == 0 && (n = fill_above(fd)) == 0)
			n = cgroup_get(fd, above, value, sizeof(value));
		if (n > 0)
			n = file_put(fd, name, value);
	}
	return n < 0 ? n : 0;
}

/* With clone_children, the children begin with the same. */
static int fill_parent(const char *path)
{
	auto_close int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = fd < 0 ? -errno : fill_cpuset(fd, true);
	return rc < 0 ? rc : file_put(fd, "cgroup.clone_children", "1");
}

/* Makes the parent of path, which is cut for the while. */
static int make_parents(const struct cgroup_dir *d, char *path)
{
	char *slash = strrchr(path, '/');
	if (!slash || slash <= path + d->mount)
		return -ENOENT;
	*slash = 0;
	int rc = mkdir(path, 0755) < 0 ? -errno : 0;
	if (rc == -ENOENT && (rc = make_parents(d, path)) == 0)
		rc = mkdir(path, 0755) < 0 ? -errno : 0;
	if (rc == 0)
		setxattr(path, MARK, "1", 1, 0);
	if (rc == 0 && option_has(d->controllers, "cpuset"))
		rc = fill_parent(path);
	*slash = '/';
	return rc == -EEXIST ? 0 : rc; /* somebody else was quicker */
}

static int make_all_parents(const struct cgroup_dir *d)
{
	char path[PATH_MAX];
	if (snprintf(path, sizeof(path), "%s", d->path) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	return make_parents(d, path);
}

/* All at once, or what can be. */
static void enable_at(const char *path)
{
	char have[512], on[512], *save = NULL, control[PATH_MAX + 32];
	auto_buf want = { 0 };
	snprintf(control, sizeof(control), "%s/cgroup.controllers", path);
	if (cgroup_get(-1, control, have, sizeof(have)) <= 0)
		return;
	snprintf(control, sizeof(control), "%s/cgroup.subtree_control", path);
	if (cgroup_get(-1, control, on, sizeof(on)) < 0)
		return;
	for (char *p = on; *p; p++)
		*p = *p == ' ' ? ',' : *p;
	for (char *w = strtok_r(have, " ", &save); w; w = strtok_r(NULL, " ", &save))
		if (!option_has(on, w))
			buf_printf(&want, "%s+%s", want.len ? " " : "", w);
	if (!want.len || file_put(-1, control, want.p) == 0)
		return;
	for (char *w = strtok_r(want.p, " ", &save); w; w = strtok_r(NULL, " ", &save))
		file_put(-1, control, w);
}

void cgroup_enable(const struct cgroup_dir *d)
{
	char path[PATH_MAX];
	if (snprintf(path, sizeof(path), "%s", d->path) >= (int)sizeof(path))
		return;
	for (char *p = path + d->mount; p; p = strchr(p + 1, '/')) {
		char was = *p;
		*p = 0;
		enable_at(path);
		*p = was;
	}
}

/* Whatever would join a frozen one would freeze before it could say so. */
static int check_vacant(const struct cgroup_dir *d, struct err *e)
{
	auto_buf pids = { 0 };
	char state[16];
	const char *file = *d->controllers ? "freezer.state" : "cgroup.freeze";
	auto_close int fd = openat(-1, d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (cgroup_read_pids(fd, &pids) < 0 || pids.len)
		return refuse(e, EBUSY, "container's cgroup is not empty: %s has processes already",
			      d->path);
	if (cgroup_get(fd, file, state, sizeof(state)) > 0 && strcmp(state, "THAWED") != 0 &&
	    strcmp(state, "0") != 0)
		return refuse(e, EBUSY, "container's cgroup unexpectedly frozen: %s", d->path);
	return 0;
}

int cgroup_vacant(struct cgroup *cg, struct err *e)
{
	int rc = 0;
	for (size_t i = cg->alike ? cg->n - 1 : 0; rc == 0 && i < cg->n; i++) {
		rc = check_vacant(&cg->v[i], e);
		cg->v[i].ours = rc == 0;
	}
	return rc;
}

void cgroup_only_ours(const struct cgroup *cg, struct strs *paths)
{
	size_t n = 0;
	if (paths->n != cg->n) /* none were recorded, or it does without */
		return;
	for (size_t i = 0; i < cg->n; i++)
		if (cg->v[i].ours)
			paths->v[n++] = paths->v[i];
	paths->n = n;
}

int cgroup_dir_open(struct cgroup_dir *d)
{
	if (d->fd < 0)
		d->fd = openat(-1, d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return d->fd < 0 ? -errno : 0;
}

/* Those of v1 that nothing is written to are not opened. */
static int make_dir(struct cgroup_dir *d, struct err *e)
{
	int rc = mkdir(d->path, 0755) < 0 ? -errno : 0;
	if (rc == -ENOENT && (rc = make_all_parents(d)) == 0)
		rc = mkdir(d->path, 0755) < 0 ? -errno : 0;
	d->made = rc == 0;
	if (rc < 0 && rc != -EEXIST)
		return fail(e, rc, "make cgroup %s", d->path);
	if (!d->made && !d->ours && (rc = check_vacant(d, e)) < 0)
		return rc;
	d->ours = true;
	bool cpuset = option_has(d->controllers, "cpuset");
	if ((cpuset || !*d->controllers) && (rc = cgroup_dir_open(d)) < 0)
		return fail(e, rc, "open cgroup %s", d->path);
	if (cpuset && (rc = fill_cpuset(d->fd, d->made)) < 0)
		return fail(e, rc, "give cgroup %s its parent's cpus", d->path);
	return 0;
}

/* v1's of memory comes first: it takes ten times as long as another, and nobody can mount anything
 * meanwhile, which an init that was born already soon wants to. */
int cgroup_make(struct cgroup *cg, struct err *e)
{
	struct cgroup_dir *memory = cgroup_v1_dir(cg, "memory");
	int rc = memory && memory->fd < 0 ? make_dir(memory, e) : 0;
	for (size_t i = 0; rc == 0 && i < cg->n; i++)
		if (&cg->v[i] != memory && cg->v[i].fd < 0)
			rc = make_dir(&cg->v[i], e);
	if (rc < 0)
		return rc;
	if (cg->v2)
		cgroup_enable(&cg->v[0]);
	return 0;
}

int cgroup_make_unified(struct cgroup *cg, struct err *e)
{
	struct cgroup_dir *u = cgroup_unified(cg);
	return u ? make_dir(u, e) : 0;
}

static int open_door(const struct cgroup_dir *d)
{
	char path[PATH_MAX];
	if (d->fd >= 0)
		return openat(d->fd, "tasks", O_WRONLY | O_CLOEXEC);
	int n = snprintf(path, sizeof(path), "%s/tasks", d->path);
	return n < (int)sizeof(path) ? openat(-1, path, O_WRONLY | O_CLOEXEC) : -1;
}

int cgroup_doors(struct cgroup *cg, struct err *e)
{
	for (size_t i = 0; i < cg->n; i++) {
		struct cgroup_dir *d = &cg->v[i];
		if (!*d->controllers)
			continue;
		d->door = open_door(d);
		if (d->door < 0)
			return fail(e, errno, "open cgroup %s", d->path);
	}
	return 0;
}

int cgroup_clone_fd(const struct cgroup *cg)
{
	const struct cgroup_dir *u = cgroup_unified(cg);
	return u ? u->fd : -1;
}

int cgroup_join(const struct cgroup *cg)
{
	struct fd_run run = { 0 };
	for (size_t i = 0; i < cg->n; i++) {
		if (cg->v[i].door < 0)
			continue;
		if (write(cg->v[i].door, "0", 1) < 0)
			return -errno;
		fd_run_close(&run, cg->v[i].door);
	}
	fd_run_close(&run, -1);
	return 0;
}

int cgroup_enter(const char *path, struct err *e)
{
	struct cgroup cg;
	size_t entered = 0;
	auto_arena *a = arena_new((size_t)1 << 20);
	char *absolute = a ? arena_printf(a, "/%s", path) : NULL;
	int rc = absolute ? cgroup_locate(absolute, "", a, &cg, e)
			  : fail(e, ENOMEM, "cgroup %s", path);
	for (size_t i = 0; rc == 0 && i < cg.n; i++) {
		char *procs = arena_printf(a, "%s/cgroup.procs", cg.v[i].path);
		rc = procs ? file_put(-1, procs, "0") : -ENOMEM;
		entered += rc == 0;
		if (rc == -ENOENT)
			rc = 0;
		else if (rc < 0)
			fail(e, rc, "enter cgroup %s", cg.v[i].path);
	}
	return rc == 0 && !entered ? fail(e, ENOENT, "enter cgroup %s", path) : rc;
}

int cgroup_each_child(int fd, int (*visit)(int dir, const char *name, void *arg), void *arg)
{
	struct stat st;
	/* The kernel keeps the count of links: most cgroups have no children to look for. */
	if (fstat(fd, &st) < 0 || st.st_nlink <= 2)
		return 0;
	int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = again < 0 ? NULL : fdopendir(again);
	if (!d) {
		close_fdp(&again);
		return -errno;
	}
	int rc = 0;
	for (struct dirent *entry; rc >= 0 && (entry = readdir(d));)
		if (entry->d_type == DT_DIR && strcmp(entry->d_name, ".") &&
		    strcmp(entry->d_name, ".."))
			rc = visit(dirfd(d), entry->d_name, arg);
	closedir(d);
	return rc;
}

static int read_child_pids(int dir, const char *name, void *arg)
{
	auto_close int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? (errno == ENOENT ? 0 : -errno) : cgroup_read_pids(fd, arg);
}

int cgroup_read_pids(int fd, struct buf *pids)
{
	int rc = file_read(fd, "cgroup.procs", pids, NULL);
	/* In a threaded cgroup the processes are listed by its parent; a removed one has none. */
	if (rc == -EOPNOTSUPP || rc == -ENODEV || rc == -ENOENT)
		rc = 0;
	return rc < 0 ? rc : cgroup_each_child(fd, read_child_pids, pids);
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

int cgroup_pids(const struct cgroup *cg, struct arena *a, struct u32s *out, struct err *e)
{
	auto_buf text = { 0 };
	size_t n = 0, last = 0;
	for (size_t i = 0; i < cg->n; i++)
		if (cg->v[i].fd >= 0)
			last = i + 1;
	if (last) { /* the same processes are in all: the unified hierarchy tells */
		int rc = cgroup_read_pids(cg->v[last - 1].fd, &text);
		if (rc < 0)
			return fail(e, rc, "read the processes of %s", cg->v[last - 1].path);
	}
	for (size_t i = 0; i < text.len; i++)
		n += text.p[i] == '\n';
	uint32_t *v = arena_array(a, n, sizeof(*v));
	if (!v)
		return fail(e, ENOMEM, "read the processes of a cgroup");
	n = 0;
	for (char *p = text.p; p && *p; p += strcspn(p, "\n"), p += *p == '\n')
		v[n++] = (uint32_t)strtoul(p, NULL, 10);
	qsort(v, n, sizeof(*v), compare);
	size_t kept = 0;
	for (size_t i = 0; i < n; i++) /* 0: a process of a pid namespace that is not below ours */
		if (v[i] && (!kept || v[kept - 1] != v[i]))
			v[kept++] = v[i];
	*out = (struct u32s){ v, kept };
	return 0;
}

static int remove_child(int dir, const char *name, void *arg)
{
	(void)arg;
	if (unlinkat(dir, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	auto_close int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	int rc = fd < 0 ? -errno : cgroup_each_child(fd, remove_child, NULL);
	if (rc < 0)
		return rc;
	return unlinkat(dir, name, AT_REMOVEDIR) == 0 || errno == ENOENT ? 0 : -errno;
}

/* A process stays counted until the kernel has switched away from it for the last time, which on
 * newer kernels is after its pidfd said that it has ended and after cgroup.procs forgot it. The
 * unified hierarchy tells when; one set of cgroups belongs to a process, so it leaves those of v1
 * in the same moment. Without it nothing tells: then we let the processor go, as the dying need no
 * more than that, a bounded number of times. */
static int remove_dying(const struct cgroup *cg, const struct cgroup_dir *d)
{
	const struct cgroup_dir *u = cgroup_unified(cg);
	if (u && u->fd >= 0 && cgroup_wait_event(u->fd, "populated", 0, DYING_MS) == 0)
		return rmdir(d->path) == 0 || errno == ENOENT ? 0 : -errno;
	for (int i = 0; i < 1000; i++) {
		if (rmdir(d->path) == 0 || errno == ENOENT)
			return 0;
		if (errno != EBUSY)
			return -errno;
		sched_yield();
	}
	return -EBUSY;
}

static int remove_dir(const struct cgroup *cg, const struct cgroup_dir *d, struct err *e)
{
	if (rmdir(d->path) == 0 || errno == ENOENT || errno == ENOTDIR)
		return 0;
	int rc = -errno;
	if (rc == -EBUSY || rc == -ENOTEMPTY) {
		auto_buf pids = { 0 };
		auto_close int fd = openat(-1, d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			return errno == ENOENT ? 0 : fail(e, errno, "open cgroup %s", d->path);
		if (cgroup_read_pids(fd, &pids) == 0 && pids.len)
			return refuse(e, EBUSY, "cgroup %s still has processes: %.40s", d->path,
				      pids.p);
		rc = cgroup_each_child(fd, remove_child, NULL);
		rc = rc < 0 && rc != -EBUSY ? rc : remove_dying(cg, d);
	}
	return rc < 0 ? fail(e, rc, "remove cgroup %s", d->path) : 0;
}

static void remove_parents(const struct cgroup_dir *d)
{
	char path[PATH_MAX], mark;
	if (snprintf(path, sizeof(path), "%s", d->path) >= (int)sizeof(path))
		return;
	for (char *p; (p = strrchr(path, '/')) && p > path + d->mount;) {
		*p = 0;
		if (getxattr(path, MARK, &mark, 1) != 1 || rmdir(path) < 0)
			return;
	}
}

struct cgroup_dir *cgroup_unit_dir(const struct cgroup *cg)
{
	return cg->v2 ? cgroup_unified(cg) : cgroup_v1_dir(cg, "name=systemd");
}

/* One that has no cgroup where we recorded it is over, and perhaps remembered as failed; or it is
 * somebody else's of the same name. If stopping fails, systemd ends by itself what will be empty.
 */
static void stop_unit(const struct cgroup *cg)
{
	const struct cgroup_dir *d = cgroup_unit_dir(cg);
	if (d && faccessat(-1, d->path, F_OK, 0) == 0)
		systemd_stop(cg->unit, NULL);
	else
		systemd_forget(cg->unit);
}

int cgroup_remove(struct cgroup *cg, struct err *e)
{
	int first = 0;
	if (cg->unit)
		stop_unit(cg);
	for (size_t i = 0; i < cg->n; i++) {
		int rc = remove_dir(cg, &cg->v[i], first ? NULL : e);
		if (rc == 0)
			remove_parents(&cg->v[i]);
		first = first ? first : rc;
	}
	return first;
}

void cgroup_take(struct cgroup *cg, struct keep *to)
{
	for (size_t i = 0; i < cg->n; i++) {
		keep_take(to, &cg->v[i].fd);
		keep_take(to, &cg->v[i].door);
	}
}

void cgroup_close(struct cgroup *cg)
{
	struct keep all = { .n = 0 };
	cgroup_take(cg, &all);
	keep_close(&all);
}

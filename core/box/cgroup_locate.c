/* cgroup_locate.c - where a container's cgroups go: which hierarchies there are, and the path in
 * each. */
#include "base/file.h"
#include "box/cgroup_inner.h"
#include "box/mountinfo.h"
#include "box/systemd.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#define ROOT	     "/sys/fs/cgroup"
#define HIERARCHIES  32
#define PATH_LONGEST 2048

/* While looking: the mounts are read only when a hierarchy is not where it is everywhere. */
struct search {
	const char *path; /* below each hierarchy */
	bool relative;	  /* ... or below our own cgroup there */
	bool mounts_read;
	struct buf mounts;
	struct arena *a;
	struct cgroup *out;
};

static bool is_type(const char *path, long magic)
{
	struct statfs fs;
	return statfs(path, &fs) == 0 && (long)fs.f_type == magic;
}

bool cgroup_is_v2(void)
{
	return is_type(ROOT, CGROUP2_SUPER_MAGIC);
}

/* slice:prefix:name */
static char *systemd_path(const char *spec, struct arena *a, struct err *e)
{
	struct systemd_unit u;
	if (systemd_unit_parse(spec, "", false, a, &u, e) < 0)
		return NULL;
	char *slice = systemd_slice_path(u.slice, a, e);
	return slice ? arena_printf(a, "%s/%s", slice, u.name) : NULL;
}

static bool is_systemd(const char *path)
{
	const char *first = strchr(path, ':'), *second = first ? strchr(first + 1, ':') : NULL;
	return *path != '/' && second && !strchr(second + 1, ':');
}

int cgroup_subpath(const char *spec, const char *id, struct arena *a, char **out, struct err *e)
{
	const char *from = spec;
	if (!spec || !*spec)
		from = arena_printf(a, "/coracle-%s", id);
	else if (is_systemd(spec) && !(from = systemd_path(spec, a, e)))
		return e && e->code ? -e->code : -EINVAL;
	if (!from || strlen(from) > PATH_LONGEST)
		return refuse(e, ENAMETOOLONG, "linux.cgroupsPath: longer than %d bytes",
			      PATH_LONGEST);
	char *to = *out = arena_alloc(a, strlen(from) + 2);
	if (!to)
		return fail(e, ENOMEM, "linux.cgroupsPath");
	for (const char *p = from; *p;) {
		size_t n = strcspn(p, "/");
		if (n == 2 && !strncmp(p, "..", 2))
			return refuse(e, EINVAL, "linux.cgroupsPath: '%.200s' has '..' in it",
				      spec);
		if (n && !(n == 1 && *p == '.')) {
			*to++ = '/';
			memcpy(to, p, n);
			to += n;
		}
		p += n + strspn(p + n, "/");
	}
	if (to == *out)
		return refuse(e, EINVAL, "linux.cgroupsPath: '%.200s' names no cgroup of its own",
			      spec);
	return *from == '/' ? CGROUP_ABSOLUTE : CGROUP_RELATIVE;
}

/* Where the kernel's list says that it is mounted; NULL: nowhere. *root: what of it is mounted
 * there. */
static const char *find_mount(struct search *s, const char *controllers, const char **root)
{
	struct mount_line m;
	const char *found = NULL;
	if (!s->mounts_read && mountinfo_read(&s->mounts, NULL) < 0)
		return NULL;
	s->mounts_read = true;
	char *text = s->mounts.p ? arena_str(s->a, s->mounts.p) : NULL;
	size_t n = strcspn(controllers, ",");
	char *first = arena_strn(s->a, controllers, n);
	if (!text || !first)
		return NULL;
	while (!found && mountinfo_next(&text, &m)) {
		bool right = *controllers ? !strcmp(m.type, "cgroup") && option_has(m.super, first)
					  : !strcmp(m.type, "cgroup2");
		if (!right)
			continue;
		found = m.target;
		*root = m.root;
	}
	return found;
}

/* The usual mount point of a hierarchy if it is there, else the one in mountinfo. */
static const char *mount_of(struct search *s, const char *controllers, const char **root)
{
	const char *name = !*controllers		       ? "unified"
			   : !strncmp(controllers, "name=", 5) ? controllers + 5
							       : controllers;
	const char *usual = arena_printf(s->a, ROOT "/%s", name);
	*root = "/";
	if (usual && is_type(usual, *controllers ? CGROUP_SUPER_MAGIC : CGROUP2_SUPER_MAGIC))
		return usual;
	return find_mount(s, controllers, root);
}

/* Our own cgroup as seen through a mount of root. */
static const char *own_below(const char *own, const char *root, const char *mount, struct arena *a)
{
	size_t n = strcmp(root, "/") ? strlen(root) : 0;
	if (n && (strncmp(own, root, n) || (own[n] && own[n] != '/')))
		return "";
	own += n;
	if (!strcmp(own, "/") || !strncmp(own, "/..", 3))
		return "";
	/* In a container without cgroup namespace it is mounted at our own cgroup, whatever its
	 * path. */
	const char *there = arena_printf(a, "%s%s", mount, own);
	return there && faccessat(-1, there, F_OK, 0) == 0 ? own : "";
}

static int add(struct search *s, const char *controllers, const char *mount, const char *own)
{
	char *path = arena_printf(s->a, "%s%s%s", mount, own, s->path);
	char *names = arena_str(s->a, controllers);
	if (!path || !names)
		return -ENOMEM;
	if (s->out->n == HIERARCHIES)
		return -E2BIG;
	s->out->v[s->out->n++] = (struct cgroup_dir){
		.controllers = names, .path = path, .mount = strlen(mount), .fd = -1, .door = -1
	};
	return 0;
}

/* One line of /proc/self/cgroup: number, controllers, our own path. */
static int add_line(struct search *s, char *line)
{
	char *controllers = strchr(line, ':'),
	     *own = controllers ? strchr(controllers + 1, ':') : NULL;
	const char *root, *mount;
	if (!own)
		return 0;
	controllers++;
	*own++ = 0;
	if (s->out->v2) {
		root = "/";
		mount = *controllers ? NULL : ROOT;
	} else {
		mount = mount_of(s, controllers, &root);
	}
	if (!mount) /* such a hierarchy exists, but nobody uses it */
		return 0;
	return add(s, controllers, mount, s->relative ? own_below(own, root, mount, s->a) : "");
}

static int add_all(struct search *s, char *text, struct err *e)
{
	int rc = 0;
	for (char *p = text, *end; p && *p; p = end) {
		end = strchr(p, '\n');
		if (end)
			*end++ = 0;
		else
			end = p + strlen(p);
		rc = add_line(s, p);
		if (rc < 0)
			return fail(e, rc, "list the cgroup hierarchies");
	}
	if (!s->out->n)
		return refuse(e, ENOENT,
			      "no cgroup file system is mounted on " ROOT
			      "; mount -t cgroup2 cgroup2 " ROOT);
	return 0;
}

/* mounts NULL: read when they are needed. */
int cgroup_locate_in(char *list, const char *mounts, const struct cgroup_place *where,
		     struct arena *a, struct cgroup *out, struct err *e)
{
	struct cgroup found = { .v2 = where->v2,
				.v = arena_array(a, HIERARCHIES, sizeof(struct cgroup_dir)) };
	struct search s = { .path = where->path,
			    .relative = where->kind == CGROUP_RELATIVE,
			    .mounts_read = mounts,
			    .a = a,
			    .out = &found };
	if (!found.v)
		return fail(e, ENOMEM, "list the cgroup hierarchies");
	if (mounts)
		buf_str(&s.mounts, mounts);
	int rc = add_all(&s, list, e);
	buf_free(&s.mounts);
	if (rc == 0)
		*out = found;
	return rc;
}

int cgroup_locate(const char *cgroups_path, const char *id, struct arena *a, struct cgroup *out,
		  struct err *e)
{
	char room[1024], *path = NULL;
	auto_buf list = { BUF_IN(room), .max = 1 << 20 };
	int rc = cgroup_subpath(cgroups_path, id, a, &path, e);
	struct cgroup_place where = { path, rc, cgroup_is_v2() };
	if (where.v2 && rc == CGROUP_ABSOLUTE) /* wherever we are ourselves */
		buf_str(&list, "0::/");
	else if (rc >= 0)
		rc = file_read(-1, "/proc/self/cgroup", &list, e);
	if (rc >= 0)
		rc = cgroup_locate_in(list.p, NULL, &where, a, out, e);
	if (rc >= 0)
		out->alike = !cgroups_path || !*cgroups_path;
	return rc;
}

int cgroup_locate_unit(const char *cgroups_path, const char *id, struct arena *a,
		       struct cgroup *out, struct err *e)
{
	const char *base = "";
	struct systemd_unit *u = arena_alloc(a, sizeof(*u));
	bool user = systemd_as_user();
	if (user && !cgroup_is_v2())
		return refuse(e, ENOTSUP,
			      "cannot use rootless systemd cgroups manager on cgroup v1");
	int rc = u ? systemd_unit_parse(cgroups_path, id, user, a, u, e)
		   : fail(e, ENOMEM, "linux.cgroupsPath");
	char *slice = rc == 0 ? systemd_slice_path(u->slice, a, e) : NULL;
	if (rc == 0 && !slice)
		rc = -EINVAL;
	if (rc == 0 && user)
		rc = systemd_user_cgroup(a, &base, e);
	if (rc < 0)
		return rc;
	char *path = arena_printf(a, "%s%s/%s", base, slice, u->name);
	rc = path ? cgroup_locate(path, id, a, out, e) : fail(e, ENOMEM, "linux.cgroupsPath");
	if (rc == 0)
		out->unit = u;
	return rc;
}

/* How much of a recorded path is the mount point, and what is mounted there. */
static void recognize(struct search *s, struct cgroup_dir *d)
{
	size_t n = strlen(ROOT);
	struct mount_line m;
	if (!strncmp(d->path, ROOT "/", n + 1)) {
		if (s->out->v2) {
			d->mount = n;
			return;
		}
		size_t name = strcspn(d->path + n + 1, "/");
		d->mount = n + 1 + name;
		char *mount = arena_strn(s->a, d->path, d->mount);
		struct statfs fs = { 0 };
		if (mount && statfs(mount, &fs) == 0 && (long)fs.f_type == CGROUP2_SUPER_MAGIC)
			return;
		char *controllers = arena_strn(s->a, d->path + n + 1, name);
		if (controllers && !strcmp(controllers, "systemd"))
			controllers = arena_str(s->a, "name=systemd");
		if (controllers && (long)fs.f_type == CGROUP_SUPER_MAGIC) {
			d->controllers = controllers;
			return;
		}
	}
	if (!s->mounts_read && mountinfo_read(&s->mounts, NULL) < 0)
		return;
	s->mounts_read = true;
	for (char *text = s->mounts.p ? arena_str(s->a, s->mounts.p) : NULL;
	     text && mountinfo_next(&text, &m);) {
		n = strlen(m.target);
		if (strncmp(m.type, "cgroup", 6) || strncmp(d->path, m.target, n) ||
		    d->path[n] != '/')
			continue;
		d->mount = n;
		d->controllers = strcmp(m.type, "cgroup2") ? m.super : "";
	}
}

int cgroup_open_of(const struct strs *paths, const char *controller, struct arena *a,
		   struct cgroup *out, struct err *e)
{
	struct cgroup found = { .v = arena_array(a, paths->n, sizeof(struct cgroup_dir)) };
	struct search s = { .a = a, .out = &found };
	if (!found.v)
		return fail(e, ENOMEM, "open the cgroups");
	found.v2 = cgroup_is_v2();
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < paths->n; i++) {
		struct cgroup_dir *d = &found.v[found.n];
		*d = (struct cgroup_dir){
			.controllers = "", .path = arena_str(a, paths->v[i]), .fd = -1, .door = -1
		};
		if (!d->path) {
			rc = fail(e, ENOMEM, "open the cgroups");
			break;
		}
		recognize(&s, d);
		if (controller && *d->controllers && !option_has(d->controllers, controller))
			continue;
		found.n++;
		d->fd = openat(-1, d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (d->fd < 0 && errno != ENOENT && errno != ENOTDIR)
			rc = fail(e, errno, "open cgroup %s", d->path);
	}
	buf_free(&s.mounts);
	if (rc < 0) {
		cgroup_close(&found);
		return rc;
	}
	found.v2 = found.n == 1 && !*found.v[0].controllers;
	*out = found;
	return 0;
}

int cgroup_open(const struct strs *paths, struct arena *a, struct cgroup *out, struct err *e)
{
	return cgroup_open_of(paths, NULL, a, out, e);
}

int cgroup_follow(struct cgroup *cg, pid_t pid)
{
	char name[32], path[PATH_LONGEST * 2];
	auto_buf text = { .max = 1 << 16 };
	struct cgroup_dir *d = &cg->v[0];
	snprintf(name, sizeof(name), "/proc/%d/cgroup", (int)pid);
	if (!cg->v2 || file_read(-1, name, &text, NULL) < 0 || !text.p ||
	    strncmp(text.p, "0::/", 4) != 0)
		return -ENOENT;
	const char *own = text.p + 3;
	size_t n = strcspn(own, "\n");
	bool above = !strncmp(own, "/..", 3) &&
		     (n == 3 || own[3] == '/'); /* our namespace's root */
	int len = snprintf(path, sizeof(path), "%.*s%.*s", (int)d->mount, d->path, (int)n, own);
	if (above || len >= (int)sizeof(path))
		return -ENOENT;
	int fd = openat(-1, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	put_fd(&d->fd, fd);
	return 0;
}

int cgroup_paths(const struct cgroup *cg, struct arena *a, struct strs *out)
{
	const char **v = arena_array(a, cg->n + 1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < cg->n; i++) {
		v[i] = arena_str(a, cg->v[i].path); /* which may outlive cg's own memory */
		if (!v[i])
			return -ENOMEM;
	}
	*out = (struct strs){ v, cg->n };
	return 0;
}

int cgroup_names(const struct cgroup *cg, struct arena *a, struct pairs *out)
{
	*out = (struct pairs){ 0 };
	for (size_t i = 0; i < cg->n; i++) {
		const char *p = cg->v[i].controllers;
		do {
			size_t n = strcspn(p, ",");
			struct pair *new = LIST_ADD(a, out);
			if (!new || !(new->key = arena_strn(a, p, n)))
				return -E2BIG;
			new->value = cg->v[i].path;
			p += n;
		} while (*p++);
	}
	return 0;
}

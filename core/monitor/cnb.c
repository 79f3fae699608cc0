/* cnb.c - an image out of an app's sources, made by a Cloud Native Buildpacks builder. */
#include "monitor/cnb.h"
#include "base/cli.h"
#include "base/file.h"
#include "base/json.h"
#include "base/loop.h"
#include "base/sha256.h"
#include "base/toml.h"
#include "box/rootfs.h"
#include "box/subid.h"
#include "image/mountset.h"
#include "image/pull.h"
#include "image/treecopy.h"
#include "monitor/cnbtree.h"
#include "monitor/monitor.h"
#include "monitor/obtain.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_BUILD     ((uint64_t)64 << 30)
#define CREATOR	      "/cnb/lifecycle/creator"
#define LAUNCHER      "/cnb/lifecycle/launcher"
#define APIS_LABEL    "io.buildpacks.lifecycle.apis"
#define PROCESS_LABEL "io.buildpacks.build.metadata"
/* As the lifecycle knows the two, to which a name with a dot is a registry's, and where their
 * layouts are then. */
#define RUN_IMAGE  "app.invalid/run:latest"
#define APP_IMAGE  "app.invalid/app:latest"
#define RUN_PLACE  "in/layout/app.invalid/run/latest"
#define APP_LAYOUT "app.invalid/app/latest"

/* One on its way. */
struct build {
	const struct run_options *o;
	struct store *store;
	struct arena *a;
	struct image *builder, *run;
	int root; /* the builder's files */
	int app;
	int work; /* ours in the store: all that the build needs and leaves */
	char name[STORE_WORK_NAME];
	const char *path;  /* of work */
	const char *cache; /* a path, too */
	int cache_fd;	   /* locked */
	uid_t uid;
	gid_t gid;
	unsigned api;  /* 0.api of the platform's interface */
	int64_t given; /* bytes that the build found */
};

static int no_room(struct err *e)
{
	return fail(e, E2BIG, "build an app");
}

struct apis {
	struct {
		struct strs supported;
	} platform;
};
static const struct json_field supported_fields[] = {
	{ .name = "supported", .type = J_STRS },
	{ 0 },
};
static const struct json_field apis_fields[] = {
	{ .name = "platform", .type = J_STRUCT, .sub = supported_fields },
	{ 0 },
};

/* The newest that both know. One that does not say gets the oldest with layouts, and may refuse. */
static int choose_api(struct build *b, struct err *e)
{
	const char *label = pairs_get(&b->builder->config.config.labels, APIS_LABEL);
	struct apis all = { 0 };
	b->api = 12;
	if (!label)
		return 0;
	int rc = json_read(label, strlen(label), apis_fields, &all, b->a, e);
	if (rc < 0)
		return within(e, "label %s of %.200s", APIS_LABEL, b->o->builder);
	for (b->api = 15; b->api >= 12; b->api--)
		if (strs_has(&all.platform.supported, arena_printf(b->a, "0.%u", b->api)))
			return 0;
	return refuse(e, EPROTONOSUPPORT,
		      "the lifecycle of %.200s has no platform API from 0.12 to 0.15, "
		      "and only these export to a layout: take a newer builder",
		      b->o->builder);
}

static int env_number(const struct build *b, const char *name, unsigned *out, struct err *e)
{
	const struct strs *env = &b->builder->config.config.env;
	size_t n = strlen(name);
	for (size_t i = 0; i < env->n; i++) {
		char *end;
		if (strncmp(env->v[i], name, n) != 0 || env->v[i][n] != '=')
			continue;
		unsigned long v = strtoul(env->v[i] + n + 1, &end, 10);
		if (end == env->v[i] + n + 1 || *end || !v || v >= UINT32_MAX)
			return refuse(e, EINVAL, "%.200s has %.50s: a builder's is a number from 1",
				      b->o->builder, env->v[i]);
		*out = (unsigned)v;
		return 0;
	}
	return refuse(e, EINVAL, "%.200s is no builder: it has no %s in its environment",
		      b->o->builder, name);
}

static int get_builder(struct build *b, struct err *e)
{
	const struct platform here = platform_here();
	int rc = obtain(b->store, b->o->builder, b->o, b->a, &b->builder, e);
	if (rc < 0)
		return rc;
	const char *arch = b->builder->config.architecture;
	if (!arch || strcmp(arch, here.architecture) != 0)
		return refuse(e, ENOEXEC, "%.200s is for %.20s: nothing of it runs on this %s",
			      b->o->builder, arch ? arch : "?", here.architecture);
	rc = env_number(b, "CNB_USER_ID", &b->uid, e);
	if (rc == 0)
		rc = env_number(b, "CNB_GROUP_ID", &b->gid, e);
	if (rc == 0 && subid_alone())
		return refuse(e, EPERM,
			      "a build has a user of its own, %u, and you have no id for him: "
			      "see /etc/subuid and package uidmap",
			      b->uid);
	return rc < 0 ? rc : choose_api(b, e);
}

/* A file of the builder's. -ENOENT, and nothing said: there is none. */
static int read_inside(const struct build *b, const char *path, struct toml *out, struct err *e)
{
	auto_buf text = { .max = 65536 };
	struct stat st;
	auto_close int fd = rootfs_open(b->root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return -ENOENT;
	int rc = file_read_fd(fd, path, &text, e);
	if (rc == 0)
		rc = toml_parse(text.p ? text.p : "", text.len, b->a, out, e);
	return rc < 0 ? within(e, "%s of %.200s", path, b->o->builder) : 0;
}

/* The first of a list, or, as it was before that, the one. */
static int find_run_image(const struct build *b, const char **out, struct err *e)
{
	static const char *const places[][2] = { { "/cnb/run.toml", "images" },
						 { "/cnb/stack.toml", "run-image" } };
	for (size_t i = 0; i < 2; i++) {
		struct toml top;
		int rc = read_inside(b, places[i][0], &top, e);
		if (rc < 0 && e->code)
			return rc;
		const struct toml *t = rc < 0 ? NULL : toml_get(&top, places[i][1]);
		if (t && t->kind == TOML_ARRAY)
			t = t->first;
		t = t ? toml_get(t, "image") : NULL;
		*out = t && t->kind == TOML_STRING ? t->string : NULL;
		if (*out)
			return 0;
	}
	return refuse(e, ENOENT, "%.200s names no run image: name one with --run-image",
		      b->o->builder);
}

static int get_run_image(struct build *b, struct err *e)
{
	const char *text = b->o->run_image;
	b->root = image_mount_work(b->store, b->builder, b->work, e);
	if (b->root < 0)
		return b->root;
	auto_close int creator = rootfs_open(b->root, CREATOR, O_PATH);
	if (creator < 0)
		return refuse(e, ENOENT, "%.200s is no builder: it has no " CREATOR, b->o->builder);
	int rc = text ? 0 : find_run_image(b, &text, e);
	return rc < 0 ? rc : obtain(b->store, text, b->o, b->a, &b->run, e);
}

/* The only version of a buildpack that the builder has. */
static int only_version(const struct build *b, const char *where, const char **out, struct err *e)
{
	int fd = rootfs_open(b->root, where, O_RDONLY | O_DIRECTORY);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	size_t n = 0;
	for (struct dirent *entry; d && (entry = readdir(d));)
		if (entry->d_name[0] != '.' && ++n)
			*out = arena_str(b->a, entry->d_name);
	if (d)
		closedir(d);
	return n == 1 && *out ? 0
			      : refuse(e, ENOENT, "%.200s has %zu versions of buildpack %.200s%s",
				       b->o->builder, n, strrchr(where, '/') + 1,
				       n ? ": name one of them as ID@VERSION" : "");
}

/* An order.toml of one group: the buildpacks that were asked for. */
static int order_write(const struct build *b, int dir, struct err *e)
{
	auto_buf text = { 0 };
	int rc = 0;
	buf_str(&text, "[[order]]\n");
	for (size_t i = 0; rc == 0 && i < b->o->buildpacks.n; i++) {
		const char *id = b->o->buildpacks.v[i], *version = strchr(id, '@');
		int n = (int)strcspn(id, "@");
		char *where = arena_printf(b->a, "/cnb/buildpacks/%.*s", n, id);
		if (!where || !n || strpbrk(id, "\"\\\n"))
			return refuse(e, EINVAL, "option --buildpack: '%.200s' is no ID", id);
		for (char *p = where + sizeof("/cnb/buildpacks"); *p; p++)
			*p = *p == '/' ? '_' : *p;
		rc = version++ ? 0 : only_version(b, where, &version, e);
		if (rc == 0)
			buf_printf(&text, "[[order.group]]\nid = \"%.*s\"\nversion = \"%s\"\n", n,
				   id, version);
	}
	if (rc == 0 && text.failed)
		rc = no_room(e);
	return rc < 0 ? rc : file_swap(dir, "order.toml", text.p, text.len, 0644, e);
}

static int open_app(struct build *b, struct err *e)
{
	b->app = open(b->o->app, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (b->app < 0)
		return fail(e, errno, "app %.200s", b->o->app);
	const char *app = path_of(b->app, b->a, e), *store = path_of(b->store->dir, b->a, e);
	if (!app || !store)
		return -e->code;
	size_t n = strlen(app);
	if (!strncmp(app, store, n) && (n == 1 || store[n] == '/' || !store[n]))
		return refuse(e, EINVAL, "the app %.200s has the image store in it", app);
	b->path = arena_printf(b->a, "%s/tmp/%s", store, b->name);
	const char *key = arena_printf(b->a, "%s\n%s\n%u:%u", app, b->builder->name, b->uid,
				       b->gid);
	char digest[SHA256_TEXT];
	if (!key || !b->path)
		return no_room(e);
	sha256_text(key, strlen(key), digest);
	b->cache = arena_printf(b->a, "%s/" STORE_CACHE "/%.32s", store, digest + 7);
	b->cache_fd = b->cache ? dir_make(-1, b->cache, 0700, e) : no_room(e);
	if (b->cache_fd < 0)
		return b->cache_fd;
	struct stat st; /* a build that ended just now may have removed it */
	if (flock(b->cache_fd, LOCK_EX | LOCK_NB) < 0 || fstat(b->cache_fd, &st) < 0 ||
	    !st.st_nlink)
		return refuse(e, EBUSY, "the app %.200s is being built already", app);
	return fchown(b->cache_fd, b->uid, b->gid) < 0 ? fail(e, errno, "cache %s", b->cache) : 0;
}

static int copy_app(const struct build *b, int to, struct err *e)
{
	int rc = tree_readable(b->app, e);
	if (rc == 0)
		rc = tree_copy(b->app, to, e);
	return rc < 0 ? within(e, "app %.200s", b->o->app) : 0;
}

/* What the container gets: each a directory in the work directory. */
static int fill_work(const struct build *b, struct err *e)
{
	static const char *const parts[] = { "in/app", "in/platform/env", RUN_PLACE, "in/layers",
					     "in",     "in/platform" };
	int fds[6], rc = 0;
	size_t n = 0;
	struct strs env;
	while (n < 6 && rc >= 0)
		rc = fds[n] = dir_make(b->work, parts[n], 0755, e), n++;
	if (rc >= 0)
		rc = runspec_env(b->o, b->a, &env, e);
	for (size_t i = 0; rc == 0 && i < env.n; i++)
		rc = env_write(fds[1], env.v[i], e);
	if (rc == 0 && b->o->buildpacks.n)
		rc = order_write(b, fds[5], e);
	if (rc == 0)
		rc = copy_app(b, fds[0], e);
	if (rc == 0)
		rc = tree_give(fds[4], b->uid, b->gid, e);
	if (rc == 0) /* its blobs are the store's own, which stay root's */
		rc = layout_lend(b->store, b->run, fds[2], e);
	while (n)
		put_fd(&fds[--n], -1);
	return rc;
}

/* What the container sees of ours, whatever characters their paths have. */
static int add_mounts(const struct build *b, struct spec *s, struct err *e)
{
	static const char *const own[] = { "rbind", "ro" };
	static const char *const targets[][2] = { { "/workspace", "app" },
						  { "/layers", "layers" },
						  { "/layout", "layout" },
						  { "/platform", "platform" },
						  { "/cache", NULL } };
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		const char *part = targets[i][1];
		struct spec_mount *m = LIST_ADD(b->a, &s->mounts);
		const char **options = list_grow(b->a, own, 2, 0, sizeof(*own));
		const char *source = part ? arena_printf(b->a, "%s/in/%s", b->path, part)
					  : b->cache;
		if (!m || !options || !source)
			return no_room(e);
		bool readonly = part && !strcmp(part, "platform");
		*m = (struct spec_mount){ .destination = targets[i][0],
					  .type = "bind",
					  .source = source,
					  .options = { options, readonly ? 2 : 1 } };
	}
	return 0;
}

static int make_spec(const struct build *b, const char *id, struct spec **out, struct err *e)
{
	static const char *args[] = {
		"-order",    "/platform/order.toml", "-layout", "-layout-dir", "/layout",
		"-app",	     "/workspace",	     "-layers", "/layers",     "-platform",
		"/platform", "-cache-dir",	     "/cache",	"-run-image",  RUN_IMAGE,
		APP_IMAGE
	};
	static const char *all[] = { "ALL" };
	static const char *nothing_new[] = { "no-new-privileges" };
	size_t own = b->o->buildpacks.n ? 0 : 2; /* the builder's order is its own */
	const char *env[] = { arena_printf(b->a, "CNB_PLATFORM_API=0.%u", b->api),
			      "CNB_EXPERIMENTAL_MODE=quiet" };
	const struct run_options o = {
		.memory = b->o->memory,
		.cpu = b->o->cpu,
		.cpus = b->o->cpus,
		.ulimits = b->o->ulimits,
		.pids_limit = b->o->pids_limit,
		.network = b->o->network,
		.cgroup_parent = b->o->cgroup_parent,
		.user = arena_printf(b->a, "%u:%u", b->uid, b->gid),
		.cwd = "/",
		.entrypoint = CREATOR,
		.env = { env, 2 },
		.cap_drop = { all, 1 },
		.security = { nothing_new, 1 },
	};
	const struct run_subject subject = { .image = b->builder,
					     .rootfs = b->root,
					     .command = { args + own,
							  sizeof(args) / sizeof(*args) - own },
					     .id = id,
					     .hostname = "cnb" };
	int rc = o.user && env[0] ? runspec_make(&o, &subject, b->a, out, e) : no_room(e);
	return rc < 0 ? rc : add_mounts(b, *out, e);
}

/* Its exit status has the phase in its tens. */
static int judge(const struct build *b, int status, struct err *e)
{
	static const char *const phases[] = { "its work", "finding a buildpack",
					      "analysis", "restore",
					      "build",	  "export" };
	size_t phase = status < 20 || status > 69 ? 0 : (size_t)status / 10 - 1;
	return status ? refuse(e, EIO,
			       "the lifecycle of %.200s failed at %s (exit status %d); "
			       "what it said is above",
			       b->o->builder, phases[phase], status)
		      : 0;
}

static int count(const struct build *b, int64_t *bytes, struct err *e)
{
	*bytes = 0;
	int rc = tree_usage(b->work, bytes, e);
	return rc < 0 ? rc : tree_usage(b->cache_fd, bytes, e);
}

/* Of struct attend: whether its files have become too large. */
static int check_size(void *arg, struct err *e)
{
	const struct build *b = arg;
	uint64_t most = b->o->max_build ? b->o->max_build : MAX_BUILD;
	char words[32];
	int64_t now;
	int rc = count(b, &now, e);
	if (rc < 0)
		return within(e, "what the lifecycle of %.200s wrote", b->o->builder);
	if (now <= b->given || (uint64_t)(now - b->given) <= most)
		return 0;
	size_format(most, words, sizeof(words));
	return refuse(e, EDQUOT,
		      "the build took more than %s of the disk: it was ended; see --max-build",
		      words);
}

/* Its stdout is our stderr: ours is for results. */
static int run_creator(struct build *b, struct err *e)
{
	struct monitor_request q = {
		.remove = true, .fragile = true, .check = check_size, .arg = b
	};
	const char *id = arena_printf(b->a, "cnb-%s", b->name);
	struct spec *spec;
	int rc = id ? make_spec(b, id, &spec, e) : no_room(e);
	const char *root = rc < 0 ? NULL : container_root(b->o->root, b->a, e);
	auto_close int own = root ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3) : -1;
	if (!root)
		return -e->code;
	if (own < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		return fail(e, errno, "redirect the lifecycle's output");
	q.create = (struct create_request){ .root = root,
					    .id = id,
					    .bundle = b->path,
					    .spec = spec,
					    .rootfs_fd = b->root,
					    .image = b->builder->name };
	rc = count(b, &b->given, e);
	rc = rc < 0 ? rc : monitor_run(&q, e);
	dup2(own, STDOUT_FILENO);
	if (rc == 0) /* it may have been quicker than our looks at it */
		rc = check_size(b, e);
	return rc < 0 ? rc : judge(b, rc, e);
}

/* Tags are of fewer letters than names of files. */
static const char *image_name(const struct build *b)
{
	const char *base = strrchr(b->o->app, '/');
	char *name = arena_printf(b->a, "localhost/cnb:%.*s", TAG_MAX,
				  base && base[1] ? base + 1 : "app");
	for (char *p = name ? name + 14 : NULL; p && *p; p++) {
		bool letter = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z');
		if (!letter && (*p < '0' || *p > '9') && (p == name + 14 || !strchr("-._", *p)))
			*p = '_';
	}
	return name;
}

/* The layers of the run image are in the store, and so not looked at. */
static int import(const struct build *b, struct image **out, struct err *e)
{
	struct image im;
	auto_arena *a = arena_new(ARENA_IMAGE);
	auto_close int layout = openat(b->work, "in/layout", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* A path in which ":" would end it is named by what is open. */
	const struct pull_request q = {
		.text = arena_printf(b->a, "oci:/proc/self/fd/%d/" APP_LAYOUT, layout),
		.as = image_name(b),
	};
	if (!a || !q.text || !q.as)
		return no_room(e);
	int rc = layout < 0 ? fail(e, errno, "open the layout") : tree_check(layout, e);
	if (rc == 0)
		rc = pull(b->store, &q, a, &im, e);
	if (rc < 0)
		return within(e, "what the lifecycle of %.200s exported", b->o->builder);
	return image_open(b->store, q.as, b->a, out, e);
}

static int steps(struct build *b, struct image **out, struct err *e)
{
	int rc = open_app(b, e);
	if (rc == 0)
		rc = fill_work(b, e);
	if (rc == 0)
		rc = run_creator(b, e);
	return rc < 0 ? rc : import(b, out, e);
}

/* A build that took too much may have put it there. */
static void forget_cache(const struct build *b)
{
	struct err ignored;
	auto_close int all = openat(b->store->dir, STORE_CACHE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (all >= 0)
		tree_remove(all, strrchr(b->cache, '/') + 1, &ignored);
}

/* From the copying of the app on signals wait, so that what was made is removed. */
static int build(struct store *s, const struct run_options *o, struct arena *a, struct image **out,
		 struct err *e)
{
	struct build b = { .o = o, .store = s, .a = a, .root = -1, .app = -1, .cache_fd = -1 };
	sigset_t before;
	mode_t mask = umask(022); /* what we make is for the builder's user */
	int rc = get_builder(&b, e);
	b.work = rc < 0 ? rc : store_work_begin(s, b.name, e);
	if (b.work < 0) {
		umask(mask);
		return b.work;
	}
	rc = get_run_image(&b, e);
	signals_hold(&before);
	if (rc == 0)
		rc = steps(&b, out, e);
	if (rc == -EDQUOT)
		forget_cache(&b);
	put_fd(&b.root, -1);
	put_fd(&b.app, -1);
	store_work_end(s, b.work, b.name);
	put_fd(&b.cache_fd, -1);
	umask(mask);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return rc;
}

struct process_type {
	const char *type;
};
struct processes {
	struct {
		struct process_type *v;
		size_t n;
	} all;
};
static const struct json_field process_fields[] = {
	JSON(J_STR, process_type, type, "type"),
	{ 0 },
};
static const struct json_field processes_fields[] = {
	JSON_SUB(J_LIST, processes, all, "processes", process_fields, process_type),
	{ 0 },
};

static int choose_process(const struct image *im, struct run_options *o, bool has_command,
			  struct arena *a, struct err *e)
{
	const char *type = o->process;
	const char *label = pairs_get(&im->config.config.labels, PROCESS_LABEL);
	const struct strs *entry = &im->config.config.entrypoint;
	struct processes p = { 0 };
	auto_buf list = { .max = 800 };
	int rc = label ? json_read(label, strlen(label), processes_fields, &p, a, e) : 0;
	if (rc < 0)
		return within(e, "label " PROCESS_LABEL);
	for (size_t i = 0; i < p.all.n; i++) {
		const char *one = p.all.v[i].type ? p.all.v[i].type : "?";
		if (type && !strcmp(type, one)) {
			o->entrypoint = arena_printf(a, "/cnb/process/%s", type);
			return o->entrypoint ? 0 : no_room(e);
		}
		buf_printf(&list, "%s%.100s", i ? ", " : "", one);
	}
	const char *types = list.len ? list.p : "none";
	if (type)
		return refuse(e, ENOENT, "the app has no process %.100s, but: %s", type, types);
	if (!has_command && !o->entrypoint && !im->config.config.cmd.n && entry->n == 1 &&
	    !strcmp(entry->v[0], LAUNCHER))
		return refuse(e, EINVAL,
			      "none of the app's processes is the default: name one with "
			      "--process, or a command; there are: %s",
			      types);
	return 0;
}

int cnb_check(const struct run_options *o, struct err *e)
{
	if (!o->app != !o->builder ||
	    (!o->app && (o->run_image || o->process || o->buildpacks.n || o->max_build)) ||
	    (o->app && o->rootfs))
		return refuse(
			e, EINVAL,
			"--cnb and --builder go together, --run-image, --buildpack, "
			"--max-build and --process only with them, and --rootfs only without");
	return 0;
}

int cnb_obtain(struct store *s, const char *text, struct run_options *o, bool has_command,
	       struct arena *a, struct image **out, struct err *e)
{
	if (!o->app)
		return obtain(s, text, o, a, out, e);
	int rc = build(s, o, a, out, e);
	return rc < 0 ? rc : choose_process(*out, o, has_command, a, e);
}

/* criuwork.c - what checkpoint and restore tell CRIU alike. */
#include "container/criuwork.h"
#include "base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#define EXTERNALS_MAX 4096
#define PARENT	      "parent"		  /* CRIU's link to the images before these */
#define LAZY	      "lazy-pages.socket" /* of who has the pages that are to follow */
#define PARENTS_MAX   256

static const struct {
	const char *name;
	CriuCgMode mode;
} modes[] = {
	[CGROUPS_SOFT] = { "soft", CRIU_CG_MODE__SOFT },
	[CGROUPS_FULL] = { "full", CRIU_CG_MODE__FULL },
	[CGROUPS_STRICT] = { "strict", CRIU_CG_MODE__STRICT },
	[CGROUPS_IGNORE] = { "ignore", CRIU_CG_MODE__IGNORE },
};

int cgroups_mode_parse(const char *text, enum cgroups_mode *out, struct err *e)
{
	*out = CGROUPS_SOFT;
	if (!text || !*text)
		return 0;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (!strcmp(modes[i].name, text)) {
			*out = (enum cgroups_mode)i;
			return 0;
		}
	return refuse(e, EINVAL,
		      "Invalid manage-cgroups-mode value '%s': use soft, full, strict or ignore",
		      text);
}

int network_lock_parse(const char *text, int *out, struct err *e)
{
	static const char *const methods[] = {
		[CRIU_NETWORK_LOCK_METHOD__IPTABLES] = "iptables",
		[CRIU_NETWORK_LOCK_METHOD__NFTABLES] = "nftables",
		[CRIU_NETWORK_LOCK_METHOD__SKIP] = "skip",
	};
	*out = 0;
	for (int i = 1; text && i <= CRIU_NETWORK_LOCK_METHOD__SKIP; i++)
		if (!strcmp(methods[i], text))
			*out = i;
	return !text || *out ? 0
			     : refuse(e, EINVAL,
				      "option --network-lock: '%s': use iptables, nftables or skip",
				      text);
}

int empty_namespace_check(const char *text, struct err *e)
{
	if (!text || !*text || !strcmp(text, "network"))
		return 0;
	return refuse(e, EINVAL, "namespace '%s' is not supported by --empty-ns: use network",
		      text);
}

static int open_directory(const char *path, bool make, struct err *e)
{
	if (make)
		return dir_make(AT_FDCWD, path, 0700, e);
	int fd = openat(-1, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? fail(e, errno, "open %s", path) : fd;
}

static void set(protobuf_c_boolean *has, protobuf_c_boolean *value, bool to)
{
	*has = true;
	*value = to;
}
#define SET(field_, to_) set(&w->opts.has_##field_, &w->opts.field_, to_)

static void fill(struct criu_work *w, const struct checkpoint_options *o)
{
	SET(shell_job, o->shell_job);
	SET(leave_running, o->leave_running);
	SET(tcp_established, o->tcp_established);
	SET(tcp_skip_in_flight, o->tcp_skip_in_flight);
	SET(tcp_close, o->tcp_close);
	SET(ext_unix_sk, o->ext_unix_sk);
	SET(file_locks, o->file_locks);
	SET(link_remap, o->link_remap);
	SET(auto_dedup, o->auto_dedup);
	SET(lazy_pages, o->lazy_pages);
	SET(notify_scripts, true);
	/* A terminal of its own goes to a new one, and one of a shell's to ours. */
	SET(orphan_pts_master, !o->shell_job || w->spec->process->terminal);
	w->opts.has_log_level = true;
	w->opts.log_level = 4;
	w->opts.has_manage_cgroups_mode = true;
	w->opts.manage_cgroups_mode = modes[o->cgroups].mode;
	w->opts.has_network_lock = o->network_lock || criu_locks_by_nftables(w->a);
	w->opts.network_lock = o->network_lock ? (CriuNetworkLockMethod)o->network_lock
					       : CRIU_NETWORK_LOCK_METHOD__NFTABLES;
	/* What hooks made there they make again, and nothing else is kept, as with runc. */
	w->opts.has_empty_ns = true;
	w->opts.empty_ns = CLONE_NEWNET;
}

/* Whose lines come before ours: the annotation's, none when it is empty; else crun's or runc's. */
static void take_config(struct criu_work *w)
{
	static char crun[] = "/etc/criu/crun.conf", runc[] = "/etc/criu/runc.conf";
	const char *named = pairs_get(&w->spec->annotations, "org.criu.config");
	if (!named)
		w->opts.config_file = faccessat(-1, crun, F_OK, 0) == 0 ? crun : runc;
	else if (*named)
		w->opts.config_file = (char *)(uintptr_t)named;
}

/* CRIU follows links, wherever they lead, and an image of another's making may have some: to a file
 * of the host that would come into memory, or be the log. */
static int check_plain(int dir, const char *path, bool lazy, struct err *e)
{
	int rc = 0, fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d)
		return fail(e, errno, "read %s", path);
	for (struct dirent *entry; rc == 0 && (errno = 0, entry = readdir(d));) {
		struct stat st;
		const char *name = entry->d_name;
		if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			rc = fail(e, errno, "%s/%s", path, name);
		else if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode) &&
			 strcmp(name, PARENT) != 0 &&
			 !(lazy && S_ISSOCK(st.st_mode) && !strcmp(name, LAZY)))
			rc = refuse(e, EINVAL, "%s/%s is %s: a checkpoint has plain files alone",
				    path, name, S_ISLNK(st.st_mode) ? "a link" : "a special file");
	}
	if (rc == 0 && errno)
		rc = fail(e, errno, "read %s", path);
	closedir(d);
	return rc;
}

/* And those that it stands on, of earlier pre-dumps. */
static int check_images(int images, const struct checkpoint_options *o, struct err *e)
{
	int rc = check_plain(images, o->image_path, o->lazy_pages, e);
	auto_close int at = rc == 0 ? openat(images, PARENT, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
				    : -1;
	for (int depth = 0; rc == 0 && at >= 0; depth++) {
		if (depth == PARENTS_MAX)
			return refuse(e, ELOOP, "%s stands on too many others", o->image_path);
		rc = check_plain(at, PARENT, false, e);
		put_fd(&at, openat(at, PARENT, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	}
	return rc;
}

int criuwork_begin(struct criu_work *w, const struct checkpoint_options *o, const char *log,
		   bool make, struct err *e)
{
	criu_opts__init(&w->opts);
	w->images = w->work = -1;
	w->call = (struct criu_call){ .opts = &w->opts,
				      .images = o->image_path,
				      .work = o->work_path,
				      .log = log,
				      .root = -1 };
	w->images = open_directory(o->image_path, make, e);
	if (w->images < 0 || (!make && check_images(w->images, o, e) < 0))
		return within(e, "image path");
	if (o->work_path && (w->work = open_directory(o->work_path, true, e)) < 0)
		return within(e, "work path");
	w->opts.log_file = (char *)(uintptr_t)log;
	w->opts.images_dir_fd = w->images;
	w->opts.has_work_dir_fd = w->work >= 0;
	w->opts.work_dir_fd = w->work;
	fill(w, o);
	if (!make && o->cgroups == CGROUPS_STRICT) /* what CRIU would find is of our own making */
		w->opts.manage_cgroups_mode = CRIU_CG_MODE__FULL;
	take_config(w);
	return 0;
}

void criuwork_end(struct criu_work *w)
{
	put_fd(&w->images, -1);
	put_fd(&w->work, -1);
}

int criuwork_external(struct criu_work *w, const char *fmt, ...)
{
	if (w->opts.n_external == w->externals) {
		size_t room = w->externals ? w->externals * 2 : 32;
		char **v = room > EXTERNALS_MAX ? NULL : arena_array(w->a, room, sizeof(*v));
		if (!v)
			return -E2BIG;
		if (w->opts.n_external)
			memcpy(v, w->opts.external, w->opts.n_external * sizeof(*v));
		w->opts.external = v;
		w->externals = room;
	}
	va_list ap;
	va_start(ap, fmt);
	char *text = arena_vprintf(w->a, fmt, ap);
	va_end(ap);
	if (!text)
		return -E2BIG;
	w->opts.external[w->opts.n_external++] = text;
	return 0;
}

/* "//a/./b/" is "/a/b" to the kernel, and to CRIU. */
static const char *cleaned(struct arena *a, const char *path)
{
	char *out = arena_printf(a, "/%s", path), *to = out;
	for (const char *at = path; out && *at;) {
		at += strspn(at, "/");
		size_t n = strcspn(at, "/");
		if (n && !(n == 1 && *at == '.')) {
			*to++ = '/';
			memmove(to, at, n);
			to += n;
		}
		at += n;
	}
	if (out && to == out)
		*to++ = '/';
	if (out)
		*to = 0;
	return out;
}

/* As the plan has them: whatever is bound from the host, a group of the container included. */
int criuwork_mounts(struct criu_work *w, const struct plan_context *c, criuwork_mount *each,
		    void *arg, struct err *e)
{
	const struct spec_namespace *user = spec_namespace(c->spec, "user");
	struct plan plan = { .arena = w->a, .pid_ns = -1, .user_ns = -1 };
	if (user)
		plan.clone_flags = CLONE_NEWUSER;
	int rc = mount_plan(&plan, c, MOUNTS_ALL, e);
	if (rc == 0)
		rc = device_plan(&plan, c, e);
	if (rc < 0)
		return rc;
	for (size_t i = 0; rc == 0 && i < plan.n; i++) {
		const struct op *o = &plan.v[i];
		bool bind = o->kind == OP_MOUNT && !o->mount.type && !o->mount.remount;
		if (bind && o->mount.idmap)
			return refuse(e, ENOTSUP, "%s: CRIU cannot map ids of a mount", o->what);
		if (!bind && !(o->kind == OP_MKNOD && o->device.bind))
			continue;
		const char *place = cleaned(w->a, o->path);
		const char *source = bind ? o->mount.source : o->path;
		if (place && source[0] != '/')
			source = arena_printf(w->a, "%s/%s", c->bundle, source);
		rc = place && source ? each(w, place, source, arg) : -E2BIG;
	}
	return rc < 0 ? fail(e, rc, "the mounts of container %s", c->id) : 0;
}

const char *criuwork_outside(const struct spec_namespace *n)
{
	if (!n->path)
		return NULL;
	return !strcmp(n->type, "network") ? "extRootNetNS"
	       : !strcmp(n->type, "pid")   ? "extRootPidNS"
					   : NULL;
}

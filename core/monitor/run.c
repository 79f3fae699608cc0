/* run.c - a container out of an image, a directory, or nothing at all. */
#include "monitor/run.h"
#include "base/file.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/proc.h"
#include "box/plan.h"
#include "box/subid.h"
#include "image/embedded.h"
#include "image/image.h"
#include "image/mountset.h"
#include "image/store.h"
#include "image/treecopy.h"
#include "monitor/cnb.h"
#include "monitor/discard.h"
#include "monitor/monitor.h"
#include "monitor/obtain.h"
#include "monitor/rehearse.h"
#include "monitor/runjoin.h"
#include "monitor/runparts.h"
#include "monitor/runpasswd.h"
#include "monitor/runsource.h"
#include "monitor/runuserns.h"
#include "monitor/runvolume.h"
#include "monitor/userkeep.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* The embedded image's limits, unless options say otherwise. */
#define EMBEDDED_MEMORY (INT64_C(64) << 20)
#define EMBEDDED_PIDS	64
#define EMBEDDED_CPUS	"1"

/* What a run is made of, on its way to the monitor. */
struct making {
	const struct run_request *r;
	struct run_options options; /* with what the image decides */
	struct arena *a;
	const char *root, *id, *image_name;
	const char *cidfile; /* that we made */
	struct joined joined;
	struct sources sources;
	struct spec_id_mappings uids, gids; /* of its user namespace */
	struct root_ids ids;		    /* ns -1: its files show none of these */
	bool own_limits;		    /* none that the user asked for */
	struct store
		store; /* open (and so locked against cleanup) until the container's state exists */
	bool store_open, data;
	bool held; /* signals wait */
	sigset_t before;
	const char *store_path;
	struct image none, *image;
	int rootfs;	    /* detached mount, or a directory to look into */
	const char *bundle; /* --rootfs: the directory */
	struct strs command;
	struct spec *spec;
};

static const char *make_id(struct arena *a)
{
	uint8_t raw[6];
	char text[13];
	if (getrandom(raw, sizeof(raw), 0) != (ssize_t)sizeof(raw))
		return NULL;
	for (size_t i = 0; i < sizeof(raw); i++)
		snprintf(text + 2 * i, 3, "%02x", raw[i]);
	return arena_str(a, text);
}

static int choose_id(struct making *m, struct err *e)
{
	if (m->options.replace && !m->options.name)
		return refuse(e, EINVAL,
			      "option --replace: it needs the --name of what is replaced");
	m->id = m->options.name ? m->options.name : make_id(m->a);
	if (!m->id)
		return fail(e, ENOMEM, "make an id");
	int rc = container_id_check(m->id, e);
	if (rc < 0)
		return rc;
	struct container *c = NULL;
	if (m->options.replace || container_open(m->root, m->id, &c, NULL) < 0)
		return 0;
	container_close(c);
	return refuse(e, EEXIST, "container %s exists already; remove it with: coracle rm %s",
		      m->id, m->id);
}

/* With no ids and volumes yet. */
static int plain_spec(struct making *m, const char *id, int root, struct spec **out, struct err *e)
{
	const struct run_subject subject = { m->image, root, m->command, id, m->id, true };
	const char *user = m->image->config.config.user;
	int own = m->image == &m->none ? -1 : root;
	int rc = userkeep_begin(&m->options, own, m->a, e);
	if (rc == 0)
		rc = passwd_apply(&m->options, m->options.user ? m->options.user : user, own, m->a,
				  e);
	if (rc == 0)
		rc = runspec_make(&m->options, &subject, m->a, out, e);
	if (rc == 0 && (*out)->process->selinux_label && !has_selinux()) {
		if (id == m->id) /* and not while it is rehearsed */
			log_warn("option --security-opt: label: ignored: this machine has no "
				 "SELinux");
		(*out)->process->selinux_label = NULL;
	}
	return rc;
}

static bool no_cgroup(const struct making *m)
{
	return m->options.cgroups && !strcmp(m->options.cgroups, "disabled");
}

static int open_store(struct making *m, struct err *e)
{
	if (m->store_open)
		return 0;
	int rc = store_open(m->options.store, &m->store, e);
	if (rc < 0)
		return rc;
	m->store_open = true;
	m->store_path = path_of(m->store.dir, m->a, e);
	return m->store_path ? 0 : -e->code;
}

static int rehearse_on(struct making *m, int root, struct err *e)
{
	struct spec *spec;
	const struct create_request q = {
		.root = m->root,
		.id = make_id(m->a),
		.bundle = "/",
		.rootfs_fd = m->bundle ? -1 : root,
		.limits_if_possible = m->own_limits,
		.preserve_fds = m->options.preserve_fds,
		.no_cgroup = no_cgroup(m),
	};
	int rc = q.id ? plain_spec(m, q.id, root, &spec, e) : fail(e, ENOMEM, "make an id");
	if (rc == 0 && m->bundle)
		spec->root->path = m->bundle;
	if (rc == 0 && sources_wanted(spec))
		rc = open_store(m, e);
	if (rc == 0)
		rc = sources_try(&m->sources, spec, &m->store, m->a, e);
	return rc < 0 ? rc : rehearse(&q, spec, e);
}

/* Makes it once for nothing, on a root that goes again: what is refused now replaces nobody. */
static int rehearse_all(struct making *m, struct err *e)
{
	char name[STORE_WORK_NAME];
	if (m->bundle)
		return rehearse_on(m, m->rootfs, e);
	bool image = m->image != &m->none;
	int work = image ? store_work_begin(&m->store, name, e) : -1;
	if (image && work < 0)
		return work;
	int root = image ? image_mount_work(&m->store, m->image, work, e) : embedded_rootfs(e);
	int rc = root < 0 ? root : rehearse_on(m, root, e);
	put_fd(&root, -1);
	if (image)
		store_work_end(&m->store, work, name);
	return rc;
}

/* Who has the name, with --replace, stays until there is something to put in its place. */
static int make_way(struct making *m, struct err *e)
{
	struct container *c = NULL;
	if (!m->options.replace || container_open(m->root, m->id, &c, NULL) < 0)
		return 0;
	int rc = rehearse_all(m, e);
	if (rc == 0)
		rc = discard(c, DISCARD_FORCE, e);
	container_close(c);
	return rc;
}

/* The directory in the store exists: says whose it is. */
static int mark_data(struct making *m, struct err *e)
{
	m->data = true;
	auto_close int dir = store_container_open(&m->store, m->id, e);
	return dir < 0 ? dir : data_mark(dir, m->root, m->id, e);
}

static int taken(struct making *m, int rc, struct err *e)
{
	if (rc != -EEXIST)
		return rc;
	return refuse(e, EEXIST,
		      "something is left of an earlier container %s; remove it with: "
		      "coracle cleanup %s",
		      m->id, m->id);
}

/* From now on signals that would end us wait until all that was made is removed again, or the
 * container is there to get them. */
static void hold_signals(struct making *m)
{
	signals_hold(&m->before);
	m->held = true;
}

static void let_signals(struct making *m)
{
	if (m->held)
		sigprocmask(SIG_SETMASK, &m->before, NULL);
	m->held = false;
}

static int use_embedded(struct making *m, struct err *e)
{
	static const char *hello[] = { EMBEDDED_PROGRAM, "hello", NULL };
	static const char *all[] = { "ALL" };
	static const char *no_new_privileges[] = { "no-new-privileges" };
	struct run_options *o = &m->options;
	m->image_name = "embedded";
	m->command = (struct strs){ hello, 2 };
	m->own_limits = !o->memory.limit.set && !o->pids_limit && !o->cpus;
	if (!o->memory.limit.set)
		o->memory.limit = (struct opt_i64){ true, EMBEDDED_MEMORY };
	o->pids_limit = o->pids_limit ? o->pids_limit : EMBEDDED_PIDS;
	o->cpus = o->cpus ? o->cpus : EMBEDDED_CPUS;
	o->readonly = true;
	o->remove |= !o->name && !o->detach; /* nobody could come back to it */
	if (!o->privileged && !o->cap_drop.n)
		o->cap_drop = (struct strs){ all, 1 };
	if (!o->privileged && !o->security.n)
		o->security = (struct strs){ no_new_privileges, 1 };
	m->rootfs = embedded_rootfs(e);
	return m->rootfs < 0 ? m->rootfs : 0;
}

static int use_directory(struct making *m, struct err *e)
{
	m->rootfs = open(m->r->args.v[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (m->rootfs < 0)
		return fail(e, errno, "root file system %s", m->r->args.v[0]);
	m->image_name = m->bundle = path_of(m->rootfs, m->a, e); /* without links */
	m->command = (struct strs){ m->r->args.v + 1, m->r->args.n - 1 };
	return m->bundle ? 0 : -e->code;
}

static int cidfile_taken(const char *path, struct err *e)
{
	return refuse(e, EEXIST,
		      "option --cidfile: %s is there already, perhaps of a container that runs: "
		      "remove it first",
		      path);
}

/* Before anything takes time. */
static int check_cidfile(const struct making *m, struct err *e)
{
	struct stat st;
	const char *path = m->options.cidfile;
	return path && lstat(path, &st) == 0 ? cidfile_taken(path, e) : 0;
}

/* No two containers have one; what fails takes it away again. */
static int open_cidfile(struct making *m, struct err *e)
{
	if (!m->options.cidfile)
		return 0;
	const char *path = path_absolute(m->a, m->options.cidfile);
	int fd = path ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644) : -1;
	if (fd < 0 && path && errno == EEXIST)
		return cidfile_taken(path, e);
	m->cidfile = fd < 0 ? NULL : path;
	int rc = fd < 0 ? -errno : write_all(fd, m->id, strlen(m->id));
	if (fd >= 0)
		close(fd);
	return rc < 0 ? fail(e, rc, "option --cidfile: %s", m->options.cidfile) : 0;
}

static int check_pidfile(const struct making *m, struct err *e)
{
	const char *path = m->options.pidfile; /* an absolute one */
	const char *dir = path ? arena_strn(m->a, path, (size_t)(strrchr(path, '/') + 1 - path))
			       : "/";
	if (!dir)
		return fail(e, E2BIG, "option --pidfile");
	return path && access(dir, W_OK) < 0 ? fail(e, errno, "option --pidfile: %s", path) : 0;
}

/* From here on what is made goes again if anything fails, and nobody interrupts us. */
static int settle(struct making *m, struct err *e)
{
	hold_signals(m);
	int rc = open_cidfile(m, e);
	if (rc == 0)
		rc = check_pidfile(m, e);
	return rc < 0 ? rc : make_way(m, e);
}

static int use_image(struct making *m, struct err *e)
{
	size_t n = m->options.app ? 0 : 1;
	m->image_name = n ? m->r->args.v[0] : NULL;
	m->command = (struct strs){ m->r->args.v + n, m->r->args.n - n };
	int rc = open_store(m, e);
	if (rc == 0)
		rc = cnb_obtain(&m->store, m->image_name, &m->options, m->command.n, m->a,
				&m->image, e);
	if (rc < 0)
		return rc;
	if (!n)
		m->image_name = m->image->name;
	const char *stop = m->image->config.config.stop_signal;
	if (!m->options.stop_signal && stop && signal_parse(stop) > 0)
		m->options.stop_signal = stop;
	rc = settle(m, e); /* not before: a pull may be interrupted, and leaves nothing */
	if (rc < 0)
		return rc;
	rc = m->rootfs = image_mount(&m->store, m->image, m->id, e);
	return rc < 0 ? taken(m, rc, e) : mark_data(m, e);
}

/* A place for the log of a detached container, or for whose the volumes are. */
static int need_data(struct making *m, struct err *e)
{
	if (m->data)
		return 0;
	int rc = open_store(m, e);
	if (rc < 0)
		return rc;
	auto_close int dir = store_container_make(&m->store, m->id, e);
	return dir < 0 ? taken(m, dir, e) : mark_data(m, e);
}

/* The same for a user, who may not have ids mapped: his image's files are copied. Where all belong
 * to one, and in a directory of the host's, they have the ids that they have. */
static int copy_root(struct making *m, struct err *e)
{
	const struct spec_linux *l = m->spec->linux_;
	const struct id_maps maps = { &l->uid_mappings, &l->gid_mappings };
	if (m->image == &m->none || subid_alone())
		return 0;
	const struct root_copy copy = { m->rootfs, &maps };
	int rc = image_mount_copied(&m->store, m->image, m->id, &copy, e);
	if (rc < 0)
		return within(e, "option --userns");
	put_fd(&m->rootfs, rc);
	return 0;
}

/* From here on the root is seen with the ids of the container's user namespace. */
static int map_root(struct making *m, struct err *e)
{
	if (subid_inside())
		return copy_root(m, e);
	int old = m->rootfs, rc = userns_root_ids(m->spec->linux_, &m->ids, e);
	if (rc < 0)
		return rc;
	if (m->image == &m->none) {
		rc = mount_mapped(old, m->ids.ns, e);
		put_fd(&m->rootfs, -1);
	} else {
		put_fd(&m->rootfs, -1); /* two of one upper directory there may not be */
		rc = image_mount_mapped(&m->store, m->image, m->id, &m->ids, e);
	}
	m->bundle = NULL;
	m->rootfs = rc;
	return rc < 0 ? within(e, "option --userns") : 0;
}

static int add_userns(struct making *m, struct err *e)
{
	if (!userns_wanted(&m->options))
		return m->joined.users ? 0 : userns_check_alone(m->spec, e);
	int rc = need_data(m, e);
	if (rc == 0)
		rc = userns_apply(m->spec, &m->options, &m->store, m->id, m->a, e);
	m->uids = m->spec->linux_->uid_mappings;
	m->gids = m->spec->linux_->gid_mappings;
	if (rc == 0)
		rc = map_root(m, e);
	if (m->joined.users) /* it has been told already */
		m->spec->linux_->uid_mappings.n = m->spec->linux_->gid_mappings.n = 0;
	return rc;
}

static int add_volumes(struct making *m, struct err *e)
{
	const struct volume_use u = { .store = &m->store,
				      .rootfs = m->rootfs,
				      .id = m->id,
				      .remove = m->options.remove,
				      .mapped = userns_wanted(&m->options) && !subid_inside() };
	if (!volumes_wanted(m->spec))
		return 0;
	int rc = need_data(m, e);
	return rc < 0 ? rc : volumes_apply(m->spec, &u, m->a, e);
}

static int add_sources(struct making *m, struct err *e)
{
	const struct id_maps maps = { &m->uids, &m->gids };
	const struct source_use u = { .store = &m->store,
				      .id = m->id,
				      .maps = m->uids.n ? &maps : NULL,
				      .ids = m->ids.ns >= 0 ? &m->ids : NULL };
	int rc = sources_wanted(m->spec) ? need_data(m, e) : 0;
	return rc < 0 ? rc : sources_make(&m->sources, m->spec, &u, m->a, e);
}

static int make_spec(struct making *m, struct err *e)
{
	int rc = plain_spec(m, m->id, m->rootfs, &m->spec, e);
	if (rc == 0 && m->bundle)
		m->spec->root->path = m->bundle;
	/* A volume begins with what is there: of a user's ids, as he will see it. */
	bool copied = subid_inside();
	if (rc == 0)
		rc = copied ? add_userns(m, e) : add_volumes(m, e);
	if (rc == 0)
		rc = copied ? add_volumes(m, e) : add_userns(m, e);
	return rc < 0 ? rc : add_sources(m, e);
}

/* The embedded hello is told when its start began. */
static int add_started(struct making *m, struct err *e)
{
	const struct strs *old = &m->options.env;
	const char **v = arena_array(m->a, old->n + 2, sizeof(*v));
	char *text = arena_printf(m->a, "CORACLE_STARTED=%" PRIu64, m->r->started);
	if (!v || !text)
		return fail(e, ENOMEM, "environment");
	v[0] = text;
	if (old->n)
		memcpy(v + 1, old->v, old->n * sizeof(*v));
	m->options.env = (struct strs){ v, old->n + 1 };
	return 0;
}

/* What concerns us more than the container. */
static int check_options(const struct run_options *o, bool image, struct err *e)
{
	static const char *const cgroups[] = { "enabled", "no-conmon", "disabled" };
	const struct strs known = { (const char **)cgroups, 3 };
	if (o->cgroups && !strcmp(o->cgroups, "split"))
		return refuse(e, EINVAL,
			      "option --cgroups: split is not done here: with disabled it stays in "
			      "the cgroup of its systemd unit, whose MemoryMax= and such are its "
			      "limits");
	if (o->cgroups && !strs_has(&known, o->cgroups))
		return option_refuse("cgroups", o->cgroups, "one of enabled, disabled", e);
	if (o->preserve_fds && o->detach)
		return refuse(e, EINVAL,
			      "option --preserve-fds: it goes not with --detach: a monitor keeps "
			      "nothing of its caller's");
	if (o->remove_image && (o->rootfs || !image))
		return refuse(e, EINVAL, "option --rmi: there is no image to remove");
	if (o->timeout > INT32_MAX)
		return refuse(e, EINVAL, "option --timeout: it is a number of seconds such as 30");
	if (o->replace && o->name && o->pid && !strncmp(o->pid, "container:", 10) &&
	    !strcmp(o->pid + 10, o->name))
		return refuse(e, EINVAL,
			      "option --pid: container %s is to be replaced: its processes go",
			      o->name);
	int rc = preserved_check(o->preserve_fds, e);
	if (rc == 0)
		rc = cnb_check(o, e);
	return rc < 0 ? rc : userns_check(o, e);
}

static int make(struct making *m, struct err *e)
{
	bool embedded = !m->r->args.n && !m->options.app;
	int rc = check_options(&m->options, !embedded, e);
	if (rc == 0)
		rc = choose_id(m, e);
	if (rc == 0) /* for what builds its image, too */
		rc = join_all(&m->options, m->root, m->a, &m->joined, e);
	if (rc == 0)
		rc = volumes_inherit(&m->options, m->root, m->a, e);
	if (rc == 0)
		rc = check_cidfile(m, e);
	if (rc == 0 && embedded)
		rc = add_started(m, e);
	/* Before signals are held, as they may have to be pulled. */
	bool images = rc == 0 && sources_are_images(&m->options);
	rc = images ? open_store(m, e) : rc;
	if (images && rc == 0)
		rc = sources_obtain(&m->sources, &m->store, &m->options, m->a, e);
	if (rc == 0)
		rc = embedded		 ? use_embedded(m, e)
		     : m->options.rootfs ? use_directory(m, e)
					 : use_image(m, e);
	if (rc == 0 && !m->held)
		rc = settle(m, e);
	if (rc == 0 && m->options.detach)
		rc = need_data(m, e);
	return rc < 0 ? rc : make_spec(m, e);
}

/* The container exists: the root file system is its own now, and cleanup sees whose the data is. */
static void release(void *arg)
{
	struct making *m = arg;
	put_fd(&m->rootfs, -1);
	join_end(&m->joined);
	sources_end(&m->sources);
	put_fd(&m->ids.ns, -1);
	if (m->store_open)
		store_close(&m->store);
	m->store_open = false;
}

static int hand_over(struct making *m, struct err *e)
{
	const char *data = m->data ? arena_printf(m->a, "%s/containers/%s", m->store_path, m->id)
				   : NULL;
	bool detach = m->options.detach;
	struct monitor_request q = {
		.create = {
			.root = m->root,
			.id = m->id,
			.bundle = m->bundle ? m->bundle : data ? data : "/",
			.spec = m->spec,
			.rootfs_fd = m->bundle ? -1 : m->rootfs,
			.limits_if_possible = m->own_limits,
			.pid_file = m->options.pidfile,
			.own_pid_file = true,
			.image = m->image_name,
			.log = detach ? arena_printf(m->a, "%s/log", data) : NULL,
			.store = m->store_path,
			.preserve_fds = m->options.preserve_fds,
			.no_cgroup = no_cgroup(m),
		},
		.interactive = m->options.interactive,
		.terminal = m->options.terminal,
		.data = detach ? data : NULL,
		.remove = m->options.remove,
		.drop = { m->store_path, m->options.remove_image ? m->image->name : NULL,
			  m->image->descriptor.digest },
		.timeout = m->options.timeout,
		.created = release,
		.arg = m,
	};
	if (m->data && !data)
		return fail(e, ENOMEM, "data");
	if (!detach)
		return monitor_run(&q, e);
	let_signals(m); /* they are for the monitor no more */
	return monitor_detach(&q, e);
}

int run(const struct run_request *r, struct arena *a, const char **id, struct err *e)
{
	const char *root = container_root(r->options.root, a, e);
	int rc = root ? join_enter(&r->options, root, e) : -e->code;
	if (rc < 0)
		return rc;
	struct making m = {
		.r = r,
		.options = r->options,
		.a = a,
		.root = root,
		.rootfs = -1,
		.ids.ns = -1,
		.image = &m.none,
	};
	m.options.remove |= m.options.remove_image;
	rc = make(&m, e);
	if (rc == 0)
		rc = obtain_explain(m.image, hand_over(&m, e), e);
	release(&m);
	if (rc < 0 && m.data)
		data_remove(&(struct data){ m.store_path, m.id, true, -1 }, NULL);
	if (rc < 0 && m.cidfile)
		unlink(m.cidfile);
	if (rc < 0)
		let_signals(&m);
	if (rc >= 0)
		*id = m.id;
	return rc;
}

/* runtime_checkpoint.c - `runtime checkpoint` and `runtime restore`. */
#include "base/file.h"
#include "base/log.h"
#include "monitor/attend.h"
#include "runtime.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define DUMP_OPTIONS(type_, at_)                                                           \
	OPT(OPT_STR, type_, at_ image_path, 0, "image-path", "DIR",                        \
	    "where the images are (default: checkpoint)"),                                 \
		OPT(OPT_STR, type_, at_ work_path, 0, "work-path", "DIR",                  \
		    "where CRIU's log goes (default: to the images)"),                     \
		OPT(OPT_FLAG, type_, at_ core.tcp_established, 0, "tcp-established", NULL, \
		    "with open TCP connections"),                                          \
		OPT(OPT_FLAG, type_, at_ core.ext_unix_sk, 0, "ext-unix-sk", NULL,         \
		    "with unix sockets that have an end outside"),                         \
		OPT(OPT_FLAG, type_, at_ core.shell_job, 0, "shell-job", NULL,             \
		    "with our own terminal as its terminal"),                              \
		OPT(OPT_FLAG, type_, at_ core.file_locks, 0, "file-locks", NULL,           \
		    "with file locks"),                                                    \
		OPT(OPT_STR, type_, at_ cgroups_mode, 0, "manage-cgroups-mode", "MODE",    \
		    "soft (default), full, strict or ignore"),                             \
		OPT(OPT_STR, type_, at_ network_lock, 0, "network-lock", "METHOD",         \
		    "iptables, nftables or skip (default: what is there)"),                \
		OPT(OPT_STR, type_, at_ empty_ns, 0, "empty-ns", "NAMESPACE",              \
		    "network: restored empty, as without this option"),                    \
		OPT(OPT_FLAG, type_, at_ core.auto_dedup, 0, "auto-dedup", NULL,           \
		    "keep no page twice among images and their parents"),                  \
		OPT(OPT_FLAG, type_, at_ core.lazy_pages, 0, "lazy-pages", NULL,           \
		    "memory follows when it is asked for (userfaultfd)")

const struct opt checkpoint_options[] = {
	DUMP_OPTIONS(dump_options, ),
	OPT(OPT_STR, dump_options, core.parent_path, 0, "parent-path", "DIR",
	    "images of an earlier pre-dump, relative to image-path"),
	OPT(OPT_FLAG, dump_options, core.leave_running, 0, "leave-running", NULL,
	    "let it run on afterwards"),
	OPT(OPT_FLAG, dump_options, core.tcp_skip_in_flight, 0, "tcp-skip-in-flight", NULL,
	    "without TCP connections that are being made"),
	OPT(OPT_FLAG, dump_options, core.link_remap, 0, "link-remap", NULL,
	    "link files that are open and unlinked"),
	OPT(OPT_INT, dump_options, core.status_fd, 0, "status-fd", "FD",
	    "gets a zero byte when lazy pages can be asked for"),
	OPT(OPT_STR, dump_options, page_server, 0, "page-server", "ADDRESS:PORT",
	    "send the memory there"),
	OPT(OPT_FLAG, dump_options, core.pre_dump, 0, "pre-dump", NULL,
	    "memory alone, while it runs on"),
	{ 0 },
};

const struct opt restore_options[] = {
	DUMP_OPTIONS(restore_options, dump.),
	OPT(OPT_STR, restore_options, create.bundle, 'b', "bundle", "DIR",
	    "directory with config.json (default: .)"),
	OPT(OPT_STR, restore_options, create.console_socket, 0, "console-socket", "PATH",
	    "unix socket that gets the terminal's master"),
	OPT(OPT_STR, restore_options, create.pid_file, 0, "pid-file", "FILE",
	    "write the pid of init there"),
	OPT(OPT_FLAG, restore_options, create.detach, 'd', "detach", NULL,
	    "do not wait for its end"),
	OPT(OPT_FLAG, restore_options, create.no_subreaper, 0, "no-subreaper", NULL, NULL),
	OPT(OPT_FLAG, restore_options, create.no_pivot, 0, "no-pivot", NULL, NULL),
	OPT(OPT_FLAG, restore_options, dump.core.tcp_close, 0, "tcp-close", NULL,
	    "close its TCP connections"),
	OPT(OPT_STR, restore_options, dump.core.lsm_profile, 0, "lsm-profile", "TYPE:NAME",
	    "AppArmor profile or SELinux label to run under"),
	OPT(OPT_STR, restore_options, dump.core.lsm_mount_context, 0, "lsm-mount-context",
	    "CONTEXT", "SELinux context of its mounts"),
	{ 0 },
};

static int split_page_server(struct checkpoint_options *o, const char *text, struct arena *a,
			     struct err *e)
{
	const char *colon = strrchr(text, ':');
	size_t n = colon ? (size_t)(colon - text) : 0;
	char *end = NULL;
	unsigned long port = colon ? strtoul(colon + 1, &end, 10) : 0;
	if (!colon || colon == text || end == colon + 1 || *end || !port || port > 65535)
		return refuse(e, EINVAL,
			      "Use --page-server ADDRESS:PORT to specify the CRIU page server, "
			      "not '%s'",
			      text);
	bool six = *text == '[' && n > 2 && text[n - 1] == ']'; /* as IPv6 is written with a port */
	o->page_server = arena_strn(a, text + six, n - 2 * six);
	o->page_port = (int)port;
	return o->page_server ? 0 : fail(e, E2BIG, "--page-server");
}

static int complete(const struct dump_options *d, struct arena *a, struct checkpoint_options *out,
		    struct err *e)
{
	*out = d->core;
	out->image_path = path_absolute(a, d->image_path ? d->image_path : "checkpoint");
	out->work_path = d->work_path ? path_absolute(a, d->work_path) : NULL;
	if (!out->image_path || (d->work_path && !out->work_path))
		return fail(e, errno, "the working directory");
	int flags = out->status_fd < 0 ? O_WRONLY : fcntl(out->status_fd, F_GETFL);
	if (flags < 0)
		return fail(e, errno, "--status-fd %d", out->status_fd);
	if ((flags & O_ACCMODE) == O_RDONLY)
		return refuse(e, EBADF, "--status-fd %d: it cannot be written to", out->status_fd);
	int rc = cgroups_mode_parse(d->cgroups_mode, &out->cgroups, e);
	if (rc == 0)
		rc = network_lock_parse(d->network_lock, &out->network_lock, e);
	if (rc == 0)
		rc = empty_namespace_check(d->empty_ns, e);
	if (rc == 0 && d->page_server)
		rc = split_page_server(out, d->page_server, a, e);
	return rc;
}

int command_checkpoint(const struct call *c, struct err *e)
{
	struct checkpoint_options o;
	struct container *found;
	struct err why = { 0 };
	const char *root = runtime_root(c, e);
	int rc = root ? container_open(root, c->args.v[0], &found, e) : -e->code;
	if (rc < 0)
		return rc;
	rc = complete(c->opts, c->arena, &o, e);
	if (rc == 0)
		rc = container_checkpoint(found, &o, e);
	/* What is in the images is not here any more. */
	if (rc == 0 && !o.leave_running && !o.pre_dump && container_delete(found, true, &why) < 0)
		log_warn("%s", why.msg);
	container_close(found);
	return rc;
}

int command_restore(const struct call *c, struct err *e)
{
	const struct restore_options *o = c->opts;
	const struct create_options *create = &o->create;
	const struct runtime_options *global = c->parent->opts;
	struct checkpoint_options restore;
	auto_close int console = -1;
	const char *root = runtime_root(c, e);
	if (!root)
		return -e->code;
	auto_close int signals = create->detach ? -1 : attend_signals(e);
	if (!create->detach && signals < 0)
		return signals;
	const struct create_request r = {
		.root = path_absolute(c->arena, root),
		.id = c->args.v[0],
		.bundle = path_absolute(c->arena, create->bundle ? create->bundle : "."),
		.rootfs_fd = -1,
		.stdio = { -1, -1, -1 },
		.console_socket = create->console_socket,
		.console_fd = create->detach || create->console_socket ? NULL : &console,
		.pid_file = given(create->pid_file) ? path_absolute(c->arena, create->pid_file)
						    : NULL,
		.owner_kind = create->detach ? NULL : "run",
		.systemd_cgroup = runtime_systemd(global),
		.rootless = runtime_rootless(global->rootless),
		.restore = &restore,
	};
	if (!r.bundle || (given(create->pid_file) && !r.pid_file))
		return fail(e, errno, "the working directory");
	struct container *run;
	int rc = complete(&o->dump, c->arena, &restore, e);
	if (rc == 0)
		rc = container_create(&r, &run, e);
	if (rc < 0)
		return rc;
	if (!create->detach)
		rc = runtime_attend(run, signals, console, -1, false, e);
	container_close(run);
	return rc;
}

/* runtime_verbs.c - the runtime's commands: options into requests, one verb of the core each. */
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/pattern.h"
#include "box/cgroup.h"
#include "container/notify.h"
#include "container/ps.h"
#include "monitor/attend.h"
#include "runtime.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *runtime_root(const struct call *c, struct err *e)
{
	const struct runtime_options *o = c->parent->opts;
	return container_root(o->root, c->arena, e);
}

int runtime_open(const struct call *c, struct container **out, struct err *e)
{
	const char *root = runtime_root(c, e);
	return !root ? -e->code : container_open(root, c->args.v[0], out, e);
}

/* Of the service manager that started us, if it did. */
static const char *manager_socket(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	return path && *path ? path : NULL;
}

/* crun's callers need not say whose they are, where there is no other one. */
static int manager_fds(void)
{
	const char *pid = getenv("LISTEN_PID"), *n = getenv("LISTEN_FDS");
	if (!n || (pid && atoi(pid) != getpid()) || atoi(n) < 0 || atoi(n) > 4096)
		return 0;
	return atoi(n);
}

/* Too many are refused when they are looked at. */
static int with_manager_fds(int preserve)
{
	int sum;
	return preserve >= 0 && !__builtin_add_overflow(preserve, manager_fds(), &sum) ? sum
										       : preserve;
}

bool runtime_systemd(const struct runtime_options *o)
{
	return o->systemd_cgroup || (o->cgroup_manager && !strcmp(o->cgroup_manager, "systemd"));
}

bool runtime_no_cgroup(const struct runtime_options *o)
{
	return o->cgroup_manager && !strcmp(o->cgroup_manager, "disabled");
}

static int create(const struct call *c, const char *owner, int *console, int *notify,
		  struct container **out, struct err *e)
{
	const struct create_options *o = c->opts;
	const struct runtime_options *global = c->parent->opts;
	const char *root = runtime_root(c, e);
	if (!root)
		return -e->code;
	struct create_request r = {
		.root = path_absolute(c->arena, root),
		.id = c->args.v[0],
		.bundle = path_absolute(c->arena, given(o->bundle) ? o->bundle : "."),
		.config = given(o->config) ? path_absolute(c->arena, o->config) : NULL,
		.rootfs_fd = -1,
		.stdio = { -1, -1, -1 },
		.console_socket = if_given(o->console_socket),
		.console_fd = console,
		.console_plain = true,
		.pid_file = given(o->pid_file) ? path_absolute(c->arena, o->pid_file) : NULL,
		.pidfd_socket = if_given(o->pidfd_socket),
		.preserve_fds = with_manager_fds(o->preserve_fds),
		.listen_fds = manager_fds(),
		.notify = manager_socket() != NULL,
		.notify_fd = notify,
		.no_pivot = o->no_pivot,
		.no_new_keyring = o->no_new_keyring,
		.owner_kind = owner,
		.systemd_cgroup = runtime_systemd(global),
		.no_cgroup = runtime_no_cgroup(global),
		.engine = global->engine,
		.rootless = runtime_rootless(global->rootless),
		.start = c->command->run == command_run,
	};
	if (!r.bundle || (given(o->config) && !r.config) || (given(o->pid_file) && !r.pid_file))
		return fail(e, errno, "the working directory");
	int rc = container_create(&r, out, e);
	e->status = 0; /* as with runc, whatever the program's is: the shell's 127 is not for us */
	return rc < 0 ? within(e, "runtime %s failed: unable to start container process",
			       c->command->name)
		      : 0;
}

int command_create(const struct call *c, struct err *e)
{
	struct container *made = NULL;
	int rc = create(c, NULL, NULL, NULL, &made, e);
	container_close(rc < 0 ? NULL : made);
	return rc;
}

int command_start(const struct call *c, struct err *e)
{
	struct container *found;
	int rc = runtime_open(c, &found, e);
	if (rc < 0)
		return rc;
	const struct notify_host manager = { manager_socket(), found->state.pid };
	auto_close int notify = manager.socket ? notify_bind(found, e) : -ENOENT;
	rc = notify < 0 && notify != -ENOENT ? notify : container_start(found, e);
	if (rc == 0 && notify >= 0)
		rc = notify_await(found, notify, &manager, e);
	e->status = 0;
	if (found->poststart_failed) /* the spec: it is not only stopped, it is gone */
		container_delete(found, true, NULL);
	container_close(found);
	return rc;
}

int runtime_attend(struct container *run, int signals, int console, int notify, bool keep,
		   struct err *e)
{
	struct exit_status st;
	const struct notify_host manager = { manager_socket(), notify < 0 ? 0 : getpid() };
	const struct attend a = { .pid = run->state.pid,
				  .pidfd = run->pidfd,
				  .signals = signals,
				  .console = console,
				  .input = true,
				  .manager = notify < 0 ? NULL : &manager,
				  .notify = notify,
				  .pipes = { -1, -1 } };
	int rc = attend(&a, &st, e);
	run->reaped = rc >= 0;
	if (rc >= 0 && st.code)
		rc = st.code;
	int gone = keep ? 0 : container_delete(run, true, e);
	return gone < 0 ? gone : rc;
}

int command_run(const struct call *c, struct err *e)
{
	const struct create_options *o = c->opts;
	struct container *run = NULL;
	auto_close int console = -1, notify = -1;
	int signals = o->detach ? -1 : attend_signals(e); /* it and the container end with us */
	if (!o->detach && signals < 0)
		return signals;
	int *wants = o->detach || given(o->console_socket) ? NULL : &console;
	int rc = create(c, o->detach ? NULL : "run", wants, &notify, &run, e);
	if (rc < 0)
		return rc;
	const struct notify_host manager = { manager_socket(), run->state.pid };
	if (!o->detach)
		rc = runtime_attend(run, signals, console, notify, o->keep, e);
	else if (notify >= 0)
		rc = notify_await(run, notify, &manager, e);
	return rc;
}

int command_state(const struct call *c, struct err *e)
{
	struct container *found;
	auto_buf out = { 0 };
	int rc = runtime_open(c, &found, e);
	if (rc < 0)
		return rc;
	enum status s = container_status_now(found);
	if (s == STATUS_STOPPED)
		found->state.pid = 0;
	state_write_oci(&found->state, status_name(s), 2, &out);
	buf_char(&out, '\n');
	container_close(found);
	return cli_print(&out, e);
}

/* What is done to the container of the first argument, or with --regex, as crun has it, to all that
 * it finds. */
static int each(const struct call *c, bool regex,
		int (*verb)(const struct call *c, const char *root, const char *id, struct err *e),
		struct err *e)
{
	struct container_list l;
	const char *pattern = c->args.v[0], *root = runtime_root(c, e);
	if (!root || !regex)
		return root ? verb(c, root, pattern, e) : -e->code;
	if (pattern_found(pattern, "") < 0)
		return refuse(
			e, EINVAL,
			"option --regex: '%s': may have ^ $ . [a-z] [^a-z] * + ? | ( ) and \\ "
			"before one of these",
			pattern);
	int rc = container_list(root, c->arena, &l, e);
	for (size_t i = 0, n = rc == 0 ? l.n : 0; i < n; i++) {
		struct err one = { 0 };
		if (pattern_found(pattern, l.v[i].id) > 0)
			rc = log_next(rc, verb(c, root, l.v[i].id, &one), &one, e);
	}
	return rc;
}

static int kill_signal(const struct call *c)
{
	const char *name = c->args.n > 1 && *c->args.v[1] ? c->args.v[1] : "TERM";
	return strcmp(name, "0") ? signal_parse(name) : 0; /* 0: is it there? */
}

static int kill_one(const struct call *c, const char *root, const char *id, struct err *e)
{
	const struct kill_options *o = c->opts;
	struct container *found;
	int rc = container_open(root, id, &found, e);
	if (rc < 0)
		return rc;
	rc = container_kill(found, kill_signal(c), o->all, e);
	container_close(found);
	return rc;
}

int command_kill(const struct call *c, struct err *e)
{
	const struct kill_options *o = c->opts;
	if (kill_signal(c) < 0)
		return refuse(e, EINVAL, "unknown signal '%s'", c->args.v[1]);
	return each(c, o->regex, kill_one, e);
}

static int delete_one(const struct call *c, const char *root, const char *id, struct err *e)
{
	const struct delete_options *o = c->opts;
	struct container *found;
	if (o->force) /* also what is half made, or gone */
		return container_remove(root, id, e);
	int rc = container_open(root, id, &found, e);
	if (rc < 0)
		return rc;
	rc = container_delete(found, false, e);
	container_close(found);
	return rc;
}

int command_delete(const struct call *c, struct err *e)
{
	const struct delete_options *o = c->opts;
	return each(c, o->regex, delete_one, e);
}

static int change(const struct call *c, int (*verb)(struct container *, struct err *),
		  struct err *e)
{
	struct container *found;
	int rc = runtime_open(c, &found, e);
	if (rc < 0)
		return rc;
	rc = verb(found, e);
	container_close(found);
	return rc;
}

int command_pause(const struct call *c, struct err *e)
{
	return change(c, container_pause, e);
}

int command_resume(const struct call *c, struct err *e)
{
	return change(c, container_resume, e);
}

enum { COLUMNS = 6 };

static void list_row(const struct state *s, char when[CLOCK_TEXT], char pid[16], const char **cell)
{
	clock_format_short(s->created, when);
	snprintf(pid, 16, "%d", s->pid);
	cell[0] = s->id;
	cell[1] = pid;
	cell[2] = s->status;
	cell[3] = s->bundle ? s->bundle : "";
	cell[4] = when;
	cell[5] = s->user ? s->user : "";
}

/* Columns at least 12 wide and 3 apart, as runc's; what follows the last is nothing. */
static void list_table(const struct container_list *l, struct buf *out)
{
	const char *cell[COLUMNS] = { "ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER" };
	char when[CLOCK_TEXT], pid[16];
	size_t width[COLUMNS] = { 12, 12, 12, 12, 12, 0 };
	for (size_t i = 0; i < l->n; i++) {
		const char *row[COLUMNS];
		list_row(&l->v[i], when, pid, row);
		for (int k = 0; k < COLUMNS - 1; k++)
			if (strlen(row[k]) + 3 > width[k])
				width[k] = strlen(row[k]) + 3;
	}
	for (size_t i = 0; i <= l->n; i++) {
		for (int k = 0; k < COLUMNS; k++)
			buf_printf(out, "%-*s", (int)width[k], cell[k]);
		buf_char(out, '\n');
		if (i < l->n)
			list_row(&l->v[i], when, pid, cell);
	}
}

/* The end of an array; of none there is no beginning either, as with runc. */
static const char *array_end(size_t n)
{
	return n ? "]\n" : "null\n";
}

static void list_json(const struct container_list *l, struct buf *out)
{
	for (size_t i = 0; i < l->n; i++) {
		buf_char(out, i ? ',' : '[');
		state_write_oci(&l->v[i], l->v[i].status, 0, out);
	}
	buf_str(out, array_end(l->n));
}

static int check_format(const char *format, struct err *e)
{
	if (strcmp(format, "table") != 0 && strcmp(format, "json") != 0)
		return refuse(e, EINVAL, "option --format: '%s' is neither table nor json", format);
	return 0;
}

int command_list(const struct call *c, struct err *e)
{
	const struct list_options *o = c->opts;
	struct container_list l;
	auto_buf out = { 0 };
	const struct runtime_options *given = c->parent->opts;
	int rc = check_format(o->format, e);
	if (rc == 0 && given->root && faccessat(AT_FDCWD, given->root, F_OK, 0) < 0)
		rc = fail(e, errno, "open %s", given->root);
	const char *root = rc == 0 ? runtime_root(c, e) : NULL;
	if (rc == 0)
		rc = !root ? -e->code : container_list(root, c->arena, &l, e);
	if (rc < 0)
		return rc;
	if (o->quiet)
		for (size_t i = 0; i < l.n; i++)
			buf_printf(&out, "%s\n", l.v[i].id);
	else if (!strcmp(o->format, "json"))
		list_json(&l, &out);
	else
		list_table(&l, &out);
	return cli_print(&out, e);
}

int command_ps(const struct call *c, struct err *e)
{
	const struct list_options *o = c->opts;
	struct container *found;
	struct u32s pids = { 0 };
	auto_buf out = { 0 };
	int rc = check_format(o->format, e);
	if (rc == 0)
		rc = runtime_open(c, &found, e);
	if (rc < 0)
		return rc;
	rc = container_pids(found, c->arena, &pids, e);
	container_close(found);
	if (rc < 0)
		return rc;
	if (strcmp(o->format, "json") != 0) {
		const struct strs args = { c->args.v + 1, c->args.n - 1 };
		rc = ps_table(&pids, &args, c->arena, &out, e);
		return rc < 0 ? rc : cli_print(&out, e);
	}
	for (size_t i = 0; i < pids.n; i++)
		buf_printf(&out, "%c%" PRIu32, i ? ',' : '[', pids.v[i]);
	buf_str(&out, array_end(pids.n));
	return cli_print(&out, e);
}

int command_spec(const struct call *c, struct err *e)
{
	const struct spec_options *o = c->opts;
	const struct spec_default_options d = { .rootless = o->rootless,
						.uid = geteuid(),
						.gid = getegid(),
						.unified = cgroup_is_v2() };
	struct spec *s;
	int rc = spec_default(&d, c->arena, &s, e);
	return rc < 0 ? rc : spec_save(given(o->bundle) ? o->bundle : ".", o->file, s, e);
}

int command_version(const struct call *c, struct err *e)
{
	auto_buf out = { 0 };
	buf_printf(&out, "coracle version %s\nspec: %s\n", CORACLE_VERSION, SPEC_VERSION);
	return cli_print(&out, e);
}

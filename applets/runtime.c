/* runtime.c - the OCI runtime's command line, as runc's and crun's. */
#include "runtime.h"
#include "applets.h"
#include "base/log.h"

#include <string.h>
#include <strings.h>

static const struct runtime_options global_defaults = { .log_format = "text" };

static const struct opt global_options[] = {
	OPT(OPT_PATH, runtime_options, root, 0, "root", "DIR",
	    "where the state of containers is kept"),
	OPT(OPT_STR, runtime_options, log, 0, "log", "FILE",
	    "append errors and warnings to this file too"),
	OPT(OPT_STR, runtime_options, log_format, 0, "log-format", "FORMAT",
	    "of that file: text or json"),
	OPT(OPT_STR, runtime_options, log_level, 0, "log-level", "LEVEL",
	    "the least that is told: error, warning (default) or debug"),
	OPT(OPT_STR, runtime_options, engine, 0, "engine", "NAME",
	    "who isolates new containers: native or host"),
	OPT(OPT_FLAG, runtime_options, debug, 0, "debug", NULL, "tell what is done, step by step"),
	OPT(OPT_FLAG, runtime_options, systemd_cgroup, 0, "systemd-cgroup", NULL,
	    "have systemd make the cgroups; cgroupsPath is slice:prefix:name"),
	OPT(OPT_STR, runtime_options, cgroup_manager, 0, "cgroup-manager", "MANAGER",
	    "cgroupfs, systemd, or disabled: no cgroup"),
	OPT(OPT_STR, runtime_options, rootless, 0, "rootless", "BOOL",
	    "do without a cgroup where none may be made: true, false or auto"),
	OPT(OPT_STR, runtime_options, criu, 0, "criu", "PATH", NULL),
	OPT(OPT_FLAG, runtime_options, version, 'v', "version", NULL, "print the version"),
	{ 0 },
};

#define CREATE_OPTIONS(type_)                                                    \
	OPT(OPT_STR, type_, bundle, 'b', "bundle", "DIR",                        \
	    "directory with config.json (default: .)"),                          \
		OPT(OPT_STR, type_, config, 'f', "config", "FILE",               \
		    "configuration (default: config.json of the bundle)"),       \
		OPT(OPT_STR, type_, console_socket, 0, "console-socket", "PATH", \
		    "unix socket that gets the terminal's master"),              \
		OPT(OPT_STR, type_, pidfd_socket, 0, "pidfd-socket", "PATH",     \
		    "unix socket that gets a pidfd of init"),                    \
		OPT(OPT_STR, type_, pid_file, 0, "pid-file", "FILE",             \
		    "write the pid of init there"),                              \
		OPT(OPT_FLAG, type_, no_pivot, 0, "no-pivot", NULL,              \
		    "do not use pivot_root (for an initramfs)"),                 \
		OPT(OPT_FLAG, type_, no_new_keyring, 0, "no-new-keyring", NULL,  \
		    "keep the caller's session keyring"),                        \
		OPT(OPT_FLAG, type_, no_subreaper, 0, "no-subreaper", NULL,      \
		    "accepted: nothing is reparented to us"),                    \
		OPT(OPT_INT, type_, preserve_fds, 0, "preserve-fds", "N", "pass fds 3 to 2+N on")

static const struct opt create_options[] = { CREATE_OPTIONS(create_options), { 0 } };

static const struct opt run_options[] = {
	CREATE_OPTIONS(create_options),
	OPT(OPT_FLAG, create_options, detach, 'd', "detach", NULL, "do not wait for its end"),
	OPT(OPT_FLAG, create_options, keep, 0, "keep", NULL, "do not delete it when it has ended"),
	{ 0 },
};

static const struct opt exec_options[] = {
	OPT(OPT_STR, exec_options, console_socket, 0, "console-socket", "PATH",
	    "unix socket that gets the terminal's master"),
	OPT(OPT_STR, exec_options, cwd, 0, "cwd", "DIR", "working directory"),
	OPT(OPT_LIST, exec_options, env, 'e', "env", "NAME=VALUE", "set an environment variable"),
	OPT(OPT_FLAG, exec_options, tty, 't', "tty", NULL, "give it a terminal"),
	OPT(OPT_STR, exec_options, user, 'u', "user", "UID[:GID]", "run as this user"),
	OPT(OPT_LIST, exec_options, gids, 'g', "additional-gids", "GID", "one more group"),
	OPT(OPT_STR, exec_options, process, 'p', "process", "FILE", "process.json to run"),
	OPT(OPT_FLAG, exec_options, detach, 'd', "detach", NULL, "do not wait for its end"),
	OPT(OPT_STR, exec_options, pid_file, 0, "pid-file", "FILE", "write its pid there"),
	OPT(OPT_STR, exec_options, pidfd_socket, 0, "pidfd-socket", "PATH",
	    "unix socket that gets a pidfd of it"),
	OPT(OPT_LIST, exec_options, caps, 'c', "cap", "CAP", "give it one more capability"),
	OPT(OPT_FLAG, exec_options, no_new_privs, 0, "no-new-privs", NULL, "set no_new_privs"),
	OPT(OPT_STR, exec_options, apparmor, 0, "apparmor", "PROFILE", "its AppArmor profile"),
	OPT(OPT_STR, exec_options, process_label, 0, "process-label", "LABEL", "its SELinux label"),
	OPT(OPT_INT, exec_options, preserve_fds, 0, "preserve-fds", "N", "pass fds 3 to 2+N on"),
	OPT(OPT_LIST, exec_options, cgroups, 0, "cgroup", "[CONTROLLER:]PATH",
	    "run it in an existing cgroup below the container's"),
	OPT(OPT_FLAG, exec_options, ignore_paused, 0, "ignore-paused", NULL,
	    "also in a paused container"),
	{ 0 },
};

static const struct opt kill_options[] = {
	OPT(OPT_FLAG, kill_options, all, 'a', "all", NULL, "signal all processes, not only init"),
	OPT(OPT_FLAG, kill_options, regex, 'r', "regex", NULL,
	    "all containers in whose ids this regular expression is found"),
	{ 0 },
};

static const struct opt delete_options[] = {
	OPT(OPT_FLAG, delete_options, force, 'f', "force", NULL, "kill it first, if it runs"),
	OPT(OPT_FLAG, delete_options, regex, 'r', "regex", NULL,
	    "all containers in whose ids this regular expression is found"),
	{ 0 },
};

static const struct list_options list_defaults = { .format = "table" };
static const struct opt list_options[] = {
	OPT(OPT_STR, list_options, format, 'f', "format", "FORMAT", "table or json"),
	OPT(OPT_FLAG, list_options, quiet, 'q', "quiet", NULL, "ids only"),
	{ 0 },
};

#define LIMIT(type_, member_, name_, value_, help_) \
	OPT(type_, update_options, member_, 0, name_, value_, help_)

static const struct opt update_options[] = {
	OPT(OPT_STR, update_options, resources, 'r', "resources", "FILE",
	    "JSON of linux.resources, in place of the other options; - is stdin"),
	LIMIT(OPT_MAYBE_U64, blkio_weight, "blkio-weight", "N", "weight of its I/O, 10 to 1000"),
	LIMIT(OPT_MAYBE_U64, cpu.period, "cpu-period", "USEC", "period of the quota"),
	LIMIT(OPT_MAYBE_I64, cpu.quota, "cpu-quota", "USEC", "processor time a period; -1: any"),
	LIMIT(OPT_MAYBE_U64, cpu.burst, "cpu-burst", "USEC", "unused quota that it may save up"),
	LIMIT(OPT_MAYBE_U64, cpu.shares, "cpu-share", "N", "weight of its processor time"),
	LIMIT(OPT_MAYBE_U64, cpu.realtime_period, "cpu-rt-period", "USEC",
	      "period of the real-time quota"),
	LIMIT(OPT_MAYBE_I64, cpu.realtime_runtime, "cpu-rt-runtime", "USEC",
	      "real-time processor time a period"),
	LIMIT(OPT_STR, cpu.cpus, "cpuset-cpus", "LIST", "processors to use, such as 0-2,7"),
	LIMIT(OPT_STR, cpu.mems, "cpuset-mems", "LIST", "memory nodes to use"),
	LIMIT(OPT_MAYBE_I64, cpu.idle, "cpu-idle", "0|1", "run only when nobody else wants to"),
	LIMIT(OPT_MAYBE_SIZE, memory.limit, "memory", "BYTES", "memory; -1: any"),
	LIMIT(OPT_MAYBE_SIZE, memory.reservation, "memory-reservation", "BYTES",
	      "memory that it keeps when there is little"),
	LIMIT(OPT_MAYBE_SIZE, memory.swap, "memory-swap", "BYTES", "memory and swap; -1: any"),
	LIMIT(OPT_MAYBE_SIZE, memory.kernel, "kernel-memory", "BYTES", "ignored: kernels lack it"),
	LIMIT(OPT_MAYBE_SIZE, memory.kernel_tcp, "kernel-memory-tcp", "BYTES",
	      "memory of TCP buffers (cgroup v1)"),
	LIMIT(OPT_MAYBE_I64, pids, "pids-limit", "N", "processes and threads; -1: any"),
	LIMIT(OPT_STR, l3_cache_schema, "l3-cache-schema", "SCHEMA", "Intel RDT's of the L3 cache"),
	LIMIT(OPT_STR, mem_bw_schema, "mem-bw-schema", "SCHEMA",
	      "Intel RDT's of the memory bandwidth"),
	{ 0 },
};

static const struct events_options events_defaults = { .interval = "5s" };
static const struct opt events_options[] = {
	OPT(OPT_STR, events_options, interval, 0, "interval", "TIME",
	    "between statistics (default 5s)"),
	OPT(OPT_FLAG, events_options, stats, 0, "stats", NULL, "print them once, and end"),
	{ 0 },
};

static const struct opt spec_options[] = {
	OPT(OPT_STR, spec_options, bundle, 'b', "bundle", "DIR", "where to write config.json"),
	OPT(OPT_STR, spec_options, file, 'f', "file", "FILE",
	    "write that, from there, in its place, though it be there already"),
	OPT(OPT_FLAG, spec_options, rootless, 0, "rootless", NULL, "for a user without privileges"),
	{ 0 },
};

static const struct dump_options dump_defaults = { .core.status_fd = -1 };
static const struct restore_options restore_defaults = { .dump.core.status_fd = -1 };

static const struct command commands[] = {
	{ "create", "ID", "make a container; its program waits for start", NULL, create_options,
	  sizeof(struct create_options), NULL, 1, 1, 0, command_create, NULL, NULL },
	{ "start", "ID", "start the program of a created container", NULL, NULL, 0, NULL, 1, 1, 0,
	  command_start, NULL, NULL },
	{ "run", "ID", "create and start, wait for the end, delete", NULL, run_options,
	  sizeof(struct create_options), NULL, 1, 1, 0, command_run, NULL, NULL },
	{ "exec", "ID [COMMAND [ARG...]]", "run one more program in a container", NULL,
	  exec_options, sizeof(struct exec_options), NULL, 1, -1, 255, command_exec, NULL, NULL,
	  .misuse = 1 },
	{ "state", "ID", "print the state of a container as JSON", NULL, NULL, 0, NULL, 1, 1, 0,
	  command_state, NULL, NULL },
	{ "kill", "ID [SIGNAL]", "send a signal (default SIGTERM) to a container", NULL,
	  kill_options, sizeof(struct kill_options), NULL, 1, 2, 0, command_kill, NULL, NULL },
	{ "delete", "ID", "remove a stopped container", NULL, delete_options,
	  sizeof(struct delete_options), NULL, 1, 1, 0, command_delete, NULL, NULL },
	{ "list", NULL, "list the containers of a root", NULL, list_options,
	  sizeof(struct list_options), &list_defaults, 0, 0, 0, command_list, NULL, NULL },
	{ "ps", "ID [PS-OPTION...]", "list the processes of a container by ps(1)", NULL,
	  list_options, sizeof(struct list_options), &list_defaults, 1, -1, 0, command_ps, NULL,
	  NULL },
	{ "pause", "ID", "freeze all processes of a container", NULL, NULL, 0, NULL, 1, 1, 0,
	  command_pause, NULL, NULL },
	{ "resume", "ID", "thaw a paused container", NULL, NULL, 0, NULL, 1, 1, 0, command_resume,
	  NULL, NULL },
	{ "checkpoint", "ID", "dump the processes of a container into files", NULL,
	  checkpoint_options, sizeof(struct dump_options), &dump_defaults, 1, 1, 0,
	  command_checkpoint, NULL, NULL },
	{ "restore", "ID", "make a container of what checkpoint dumped", NULL, restore_options,
	  sizeof(struct restore_options), &restore_defaults, 1, 1, 0, command_restore, NULL, NULL },
	{ "update", "ID", "change the limits of a container", NULL, update_options,
	  sizeof(struct update_options), NULL, 1, 1, 0, command_update, NULL, NULL },
	{ "events", "ID", "print statistics, and when it is out of memory, as JSON", NULL,
	  events_options, sizeof(struct events_options), &events_defaults, 1, 1, 0, command_events,
	  NULL, NULL },
	{ "features", NULL, "print what this runtime understands, as JSON", NULL, NULL, 0, NULL, 0,
	  0, 0, command_features, NULL, NULL },
	{ "spec", NULL, "write a config.json to start from", NULL, spec_options,
	  sizeof(struct spec_options), NULL, 0, 0, 0, command_spec, NULL, NULL },
	{ 0 },
};

/* Without a command: the version if it was asked for, else the help. */
static int alone(const struct call *c, struct err *e)
{
	auto_buf out = { 0 };
	if (((const struct runtime_options *)c->opts)->version)
		return command_version(c, e);
	cli_help(c->command, c->path, &out);
	return cli_print(&out, e);
}

int runtime_rootless(const char *text)
{
	static const struct {
		const char *word;
		int value;
	} words[] = { { "auto", 0 },   { "true", 1 }, { "t", 1 }, { "1", 1 },
		      { "false", -1 }, { "f", -1 },   { "0", -1 } };
	for (size_t i = 0; text && *text && i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcasecmp(words[i].word, text))
			return words[i].value;
	return text && *text ? -EINVAL : 0;
}

/* In crun's words. */
static int log_level(const char *text)
{
	static const struct {
		const char *word;
		enum log_level level;
	} words[] = { { "error", LOG_ERROR }, { "warning", LOG_WARN }, { "debug", LOG_DEBUG } };
	for (size_t i = 0; given(text) && i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcasecmp(words[i].word, text))
			return (int)words[i].level;
	return given(text) ? -EINVAL : LOG_WARN;
}

static int before(const struct call *c, struct err *e)
{
	const struct runtime_options *o = c->opts;
	if (runtime_rootless(o->rootless) == -EINVAL)
		return refuse(e, EINVAL, "option --rootless: '%s' is neither true, false nor auto",
			      o->rootless);
	bool json = !strcmp(o->log_format, "json");
	if (!json && strcmp(o->log_format, "text") != 0)
		return refuse(e, EINVAL, "option --log-format: '%s' is neither text nor json",
			      o->log_format);
	if (given(o->cgroup_manager) && strcmp(o->cgroup_manager, "cgroupfs") != 0 &&
	    strcmp(o->cgroup_manager, "systemd") != 0 && !runtime_no_cgroup(o))
		return refuse(
			e, EINVAL,
			"option --cgroup-manager: '%s' is none of cgroupfs, systemd, disabled",
			o->cgroup_manager);
	int level = o->debug ? LOG_DEBUG : log_level(o->log_level);
	if (level < 0)
		return refuse(e, EINVAL,
			      "option --log-level: '%s' is none of error, warning, debug",
			      o->log_level);
	bool scheme = o->log && !strncmp(o->log, "file:", 5); /* as crun has it */
	const struct log_options log = {
		.path = scheme ? o->log + 5 : o->log,
		.json = json,
		.named = true,	   /* as runc's and crun's, which others look for */
		.alike = o->debug, /* as runc's, which tests look into */
		.level = (enum log_level)level
	};
	return log_open(&log, e);
}

const struct command applet_runtime = {
	.name = "runtime",
	.help = "an OCI runtime, to be used in place of runc or crun",
	.more = "It takes a bundle (a directory with config.json and a root file system)\n"
		"and runs it as a container. Use it in place of runc or crun.",
	.opts = global_options,
	.opts_size = sizeof(struct runtime_options),
	.defaults = &global_defaults,
	.run = alone,
	.before = before,
	.sub = commands,
	.misuse = 3, /* as runc's */
};

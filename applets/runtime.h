/* runtime.h - the options of the runtime's commands, and the functions behind them. */
#ifndef RUNTIME_H
#define RUNTIME_H

#include "base/cli.h"
#include "base/list.h"
#include "container/checkpoint.h"
#include "container/container.h"

struct runtime_options {
	const char *root, *log, *log_format, *log_level, *cgroup_manager, *rootless, *engine;
	const char *criu; /* ignored, as by runc: it is found in $PATH */
	bool debug, systemd_cgroup, version;
};

struct create_options {
	const char *bundle, *config, *console_socket, *pid_file, *pidfd_socket;
	bool no_pivot, no_new_keyring, detach, keep, no_subreaper;
	int preserve_fds;
};

struct exec_options {
	const char *console_socket, *cwd, *user, *process, *pid_file, *pidfd_socket;
	const char *apparmor, *process_label;
	struct strs env, gids, caps, cgroups;
	bool tty, detach, no_new_privs, ignore_paused;
	int preserve_fds;
};

struct kill_options {
	bool all, regex;
};

struct delete_options {
	bool force, regex;
};

struct update_options {
	const char *resources, *l3_cache_schema, *mem_bw_schema;
	struct spec_memory memory;
	struct spec_cpu cpu;
	struct opt_i64 pids;
	struct opt_u64 blkio_weight;
};

struct events_options {
	const char *interval;
	bool stats;
};

struct list_options {
	const char *format;
	bool quiet;
};

struct spec_options {
	const char *bundle, *file;
	bool rootless;
};

/* What checkpoint and restore say alike, and all of checkpoint. */
struct dump_options {
	struct checkpoint_options core;
	const char *image_path, *work_path, *page_server, *cgroups_mode, *empty_ns, *network_lock;
};

struct restore_options {
	struct dump_options dump;
	struct create_options create;
};

/* Opens the container of the first argument. */
int runtime_open(const struct call *c, struct container **out, struct err *e);

static inline bool given(const char *s)
{
	return s && *s;
}

/* To runc, "" is as if it were not given. */
static inline const char *if_given(const char *s)
{
	return given(s) ? s : NULL;
}

typedef int command_function(const struct call *c, struct err *e);

command_function command_create, command_start, command_run, command_exec, command_state,
	command_kill, command_delete, command_list, command_ps, command_pause, command_resume,
	command_spec, command_version, command_checkpoint, command_restore, command_update,
	command_events, command_features;

/* Stays with a container until its end, with our stdio and our signals (attend_signals), and
 * deletes it then, unless it is to be kept. Its exit status. */
int runtime_attend(struct container *run, int signals, int console, int notify, bool keep,
		   struct err *e);

/* Whether cgroups are systemd's to make: --systemd-cgroup, --cgroup-manager=systemd. */
bool runtime_systemd(const struct runtime_options *o);

/* Whether there are to be none: --cgroup-manager=disabled. */
bool runtime_no_cgroup(const struct runtime_options *o);

/* runtime_checkpoint.c */
extern const struct opt checkpoint_options[], restore_options[];

/* What --rootless says, for struct create_request; -EINVAL: nothing that is known. */
int runtime_rootless(const char *text);

/* Where the states are: --root, or that of who we are. NULL with e said. */
const char *runtime_root(const struct call *c, struct err *e);

#endif

/* spec.h - an OCI runtime configuration (config.json) as data. Field by field the runtime spec 1.3,
 * Linux part. */
#ifndef OCI_SPEC_H
#define OCI_SPEC_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/list.h"

#define SPEC_VERSION "1.3.0"
#define SPEC_MAX     ((size_t)4 << 20) /* bytes of a config.json; no real one is near */

struct spec_capabilities {
	struct strs bounding, effective, inheritable, permitted, ambient;
};

struct spec_rlimit {
	const char *type; /* "RLIMIT_NOFILE" */
	uint64_t hard, soft;
};

struct spec_user {
	uint32_t uid, gid;
	struct opt_i64 umask;
	struct u32s additional_gids;
	const char *username; /* Windows' name of it; ignored */
};

struct spec_size {
	uint64_t height, width;
};

struct spec_scheduler {
	const char *policy;
	int nice, priority;
	struct strs flags;
	uint64_t runtime, deadline, period;
};

struct spec_io_priority {
	const char *cls; /* "class" */
	int priority;
};

struct spec_exec_affinity {
	const char *initial, *final;
};

/* Also a whole process.json of `runtime exec --process`. */
struct spec_process {
	bool terminal;
	struct spec_size *console_size;
	bool console_plain; /* not of the spec: the terminal leaves the ends of lines alone */
	struct spec_user user;
	struct strs args, env;
	const char *cwd;
	struct spec_capabilities *capabilities;
	struct {
		struct spec_rlimit *v;
		size_t n;
	} rlimits;
	bool no_new_privileges;
	const char *apparmor_profile, *selinux_label;
	struct opt_i64 oom_score_adj;
	struct spec_scheduler *scheduler;
	struct spec_io_priority *io_priority;
	struct spec_exec_affinity *exec_affinity;
};

struct spec_root {
	const char *path;
	bool readonly;
};

struct spec_id_mapping {
	uint32_t container_id, host_id, size;
};
struct spec_id_mappings {
	struct spec_id_mapping *v;
	size_t n;
};

struct spec_mount {
	const char *destination, *type, *source;
	struct strs options;
	struct spec_id_mappings uid_mappings, gid_mappings;
};
struct spec_mounts {
	struct spec_mount *v;
	size_t n;
};

struct spec_hook {
	const char *path;
	struct strs args, env;
	struct opt_i64 timeout; /* seconds */
};
struct spec_hook_list {
	struct spec_hook *v;
	size_t n;
};
struct spec_hooks {
	struct spec_hook_list prestart, create_runtime, create_container, start_container,
		poststart, poststop;
};

struct spec_namespace {
	const char *type; /* pid network mount ipc uts user cgroup time */
	const char *path; /* NULL: a new one */
};

struct spec_device {
	const char *type, *path; /* c b u p */
	int64_t major, minor;
	struct opt_u64 file_mode;
	struct opt_i64 uid, gid;
};

struct spec_device_rule {
	bool allow;
	const char *type; /* a b c; NULL: a */
	struct opt_i64 major, minor;
	const char *access; /* "rwm" */
};

struct spec_memory {
	struct opt_i64 limit, reservation, swap, kernel, kernel_tcp;
	struct opt_u64 swappiness;
	struct opt_bool disable_oom_killer, use_hierarchy, check_before_update;
	/* No file's: what swap is where the kernel counts that, and nothing has said more. */
	struct opt_i64 swap_if_counted;
};

struct spec_cpu {
	struct opt_u64 shares, period, realtime_period, burst;
	struct opt_i64 quota, realtime_runtime, idle;
	const char *cpus, *mems;
};

struct spec_throttle {
	int64_t major, minor;
	uint64_t rate;
};
struct spec_throttles {
	struct spec_throttle *v;
	size_t n;
};
struct spec_weight_device {
	int64_t major, minor;
	struct opt_u64 weight, leaf_weight;
};
struct spec_block_io {
	struct opt_u64 weight, leaf_weight;
	struct {
		struct spec_weight_device *v;
		size_t n;
	} weight_device;
	struct spec_throttles read_bps, write_bps, read_iops, write_iops;
};

struct spec_hugepage {
	const char *page_size; /* "2MB" */
	uint64_t limit;
};

struct spec_if_priority {
	const char *name;
	uint32_t priority;
};
struct spec_network {
	struct opt_u64 class_id;
	struct {
		struct spec_if_priority *v;
		size_t n;
	} priorities;
};

struct spec_rdma {
	const char *key; /* device */
	struct opt_u64 hca_handles, hca_objects;
};

struct spec_resources {
	struct {
		struct spec_device_rule *v;
		size_t n;
	} devices;
	struct spec_memory *memory;
	struct spec_cpu *cpu;
	struct opt_i64 pids_limit; /* out of pids.limit */
	struct spec_block_io *block_io;
	struct {
		struct spec_hugepage *v;
		size_t n;
	} hugepages;
	struct spec_network *network;
	struct {
		struct spec_rdma *v;
		size_t n;
	} rdma;
	struct pairs unified;
};

struct spec_seccomp_arg {
	uint32_t index;
	uint64_t value, value_two;
	const char *op; /* SCMP_CMP_EQ, ... */
};
struct spec_seccomp_rule {
	struct strs names;
	const char *action;
	struct opt_u64 errno_ret;
	struct {
		struct spec_seccomp_arg *v;
		size_t n;
	} args;
};
struct spec_seccomp {
	const char *default_action;
	struct opt_u64 default_errno_ret;
	struct strs architectures, flags;
	const char *listener_path, *listener_metadata;
	struct {
		struct spec_seccomp_rule *v;
		size_t n;
	} syscalls;
};

struct spec_time_offset {
	const char *key; /* boottime, monotonic */
	int64_t secs;
	uint32_t nanosecs;
};

struct spec_personality {
	const char *domain;
	struct strs flags;
};

struct spec_net_device {
	const char *key;  /* on the host */
	const char *name; /* in the container; NULL: the same */
};

struct spec_memory_policy {
	const char *mode; /* "MPOL_BIND" */
	const char *nodes;
	struct strs flags;
};

struct spec_intel_rdt {
	const char *clos_id;
	struct strs schemata;
	const char *l3_cache_schema, *mem_bw_schema;
	bool enable_monitoring;
};

struct spec_linux {
	struct spec_id_mappings uid_mappings, gid_mappings;
	struct pairs sysctl;
	struct spec_resources *resources;
	const char *cgroups_path;
	struct {
		struct spec_namespace *v;
		size_t n;
	} namespaces;
	struct {
		struct spec_device *v;
		size_t n;
	} devices;
	struct spec_seccomp *seccomp;
	const char *rootfs_propagation;
	struct strs masked_paths, readonly_paths;
	const char *mount_label;
	struct {
		struct spec_time_offset *v;
		size_t n;
	} time_offsets;
	struct spec_personality *personality;
	struct {
		struct spec_net_device *v;
		size_t n;
	} net_devices;
	struct spec_memory_policy *memory_policy;
	struct spec_intel_rdt *intel_rdt;
};

struct spec {
	const char *oci_version;
	struct spec_process *process;
	struct spec_root *root;
	const char *hostname, *domainname;
	struct spec_mounts mounts;
	const char *relative; /* a destination of theirs that was not absolute; NULL */
	struct spec_hooks *hooks;
	struct pairs annotations;
	struct spec_linux
		*linux_; /* never NULL once parsed; -std=gnu11 has a macro of the plain name */
};

/* The tables, for whoever needs a part of it alone (process.json, resources of `update`). */
extern const struct json_field spec_fields[];
extern const struct json_field spec_process_fields[];
extern const struct json_field spec_resources_fields[];
extern const struct json_field spec_mount_fields[];
extern const struct json_field spec_intel_rdt_fields[];

/* Parses and validates a config.json. Refuses what cannot be meant: no process args, a cwd that is
 * not absolute, a mount without destination, an unknown namespace type, one given twice, ids out of
 * range, ... What runc accepts is accepted: "proc" or "/proc/" as a destination becomes "/proc",
 * "" as a namespace's path NULL. Messages name the field: "process.args: missing". */
int spec_parse(const char *text, size_t len, struct arena *a, const struct spec **out,
	       struct err *e);

/* The same checks of one that was not parsed: what may not be in a file may not be made either. */
int spec_check(struct spec *s, struct arena *a, struct err *e);

/* Reads NAME (config.json) in directory dir, then spec_parse. */
int spec_read(int dir, const char *name, struct arena *a, const struct spec **out, struct err *e);

/* A process.json, with the same checks. */
int spec_process_parse(const char *text, size_t len, struct arena *a,
		       const struct spec_process **out, struct err *e);

/* The "resources" of a configuration alone, as `runc update --resources` takes them. */
int spec_resources_parse(const char *text, size_t len, struct arena *a,
			 const struct spec_resources **out, struct err *e);

/* The default configuration, as `runc spec` prints it (rootless: with user namespace, for that uid
 * and gid; unified: with cgroup namespace, as on cgroup v2). */
struct spec_default_options {
	bool rootless;
	uint32_t uid, gid;
	bool unified;
};
int spec_default(const struct spec_default_options *o, struct arena *a, struct spec **out,
		 struct err *e);

/* Its JSON: compact for indent 0, JSON_TABS as runc writes it. */
void spec_write(const struct spec *s, int indent, struct buf *out);

/* Writes it to config.json in the directory bundle, for people to edit. One that exists is refused,
 * unless file, a path from there, is to be written in its place. */
int spec_save(const char *bundle, const char *file, const struct spec *s, struct err *e);

/* The checks of a process (at: where it is, "process." or ""), and of what else is the process's
 * but in linux. */
int spec_check_process(const struct spec_process *p, const char *at, struct err *e);
int spec_check_linux_process(const struct spec *s, struct err *e);

/* The number of a word that the kernel has a number for (a scheduling policy, a flag, ...): its
 * place in the list, which NULL ends. -EINVAL. */
int spec_word(const char *const *list, const char *word);
extern const char *const spec_policies[],
	*const spec_schedule_flags[], *const spec_io_classes[], *const spec_memory_modes[];
int spec_memory_flag(const char *word); /* its bit */

/* Whether it shows what is there already: by an option or by its type. */
bool spec_mount_binds(const struct spec_mount *m);

/* The namespace of that type, or NULL. */
const struct spec_namespace *spec_namespace(const struct spec *s, const char *type);

/* "1.0.2" and such may be run; "2.0.0" may not. */
int spec_check_version(const char *version, struct err *e);

#endif

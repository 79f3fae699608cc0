/* runspec.h - the options of `coracle run` put into a runtime spec. */
#ifndef MONITOR_RUNSPEC_H
#define MONITOR_RUNSPEC_H

#include "base/arena.h"
#include "base/err.h"
#include "base/list.h"
#include "image/image.h"
#include "image/signature.h"
#include "oci/spec.h"

#include <stdbool.h>
#include <stdint.h>

/* As the user gave them; zero and NULL are "not given". */
struct run_options {
	const char *root, *store, *name, *pull, *platform, *authfile, *cidfile;
	const char *os, *arch, *variant; /* of a platform */
	bool tls_verify;
	uint64_t timeout; /* seconds; 0: none */
	int preserve_fds;
	const char *cgroups, *tz, *personality, *image_volume;
	struct signers signers;
	bool detach, remove, remove_image, interactive, terminal, quiet, rootfs;
	bool replace, oom_kill_disable, env_host, unset_all, no_hosts, readonly_tmpfs;
	const char *pidfile, *gpus;
	bool passwd; /* false: what the image has of users stays as it is */
	const char *passwd_entry, *group_entry;
	struct strs env, env_files, env_merge, unset, labels, label_files, annotations;
	struct opt_u64 blkio_weight;
	struct strs blkio_weights, read_bps, write_bps, read_iops, write_iops, cgroup_conf;
	struct strs dns, dns_search, dns_options;
	const char *app, *builder, *run_image, *process; /* see cnb.h */
	struct strs buildpacks;				 /* too */
	uint64_t max_build;				 /* too: bytes; 0: the usual */
	const char *cwd, *user, *hostname, *domainname, *entrypoint, *stop_signal, *umask;
	struct opt_i64 stop_timeout; /* seconds */
	struct strs groups;
	struct spec_memory memory;
	struct spec_cpu cpu;
	const char *cpus;
	int64_t pids_limit;
	struct opt_i64 oom_score_adj, shm_size, swappiness;
	struct strs ulimits, sysctls;
	const char *rdt_class;
	struct strs unheard; /* of options that mean nothing here */
	bool unheard_flag;
	struct strs volumes, mounts, tmpfs, volumes_from;
	struct spec_mounts inherited; /* see volumes_inherit() */
	struct strs devices, device_rules, cdi_dirs, hosts;
	bool readonly, privileged, init;
	struct strs cap_add, cap_drop, security;
	const char *userns, *subuid, *subgid; /* see runuserns.h */
	struct strs uidmaps, gidmaps;
	const char *network, *pid, *ipc, *uts, *cgroupns, *cgroup_parent;
	const struct joined *joined; /* see runjoin.h; NULL: nothing is */
};

/* A group of --group-add: the caller's, with those that have no number inside. */
#define KEEP_GROUPS "keep-groups"

/* What is to be run. */
struct run_subject {
	const struct image *image; /* NULL: none that says something about itself */
	int rootfs;		   /* to look for users in */
	struct strs command;	   /* in the place of the image's */
	const char *id;		   /* for its cgroup */
	const char *hostname;	   /* unless the options have one; NULL: that of the default spec */
	bool names;		   /* an /etc/hosts is written where the image has none */
};

/* The whole spec: what the image says and the options change. */
int runspec_make(const struct run_options *o, const struct run_subject *subject, struct arena *a,
		 struct spec **out, struct err *e);

/* Limits, devices, mounts, capabilities, seccomp, namespaces. id: the container's, for its cgroup.
 * Everything that is mounted from the host is looked at here: what does not exist is refused by
 * name. */
int runspec_apply(struct spec *s, const struct run_options *o, const char *id, struct arena *a,
		  struct err *e);

/* One group more, unless it is there. 0 or -E2BIG. */
int group_add(struct spec_user *u, uint32_t gid, struct arena *a);

/* One annotation more, or that one anew. */
int runspec_note(struct spec *s, const char *key, const char *value, struct arena *a,
		 struct err *e);

/* The variables of --env-file, each line NAME=VALUE or NAME or a # comment, and then those of
 * --env. */
int runspec_env(const struct run_options *o, struct arena *a, struct strs *out, struct err *e);

/* "/a:/b:ro", "type=bind,source=/a,target=/b,readonly" and "/a:size=1m" as a mount; nothing of the
 * host is looked at. */
int runspec_volume(const char *text, struct arena *a, struct spec_mount *out, struct err *e);
int runspec_mount(const char *text, struct arena *a, struct spec_mount *out, struct err *e);
int runspec_tmpfs(const char *text, struct arena *a, struct spec_mount *out, struct err *e);

/* "0.5" cpus in microseconds of each 100000. -EINVAL. */
int64_t runspec_quota(const char *cpus);

#endif

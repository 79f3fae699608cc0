/* inside.h - the box as the process in it sees it: everything read from the kernel, nothing
 * remembered. */
#ifndef BOX_INSIDE_H
#define BOX_INSIDE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/list.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct inside_namespace {
	const char *name; /* "pid" */
	uint64_t id;	  /* its inode number */
};

struct inside {
	pid_t pid, parent;
	const char *hostname, *kernel, *machine;
	int processes; /* in sight in /proc, ourselves included; -1: /proc cannot be read */
	const char *root_type, *root_source; /* "tmpfs", "overlay"; NULL: unknown */
	bool root_readonly;
	size_t mounts;
	struct {
		struct inside_namespace *v;
		size_t n;
	} namespaces;
	struct strs interfaces; /* of the network */
	struct opt_u64
		memory_max; /* bytes; a limit that is not set or not in sight is not set here */
	struct opt_u64 pids_max;
	double cpus;	    /* of quota/period; 0: no limit */
	bool cgroup_seen;   /* a cgroup file system is in sight */
	uint64_t files_max; /* RLIMIT_NOFILE, soft */
	uid_t uid;
	gid_t gid;
	uint64_t caps_effective, caps_bounding;
	int seccomp; /* 0 off, 1 strict, 2 filter; -1 unknown */
	int seccomp_filters;
	int no_new_privs; /* -1 unknown */
};

/* What cannot be read stays as unknown; only running out of memory fails. */
int inside_read(struct arena *a, struct inside *out, struct err *e);

/* "kill chown", "none", "all", "all but sys_time", for people. NULL at the arena's cap. */
const char *inside_caps(uint64_t set, struct arena *a);

#endif

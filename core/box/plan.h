/* plan.h - what a new process has to do to itself before it is the workload: an array of
 * operations. The parent makes it out of the spec (allocating, changing nothing); the child applies
 * it (system calls only). */
#ifndef BOX_PLAN_H
#define BOX_PLAN_H

#include "base/arena.h"
#include "base/bits.h"
#include "base/buf.h"
#include "base/err.h"
#include "box/cgroup.h"
#include "oci/spec.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum op_kind {
	OP_GO = 1,	/* wait until the parent has mapped our ids and done what waits says */
	OP_JOIN,	/* setns: fd, flags (CLONE_NEW*) */
	OP_UNSHARE,	/* flags */
	OP_MADE,	/* wait until the parent has made all cgroups */
	OP_CGROUP,	/* the same, and until they have their limits: enter them */
	OP_SOURCES,	/* clone the sources of mounts that the parent might not */
	OP_PLACE,	/* open path, where OP_ROOT goes, while we may go there */
	OP_BECOME_ROOT, /* of a new user namespace */
	OP_SESSION,  /* setsid, a keyring named path (or none when NULL), its permissions: flags */
	OP_STDIO,    /* fds 0, 1, 2 */
	OP_LOOPBACK, /* lo up */
	OP_HOSTNAME, /* path: the name */
	OP_DOMAINNAME,
	OP_PROPAGATION,	 /* of all mounts: flags MS_* */
	OP_ROOT,	 /* attach the root file system: fd, onto path; flags: it is a slave */
	OP_MOUNT,	 /* struct op_mount */
	OP_MKNOD,	 /* path, device */
	OP_SYMLINK,	 /* path -> source; flags: only if the host has that */
	OP_CONSOLE,	 /* a pty; the master goes to the parent */
	OP_MASK,	 /* path shows nothing */
	OP_READONLY,	 /* path cannot be written */
	OP_REMOUNT,	 /* the mount at path gets the attributes and the propagation of mount */
	OP_RECONFIGURE,	 /* struct op_mount, with remount: of what is mounted at path */
	OP_SYSCTL,	 /* path (below /proc/sys) = source */
	OP_PARENT_HOOKS, /* the parent runs hooks outside, and answers */
	OP_HOOK,	 /* struct op_exec: run it here */
	OP_PIVOT,	 /* the root file system becomes /: flags, enum root_way */
	OP_CHROOT,	 /* the directory fd becomes / */
	OP_ROOT_PROPAGATION, /* flags MS_*, for / */
	OP_ROOT_READONLY,
	OP_MAKE_DIR,	  /* path, for a cwd that does not exist */
	OP_CLOSE,	  /* let go of all that our parent had open */
	OP_LIMIT,	  /* rlimit: resource, soft, hard */
	OP_AFFINITY,	  /* data: struct bits, the processors; NULL: all of the cgroup */
	OP_SCHEDULE,	  /* data: struct sched_attr */
	OP_IO_PRIORITY,	  /* flags: class and priority */
	OP_MEMORY_POLICY, /* flags: mode; data: struct bits, the nodes */
	OP_OWN_STDIO,	  /* path: of the null device, or NULL; flags: the user */
	OP_UMASK,	  /* flags: the mask */
	OP_SECCOMP,	  /* struct op_seccomp */
	OP_BOUND,	  /* drop all but these from the capability bounding set */
	OP_USER,	  /* ids */
	OP_CAPS,	  /* the other four sets */
	OP_NO_NEW_PRIVS,
	OP_PERSONALITY, /* flags */
	OP_LABEL,	/* of the next execve: path in /proc/self/attr = source */
	OP_CHDIR,	/* path; must be inside the root */
	OP_FIND,	/* the program exists and may be executed: struct op_exec */
	OP_READY,	/* tell the parent that all is made */
	OP_START,	/* wait on the listening socket until somebody starts us */
	OP_TRY,		/* the same as OP_EXEC, but it goes on where that cannot be */
	OP_EXEC,	/* struct op_exec: become the workload */
	OP_KINDS
};

/* OP_CONSOLE's flags: rows << 16 | columns, and whether "\n" comes out as it went in. */
#define CONSOLE_PLAIN ((uint64_t)1 << 32)

struct mount_option {
	const char *key, *value; /* value NULL: a flag */
};

/* How: leaving nothing of the old root; by covering it (--no-pivot); in the host's mount namespace.
 */
enum root_way { ROOT_PIVOT, ROOT_COVER, ROOT_CHROOT };

#define MOUNT_PROPAGATIONS 4

/* Whether its ids are mapped: not, of this mount, of it and all below it. */
enum idmap { IDMAP_NOT, IDMAP_ONE, IDMAP_RECURSIVE };

/* How to make a mount: attributes (MOUNT_ATTR_*), propagation, and for a new file system its own
 * options. */
struct op_mount {
	const char *type;   /* NULL: a bind */
	const char *source; /* bind: absolute path on the host, opened by plan_open() */
	const char *inside; /* bind: the same in the container's root, for what was mounted there
			       before; NULL: is not there */
	struct {
		struct mount_option *v;
		size_t n;
	} options;
	uint64_t set, clear;			  /* attributes of the mount itself */
	uint64_t set_recursive, clear_recursive;  /* of it and all below it (rro, rnosuid, ...) */
	uint64_t propagation[MOUNT_PROPAGATIONS]; /* MS_*, in order; 0: no more */
	unsigned long super;			  /* MS_* that are the file system's */
	unsigned long access;			  /* MS_*: what options say of access times */
	bool told;				  /* options name attributes, to be or not to be */
	bool recursive;				  /* rbind */
	bool peer;	     /* bind: what is mounted below shows on the host as well */
	bool directory;	     /* bind: known to be one */
	bool real_directory; /* proc, sysfs, cgroup: a directory, and the target may not be a link
			      */
	bool remount;	     /* changes what is mounted there */
	bool copy_up;	     /* a tmpfs: gets what it covers */
	bool copy_link;	     /* bind: where its source is a symbolic link, one is made like it */
	bool takes_mode;     /* a tmpfs that is told none: options.v has room for one more */
	enum idmap idmap;
	bool idmap_late;			    /* once the child has cloned it */
	const struct spec_id_mappings *uids, *gids; /* NULL: the container's own */
};

struct op_device {
	mode_t mode; /* S_IFCHR, ... and permissions */
	dev_t number;
	uid_t uid;
	gid_t gid;
	bool bind; /* in a user namespace: op.fd, else the host's node, which mknod may not make */
};

struct op_caps {
	uint64_t bounding, effective, permitted, inheritable, ambient;
};

struct op_ids {
	uid_t uid;
	gid_t gid;
	const gid_t *groups;
	size_t ngroups;
	bool keep_groups; /* the caller's stay */
	bool here;	  /* in our own user namespace */
};

struct op_seccomp {
	void *program; /* struct sock_filter [] */
	unsigned short length;
	unsigned flags;
};

struct op_exec {
	const char *name;	  /* argv[0] as given */
	const char *const *paths; /* where to look, NULL-ended */
	const char *const *argv;
	const char *const *envp;
	const char *dir;   /* hook: where it runs; NULL: where we are */
	const char *input; /* hook: its stdin */
	size_t input_size;
	int timeout_ms; /* hook: 0 none */
	int stop;	/* hook: see hook_stage */
	int out[2];	/* hook: the same */
};

struct op {
	enum op_kind kind;
	const char *what; /* for the message: "mount proc on /proc" */
	const char *path, *source;
	unsigned nth; /* of the mounts or devices of the spec, from 1 on; 0: none */
	int fd;	      /* opened by plan_open(), but for the root's directory before it; -1 */
	uint64_t flags;
	union {
		struct op_mount mount;
		struct op_device device;
		struct op_caps caps;
		struct op_ids ids;
		struct op_seccomp seccomp;
		struct op_exec exec;
		struct op_limit {
			int resource;
			uint64_t soft, hard;
			bool again;    /* it is set later, too */
			bool filtered; /* by then with a filter of system calls */
		} limit;
		const void *data;
	};
};

struct plan {
	struct op *v;
	size_t n, cap;
	struct arena *arena;
	uint64_t clone_flags; /* CLONE_NEW* for clone3 */
	const struct spec_linux
		*maps; /* id mappings to write, when there is a new user namespace */
	const struct spec_linux *clocks; /* offsets of a new time namespace; NULL: none */
	bool host_mounts; /* there is no mount namespace: mounts are made in the host's */
	bool old;      /* there is no mount API: the child opens the sources, and clones nothing */
	bool in_order; /* binds are cloned by the child, when it is their turn */
	/* A pid and a user namespace to be born in, opened by plan_open(); -1. */
	int pid_ns, user_ns;
	const char *pid_ns_path, *user_ns_path;
	struct idmap_last *last;       /* while mounts are id-mapped; NULL: none is */
	int nodes;		       /* where the devices are that the child may not make */
	const char *mount_label;       /* of new file systems; NULL: none */
	const char *label_kind;	       /* the option that gives it: "context" */
	const char *bundle;	       /* what relative paths are relative to */
	const char *root_named;	       /* its path from there, to be looked at once more before its
					* mount goes there; NULL: no need */
	const struct pairs *notes;     /* annotations that tell where hooks write; NULL: no hooks */
	int hook_out[2];	       /* so, open; 0: nowhere */
	bool waits;		       /* at first, for what its parent does to it from outside */
	bool joins_late;	       /* there is an OP_CGROUP */
	uint64_t in_cgroup;	       /* CLONE_NEW* to be made once the cgroups are joined */
	bool joined;		       /* it has the operations for these */
	bool joining;		       /* a container that is there: exec */
	bool listened;		       /* the filter of system calls has a listener */
	const struct bits *birth_cpus; /* to be born on; NULL: where we run */
	/* Compiled before, but for its flags; NULL. */
	const struct op_seccomp *filter;
};

/* What the plan of a whole container needs to know besides its spec. */
struct plan_context {
	const struct spec *spec;
	const char *id, *bundle;
	const char *mount_point; /* an existing directory to attach the root to while it is being
				    made */
	const struct cgroup *cgroup; /* for cgroup mounts */
	bool joins_late; /* v1's cgroups are made, and v2's gets its device filter, while init makes
			    its own namespaces and mounts; child_go_in() tells that all is done */
	bool waits;	 /* init does nothing before it is told to */
	bool detached_root; /* the caller brings a detached mount: put its fd into the OP_ROOT */
	bool no_pivot, no_new_keyring;
	bool own_program; /* OP_EXEC gets a file of the caller's: none is looked for, and no device
			     made */
	enum {
		START_BY_LISTENER, /* when somebody connects to it */
		START_BY_PARENT,   /* as soon as the parent says so */
		START_AT_ONCE,	   /* when it is ready */
	} start;
	/* stdin of the createContainer and of the startContainer hooks */
	const char *creating_json, *created_json;
};

/* The plan of a container's init. Opens nothing. */
int plan_create(const struct plan_context *c, struct arena *a, struct plan *out, struct err *e);

/* The plan of a command on the node itself: its own session, limits, user and capabilities, nothing
 * else. */
int plan_host(const struct plan_context *c, struct arena *a, struct plan *out, struct err *e);

/* One more process in a container. */
struct plan_joining {
	const struct spec_process *process;
	const struct spec *spec; /* of the container */
	const char *id;		 /* NULL: it has no keyring of its own */
	int init_pidfd;		 /* holds the process whose namespaces are joined */
	uint64_t namespaces;	 /* CLONE_NEW* to join */
	int root; /* of that process, to go to where no mount namespace leads there; -1: ours */
	int cgroup_ns;	  /* opened, if it is among them: the last to be joined; -1 */
	uint64_t born_in; /* of these, to be born in: pid, and user where we may nothing else */
	/* Of the spec, compiled before; NULL: it was not. */
	const struct op_seccomp *filter;
};

/* Its plan. */
int plan_exec(const struct plan_joining *j, struct arena *a, struct plan *out, struct err *e);

/* Opens what the operations need from the host (bind sources, namespaces). Sources that we may not
 * clone here, for lack of rights, are left to the child, who is to do so where it has them: in its
 * own mount namespace. plan_take() gives all to be closed. */
int plan_open(struct plan *p, int bundle_dir, struct err *e);
struct keep;
void plan_take(struct plan *p, struct keep *to);

/* A detached clone of the source that the operation shows; for binds that are made in order, called
 * by the child when it is their turn. */
int plan_clone_source(const struct op *o, int dir);

/* Whether neither is at or below the other: as they are written, which what has "//" or "." in it
 * does not tell. */
bool paths_apart(const char *a, const char *b);

/* In the child, with system calls only: clones what the parent could not; for an old plan, opens
 * all there is. The number of operations, or of the one that failed with *rc said. */
size_t plan_open_rest(struct plan *p, int *rc);

/* Puts before what e says of an operation that failed where in config.json it comes from:
 * "mounts[3]: ". Returns -e->code. */
int op_within(enum op_kind kind, unsigned nth, struct err *e);

/* Appends an operation, zeroed but for kind, fd -1 and what (a format). NULL when the arena is
 * full. */
struct op *plan_add(struct plan *p, enum op_kind kind, const char *what, ...)
	__attribute__((format(printf, 3, 4)));

/* To join the cgroups that are joined late, and make namespaces in them, unless it did before. */
int plan_join(struct plan *p, struct err *e);

enum mounts { MOUNTS_ALL, MOUNTS_BUT_CGROUPS, MOUNTS_OF_CGROUPS };

/* Whether an annotation has it keep its caller's groups. */
#define NOTE_KEEP_GROUPS "run.oci.keep_original_groups"
#define NOTE_LABEL_KIND	 "run.oci.mount_context_type"
bool process_keeps_groups(const struct spec *s);

/* Parts of a plan, each made beside the kernel noun that it is about. */
int mount_plan(struct plan *p, const struct plan_context *c, enum mounts which,
	       struct err *e); /* mount.c */
/* Whether what it shows are the container's cgroups. */
bool mount_is_cgroup(const struct spec_mount *m);
/* Where it goes in the root file system: its path may also begin with that, as on the host. */
const char *mount_destination(const struct plan_context *c, const struct spec_mount *m);
/* Every option that it knows. */
int mount_options_known(struct arena *a, struct strs *out);
int sysctl_plan(struct plan *p, const struct spec *s, struct err *e);
int device_plan(struct plan *p, const struct plan_context *c, struct err *e); /* dev.c */

/* devnode.c: makes the devices of an open plan that the host has no node of and the child may not
 * make, where we may: in dir, where they have names until plan_take(). l: who owns them. */
int device_nodes_make(struct plan *p, const struct spec_linux *l, int dir, struct err *e);
void device_nodes_unlink(const struct plan *p);
int process_plan(struct plan *p, const struct spec_process *s, const struct spec *spec,
		 struct err *e); /* process.c: limits, ids, capabilities */
/* Raises the hard limits of a process that enters a user namespace, and there may not do so itself,
 * as far as it will need: what fails, it will be told. process.c */
void limits_raise(pid_t pid, const struct plan *p);

/* Where so few files may be open that it could not hear who starts it, a process comes under that
 * limit only here; until then it has one that may still be lowered to it. filtered: the process has
 * its filter of system calls by then, so who starts it does that. */
int limits_plan_late(struct plan *p, bool filtered, struct err *e);
int schedule_plan(struct plan *p, const struct spec_process *s, const struct spec *spec,
		  struct err *e); /* schedule.c */
/* lsm.c: labels of the process; and of keys that are made from now on ("" ends it). */
bool has_selinux(void);
int label_plan(struct plan *p, const struct spec_process *s, struct err *e);
bool label_mounts(const char *label); /* whether mounts get it; a warning where nothing labels */
int label_keyring_plan(struct plan *p, const struct spec_process *s, const char *label,
		       struct err *e);
int exec_prepare(struct plan *p, const struct spec_process *s, struct op_exec *out,
		 struct err *e); /* process.c: argv, envp, where to look */
/* seccomp.c: the filter, unless it is off; whether a listener is to be told of calls; whether one
 * is to be told of the filter, be it of none, which is asked once. */
int seccomp_plan(struct plan *p, const struct spec_seccomp *s, struct err *e);
bool seccomp_off(const struct spec_seccomp *s);
bool seccomp_notifies(const struct spec_seccomp *s);
bool seccomp_listened(const struct spec_seccomp *s);

/* The words that a seccomp configuration may use; flags_here: those that this kernel takes. */
struct seccomp_words {
	struct strs actions, operators, architectures, flags, flags_here;
	const char *library; /* its version */
};
int seccomp_words(struct arena *a, struct seccomp_words *out);

/* One line an operation: to look at, and to compare in tests. */
void plan_print(const struct plan *p, struct buf *out);

#endif

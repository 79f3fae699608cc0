/* container.h - the verbs of a container's life. Those that change its record hold its lock. */
#ifndef CONTAINER_CONTAINER_H
#define CONTAINER_CONTAINER_H

#include "base/arena.h"
#include "base/err.h"
#include "base/list.h"
#include "base/proc.h"
#include "oci/spec.h"
#include "oci/state.h"

#include <stdbool.h>
#include <sys/types.h>

#define RUN_ROOT "/run/coracle" /* where root's state roots are, a directory each */
#define ID_MAX	 255

/* An opened container: its state directory, its record as last read, and the arena that the record
 * lives in. */
struct container {
	struct arena *arena, *own; /* own: of this itself */
	const char *root, *id;
	int dir;     /* state directory */
	bool reaped; /* init has ended: we heard it */
	int pidfd;   /* of init; -1 when it has ended or does not exist yet */
	struct state state;
	bool stuck;	       /* init was, when it was held, as one that v1's freezer holds */
	bool poststart_failed; /* and so it was killed */
};

struct checkpoint_options; /* checkpoint.h */

/* Detached mount made by the caller that becomes the root file system (an overlay of layers, the
 * rootfs mounts of containerd); -1: root.path of the spec. */
struct create_request {
	const char *root, *id;
	const char *bundle;	    /* directory with config.json; absolute */
	const struct spec *spec;    /* NULL: read it from a file */
	const char *config;	    /* that file, absolute; NULL: bundle/config.json */
	int rootfs_fd;		    /* -1, see above; stays the caller's */
	int stdio[3];		    /* -1: the caller's own. They stay the caller's. */
	const char *console_socket; /* terminal: send the pty master there; NULL: see console_fd */
	int *console_fd;	    /* terminal: put the pty master here */
	bool console_plain;	    /* ... which leaves "\n" alone: another terminal shows it */
	const char *pid_file;	    /* NULL: none; absolute */
	const char *pidfd_socket;   /* NULL: none; a pidfd of init is sent there */
	int preserve_fds;	    /* pass fds 3 .. 3+n-1 on, those that are open */
	int listen_fds;		    /* the first of these are a service manager's (LISTEN_FDS) */
	bool notify;	/* a socket for what it tells a service manager (NOTIFY_SOCKET) */
	int *notify_fd; /* with start: put that socket here */
	bool no_pivot, no_new_keyring;
	bool systemd_cgroup;	/* its cgroup is to be a scope of systemd's */
	const char *owner_kind; /* who stays its parent: "monitor", "shim", "run"; NULL: nobody */
	pid_t owner;		/* 0: we ourselves */
	const int *nice; /* of its init and of hooks, as we made way for others; NULL: as ours is */
	const char *engine;	 /* NULL: native */
	const char *image, *log; /* for the record; may be NULL */
	const char *store;	 /* so, too: what goes with it is of this image store */
	bool auto_remove;
	bool own_pid_file; /* pid_file goes with it */
	bool start;	   /* at once: container_start() is not needed, and its cost is saved */
	bool limits_if_possible; /* without a cgroup, none */
	bool no_cgroup;		 /* it stays in its creator's */
	bool own_program; /* its init is this program itself: the root stays as empty as it is */
	const char *host_mount; /* a mount on the host that goes with it; NULL: none */
	int rootless; /* it may do without a cgroup: 1 yes, -1 no, 0 if we have few rights */
	/* No new process, but those of a checkpoint; they run at once. NULL: a new one. */
	const struct checkpoint_options *restore;
};

/* The state root: the given one, else "default" among those of whoever we are. NULL with e said. */
const char *container_root(const char *given, struct arena *a, struct err *e);

/* The directory of all state roots: RUN_ROOT, for others than root $XDG_RUNTIME_DIR/coracle. NULL
 * with e said: there is none. */
const char *container_roots(struct arena *a, struct err *e);

/* Makes the container and leaves its init waiting for start. On failure nothing is left and the id
 * is free again. -EEXIST for a taken id; -ENOENT / -EACCES when the program does not exist / cannot
 * be executed (e->code too). */
int container_create(const struct create_request *r, struct container **out, struct err *e);

/* Opens an existing one. -ENOENT: "container does not exist: ID". */
int container_open(const char *root, const char *id, struct container **out, struct err *e);

/* Reads the record again, after somebody else may have changed it; what of the earlier one was
 * pointed at is gone. All verbs that change something begin with it. */
int container_reload(struct container *c, struct err *e);

/* Frees; changes nothing. Accepts NULL. */
void container_close(struct container *c);

/* What is true now: looks at the process and the record. */
enum status container_status(struct container *c);

/* The same, where v2's freezer is asked, too, in which a process looks as ever. */
enum status container_status_now(struct container *c);

/* Releases init. Returns once execve has succeeded, or says why it failed. */
int container_start(struct container *c, struct err *e);

/* Signals init, or with all every process of it. -ESRCH: "container not running". */
int container_kill(struct container *c, int sig, bool all, struct err *e);

/* Kills those of its processes that are of a session whose leader has ended: what an exec, which
 * begins one, has left. */
void container_kill_session(struct container *c, pid_t leader);

/* Freezes and thaws. */
int container_pause(struct container *c, struct err *e);
int container_resume(struct container *c, struct err *e);

/* Changes its limits: what a request does not name stays as it is. The kernel is the one record of
 * them. Device rules, if it has some, take the place of those before. -EINVAL: "container not
 * running". */
struct update_request {
	const struct spec_resources *resources;
	struct spec_intel_rdt rdt; /* schemata; all empty: they stay */
};
int container_update(struct container *c, const struct update_request *r, struct err *e);

/* Removes a stopped container (force: kills it first): processes, cgroups, mounts, state; poststop
 * hooks run. Idempotent; what is gone already is success. The container is still to be closed. */
int container_delete(struct container *c, bool force, struct err *e);

/* One process more in a running container. */
struct exec_request {
	const struct spec_process *process;
	const struct spec *spec; /* what container_spec() gave; NULL: it is read */
	int stdio[3];
	const char *console_socket;
	int *console_fd;
	bool console_plain;
	const char *pid_file, *pidfd_socket;
	struct strs cgroups; /* "PATH" or "CONTROLLER,...:PATH": existing ones below its own */
	int preserve_fds;
	bool ignore_paused;
	bool disposable; /* our own process is about to end: what is to be the new one's may be ours
			  */
};
struct process {
	pid_t pid; /* in our own pid namespace */
	int pidfd; /* the caller's to close */
	uint64_t start_time;
};
int container_exec(struct container *c, const struct exec_request *r, struct process *out,
		   struct err *e);

/* The spec it was made with (a copy is kept in the state directory), for exec's defaults. */
int container_spec(struct container *c, struct arena *a, const struct spec **out, struct err *e);

/* Pids of all its processes, as seen from here, from its cgroup. */
int container_pids(struct container *c, struct arena *a, struct u32s *out, struct err *e);

/* Durably records how it ended; the parent calls this once, right after reaping. */
int container_record_exit(struct container *c, struct exit_status st, bool oom, struct err *e);

/* The same, but -EBUSY instead of waiting for who holds the container. */
int container_record_exit_now(struct container *c, struct exit_status st, bool oom, struct err *e);

/* Kills its init if it lives, and records its end unless somebody has. Nobody waits for it: when
 * even the kernel does not know any more how it ended, with a warning, it counts as killed. */
int container_end(struct container *c, struct err *e);

/* Whether the kernel killed one of its processes for lack of memory (cgroup's counter). */
bool container_oom(struct container *c);

/* All containers of a root, unreadable ones included with their id alone; sorted by id. */
struct container_list {
	struct state *v;
	size_t n;
};
int container_list(const char *root, struct arena *a, struct container_list *out, struct err *e);

/* 1-ID_MAX of [A-Za-z0-9_+.-], not starting with "." nor "-". */
int container_id_check(const char *id, struct err *e);

/* Stops and removes whatever a crash left of one id, complete or not: the one path of undo. A
 * report gets a line for each thing. */
struct cleanup_report {
	void (*line)(void *arg, const char *text);
	void *arg;
};
enum {
	CLEANUP_ORPHAN = 1,  /* only if a crash left it, as its maker died half way, or its owner
				(monitor, shim) is gone: else the result is 1 */
	CLEANUP_DRY_RUN = 2, /* only reported */
};
int container_cleanup(const char *root, const char *id, unsigned how,
		      const struct cleanup_report *r, struct err *e);

/* Deletes one by force, also where its record was never completed. */
int container_remove(const char *root, const char *id, struct err *e);

/* Whether its state directory has been removed: who has the id now is somebody else. */
bool container_gone(const struct container *c);

/* Whether fds 3 to 2+n are all there to be passed on. */
int preserved_check(int n, struct err *e);

#endif

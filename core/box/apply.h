/* apply.h - the operations of a plan as functions of the child. System calls only: no memory is
 * allocated, nothing is printed, the parent words what fails. */
#ifndef BOX_APPLY_H
#define BOX_APPLY_H

#include "base/file.h"
#include "box/child.h"
#include "box/hook.h"
#include "box/mountfd.h"

/* The child's own state. */
struct self {
	const struct child_setup *setup;
	int sync;     /* to the parent; -1 once it was told that we are ready */
	int starter;  /* who started us, to be told if execve fails; -1 */
	int root;     /* the root file system; -1 */
	int terminal; /* slave of our pty; -1 */
	int empty;    /* a masked directory, to be cloned for the next; -1 */
	int null;     /* the same of a masked file */
	int proc;     /* a procfs of our own, attached nowhere; -1 */
	int place;    /* where the root file system goes, opened before we may not; -1 */
	int parent;   /* directory of the node that was made last; -1 */
	const struct op *parent_op;
	bool parent_new;     /* that is of a tmpfs which we have made */
	struct stage stage;  /* where mounts are made when there is no mount API */
	const char *program; /* what OP_FIND found */
	bool made, joined;   /* the cgroups, if that is left to us */
	bool at_root;	     /* the working directory is / */
	bool user_set, cwd_denied;
	char words[HOOK_SAID]; /* the kernel's or a hook's own, about a failure; "" */
};

typedef int apply_function(struct self *s, const struct op *o);

/* applyfs.c */
apply_function apply_propagation, apply_place, apply_root, apply_mount, apply_mknod, apply_symlink,
	apply_mask, apply_readonly, apply_remount, apply_reconfigure, apply_sysctl, apply_pivot,
	apply_chroot, apply_root_readonly, apply_make_dir;

/* applyconsole.c */
apply_function apply_console;

/* applyself.c */
apply_function apply_join, apply_unshare, apply_become_root, apply_session, apply_stdio,
	apply_loopback, apply_hostname, apply_domainname, apply_limit, apply_own_stdio, apply_umask,
	apply_bound, apply_user, apply_caps, apply_no_new_privs, apply_personality, apply_chdir,
	apply_find, apply_hook, apply_try, apply_exec;

/* lsm.c, listener.c */
apply_function apply_label, apply_seccomp;

/* schedule.c */
apply_function apply_affinity, apply_schedule, apply_io_priority, apply_memory_policy;

/* schedule.c: the processors of the calling process; 0 or -errno. */
int affinity_set(const struct bits *cpus);
int affinity_get(struct bits *cpus);

/* What the child opens on the way is closed all at once by OP_CLOSE, unless it is a lot. */
#define MANY_FDS 256
static inline void later_fdp(int *fd)
{
	if (*fd >= MANY_FDS)
		close_fdp(fd);
}
#define close_later __attribute__((cleanup(later_fdp)))

/* applyfs.c: the fd of s->proc, mounted at the first use; -errno. */
int own_proc(struct self *s);

/* child.c: waits until the parent lets us go on; 0 or -errno. */
int await_go(int sync);

/* child.c: lets the process at the other end go on. */
int say_go(int sync);

/* child.c: joins the cgroups once they are there, if that is left to us, and was not done. */
int self_join(struct self *s);

/* child.c: closes, or has execve close, all but what a new process needs. */
void close_rest(const struct child_setup *setup, int sync);

/* birth.c: makes the process of a plan, with the flags and the cgroup of args; pair are the ends of
 * its socket, the first its parent's. */
struct clone_args;
int birth(const struct child_setup *s, struct clone_args *args, const int pair[2],
	  struct child *out, struct err *e);

/* nopivot.c: the working directory, a mount, becomes / by being moved there. */
int nopivot_enter(struct self *s);

/* child.c: has the parent map the ids of a detached mount as o wants it. */
int self_idmap(struct self *s, const struct op *o, int mount);

/* child.c: tells the parent, with an fd unless -1. */
int self_tell(struct self *s, int kind, int fd);

#endif

/* child.h - the new process: born by clone3, applies its plan, becomes the workload; and its
 * parent's side of it. */
#ifndef BOX_CHILD_H
#define BOX_CHILD_H

#include "box/cgroup.h"
#include "box/plan.h"

#include <sys/types.h>

/* What goes both ways on the socket between parent and child: one message each. */
enum child_message_kind {
	CHILD_FAILED = 1, /* error, kind, what */
	CHILD_CONSOLE,	  /* with the pty's master */
	CHILD_HOOKS,	  /* run your hooks and send CHILD_GO */
	CHILD_WARNED,	  /* words: what could not be granted */
	CHILD_LISTENER, /* error: the number of the seccomp listener that will be; wants CHILD_GO */
	CHILD_READY,
	CHILD_GO,
	CHILD_IDMAP, /* map the ids of a detached mount, the nth; CHILD_GO goes to the socket with
			it */
	CHILD_MADE,  /* the cgroups; CHILD_GO comes later, with their doors */
	CHILD_LIMIT, /* error: of this resource, what: a struct rlimit; wants CHILD_GO */
};
struct child_message {
	int kind;
	int error; /* errno */
	int op;	   /* enum op_kind */
	unsigned nth;
	char what[400];
	char words[256]; /* the kernel's or the hook's own; "" */
};

struct child_setup {
	struct plan *plan;
	int stdio[3];		      /* -1: as they are */
	int preserve_fds;	      /* 3 .. 3+n-1 stay open */
	int listener;		      /* for OP_START; -1 */
	const struct cgroup *cgroup;  /* NULL: none; its doors are open */
	const struct proc_self *self; /* what we know of ourselves; NULL */
	bool free;		      /* nothing is to be done for it once it is born */
};

/* A born child that waits for child_go(). */
struct child {
	pid_t pid;
	int pidfd, sync;
	bool goes; /* it waits no more */
	const struct plan *plan;
};

int child_clone(const struct child_setup *s, struct child *out, struct err *e);

/* Lets it go on. */
int child_go(const struct child *c, struct err *e);

/* Tells one that joins late that its cgroups are made. */
int child_made(const struct child *c, struct err *e);

/* Lets one go on that joins late: through the doors of cg, which it gets. It may have failed
 * meanwhile: its message says so. */
int child_go_in(const struct child *c, const struct cgroup *cg, struct err *e);

/* Whoever starts it was asked by it, on sync, for a limit that it may not set any more: lowers it
 * to that, and lets it go on. 0 or -errno. */
int child_limit(pid_t pid, int sync, const struct child_message *m);

/* Waits for its next message; CHILD_FAILED comes back as an error, worded; the end of the socket,
 * which is a successful execve, as 0. Else the kind. fd: where that of
 * CHILD_CONSOLE or CHILD_LISTENER goes. */
int child_wait(const struct child *c, int *fd, struct err *e);

/* listener.c: the fd that CHILD_LISTENER announced. */
int listener_take(const struct child *c, int number, struct err *e);

/* Puts a message of CHILD_FAILED into words. */
int child_failure(const struct child_message *m, struct err *e);

/* Runs the plan; never returns. Used right after the clone. */
_Noreturn void child_main(const struct child_setup *s, int sync);

#endif

/* work.h - what may take its time is done by forks of the shim: its loop waits for none of it. */
#ifndef TTRPC_WORK_H
#define TTRPC_WORK_H

#include "base/err.h"
#include "base/loop.h"
#include "container/container.h"
#include "ttrpc/server.h"
#include "ttrpc/streams.h"

#include <sys/types.h>

struct shim;
struct member;

/* fds that a fork hands over. */
enum work_fd {
	WORK_PROCESS, /* held, see proc.h */
	WORK_CONSOLE, /* a pty's master */
	WORK_ROOT,    /* a detached mount */
	WORK_OOM,     /* see box/oom.h: what tells, and the */
	WORK_OOM_COUNTER,
	WORK_STREAMS, /* STREAM_ENDS of them */
	WORK_FDS = WORK_STREAMS + STREAM_ENDS
};

#define WORK_KEEP 4

/* One piece of work. run is called in the fork, which has all that the shim has but its fds: of
 * those the ones in keep (and 0, 1 and 2); as they are when it begins, which may be later. What it
 * sets in pid and fds, and its error, come back to done, which is called in the shim, by its loop,
 * once the fork has ended and its children have become the shim's. done returns what a handler
 * returns, and takes the fds it wants. */
struct work {
	int (*run)(struct work *w, struct err *e);
	int (*done)(struct work *w, int rc, struct err *e);
	struct member *member; /* whose it is; NULL: the shim's own */
	bool forgotten;	       /* its member is gone: done is not called */
	void *arg;	       /* of run and done; may be in the request's arena */
	int keep[WORK_KEEP];
	bool patient; /* lets others begin first, and makes way for them */
	bool in_turn; /* begins when no other such one of its member runs */
	int (*after)(struct work *w, struct err *e); /* ... when none of its member runs this */
	pid_t pid;
	int fds[WORK_FDS]; /* -1: none */
	bool lost;	   /* the fork did not live to say what came of it */
	/* Filled by work_start. */
	struct work *next;
	struct shim *shim;
	struct rpc rpc; /* to be answered with what done returns; request NULL: nobody waits */
	pid_t fork;
	struct watch end;
	bool watched; /* by the loop: without a pidfd SIGCHLD tells alone */
	int result;   /* socket; in the fork its end of it */
	int logger;   /* held, see proc.h: one that the fork has started; -1 */
	uint64_t begun;
};

/* The pieces that are under way, and those that are to begin. */
struct works {
	struct work *running, *queued;
	unsigned at_once;
	int nice;	   /* of forks */
	bool privileged;   /* to have any niceness, and so to come back from one */
	struct watch next; /* when the next one may begin */
};

int works_open(struct shim *s, struct err *e);

/* Kills all that runs, and drops it; nothing is answered. */
void works_close(struct shim *s);

/* Queues a copy of *w: no more than one begins in a round of the loop, and no more at a time than
 * there are processors (patient ones: one less), so that fifty requests at once keep nobody else
 * waiting. r: the call that it answers, NULL: none. RPC_LATER or -ENOMEM. */
int work_start(struct shim *s, const struct work *w, const struct rpc *r, struct err *e);

/* From done, after a failure e: another piece undoes what it has left, and answers the call; its
 * done finds e in arg. RPC_LATER, or e's code: there can be no other piece. */
int work_undo(struct work *w, struct work undo, const struct err *e);

/* In the fork: the niceness of what it starts that is to stay; NULL: its own. */
const int *work_nice(const struct work *w);

/* It needs what an open container consists of. */
void work_keep(struct work *w, const struct container *c);

/* Its fork is killed; done hears -ECANCELED. */
void work_abort(struct work *w);

/* The one that does run for a member; NULL. */
struct work *work_find(struct shim *s, const struct member *m,
		       int (*run)(struct work *w, struct err *e));

/* Finishes what has ended. Who finds an ended child that he does not know calls it before he takes
 * it for a stranger. */
void works_settle(struct shim *s);

/* Whether that child of ours is the fork of one whose end the loop is to tell. Then reap_strangers
 * is called. */
bool works_have(const struct shim *s, pid_t pid);

/* A member is no more. */
void works_forget(struct shim *s, const struct member *m);

#endif

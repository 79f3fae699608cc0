/* shim.h - a shim process: its tasks, and what they have in common. */
#ifndef TTRPC_SHIM_H
#define TTRPC_SHIM_H

#include "base/err.h"
#include "base/loop.h"
#include "container/container.h"
#include "ttrpc/events.h"
#include "ttrpc/loggers.h"
#include "ttrpc/server.h"
#include "ttrpc/stdio.h"
#include "ttrpc/work.h"

#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

struct shim;
struct task;
struct restore; /* checkpoint.h */

enum member_state { MEMBER_CREATED, MEMBER_STARTING, MEMBER_RUNNING, MEMBER_STOPPED };

/* A process of a task: its init, or an exec. */
struct member {
	struct member *next; /* execs of a task */
	struct task *task;
	const char *exec_id; /* "": init */
	enum member_state state;
	pid_t pid;	  /* 0: not started */
	struct watch end; /* on its pidfd */
	struct exit_status status;
	struct timespec exited; /* when it was reaped */
	bool reaped;		/* but not recorded: what is being done with it comes first */
	bool told;		/* its exit, once its output is taken; until then it is STOPPED */
	bool terminal;
	const char *in, *out, *err; /* as requested, for State */
	struct stdio *stdio;
	bool input_closed; /* asked for before there was any */
	char *spec;	   /* exec: its process as JSON, until it starts */
	size_t spec_len;
	struct requests waiting; /* Wait calls to be answered */
	bool leaving;		 /* exec: it is deleted as soon as its output has been taken */
	struct requests deletes; /* Delete calls that are answered then */
};

/* A container. */
struct task {
	struct task *next;
	struct shim *shim;
	const char *id, *root, *bundle; /* root: of states */
	struct container *container;
	struct restore *restore; /* what Start has to restore; then there is no container yet */
	struct member init;
	struct member *execs;
	bool creating, deleting; /* one that is being made is not to be found yet */
	bool paused;
	struct watch oom; /* on its cgroup */
	int oom_counter;  /* of it, open */
	struct watch oom_again;
	unsigned oom_pause; /* milliseconds */
	uint64_t oom_kills; /* told already */
	bool oom_uncounted; /* the counters changed, and were gone when we came to read them */
	uint32_t io_uid, io_gid;
};

struct sandbox; /* sandbox.h */

#define SPARE_FDS 4

struct shim {
	struct loop *loop;
	struct server *server;
	struct events *events;
	const char *namespace_;
	const char *socket; /* its path, removed at the end */
	struct task *tasks;
	struct sandbox *sandbox; /* NULL: a pod with a pause container, or none */
	struct works works;
	struct loggers loggers;
	struct watch signals, lease;
	bool leaving; /* told to shut down, while those that there are were still being made */
	uint64_t lease_ms;
	int spare[SPARE_FDS]; /* for the end of a process when there are no others left */
	bool stopping;	      /* told to shut down and without tasks: goes as soon as all is told */
	bool lingering;	      /* goes once its clients have closed their connections, or soon */
	unsigned peers;	      /* connections */
};

/* Serves on a listening socket until there is nothing left to do. */
struct shim_options {
	const char *namespace_;
	const char *socket; /* path of the listener's socket */
	const char *events; /* TTRPC_ADDRESS */
	int listener;	    /* becomes the shim's */
	uint64_t lease_ms;  /* how long it stays without a task once a client has come or gone */
};
int shim_serve(const struct shim_options *o, struct err *e);

/* Told to shut down: stops, if there are no tasks, now or as soon as none of those that are being
 * made has come to be, and all are undone. */
void shim_leave(struct shim *s);

/* A task has gone: without another one the shim goes as well, after its lease. */
void shim_idle(struct shim *s);

/* Ends the process if it is to, and there is nothing left to tell and no logger to wait for. */
void shim_rest(struct shim *s);

/* The Task services, v2 and v3 alike. */
extern const struct method task_methods[];

/* Its container is gone: tells it, and frees it. */
void task_removed(struct task *t);

#endif

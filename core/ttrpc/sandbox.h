/* sandbox.h - a pod's sandbox without a pause container: namespaces that a tiny process of ours
 * holds, and files that its containers share. */
#ifndef TTRPC_SANDBOX_H
#define TTRPC_SANDBOX_H

#include "pb/sandbox.pb-c.h"
#include "ttrpc/shim.h"

enum sandbox_state { SANDBOX_CREATED, SANDBOX_STARTING, SANDBOX_READY, SANDBOX_ENDED };

struct sandbox {
	struct shim *shim;
	const char *id, *bundle, *netns;
	const char *cgroup; /* of the pod, as its configuration names it; "": none */
	char *options;	    /* that configuration, until Start */
	size_t options_len;
	enum sandbox_state state;
	struct container *holder; /* NULL: the node's namespaces do, so nobody holds any */
	struct watch end;	  /* on its pidfd; -1: none, or it has ended */
	bool shm;		  /* it has a /dev/shm of its own */
	bool stopping;
	bool removing;	       /* by a fork */
	struct watch patience; /* of Stop: then its containers are killed */
	struct exit_status status;
	struct timespec created, exited;
	struct requests waiting, stops, removals;
};

/* What Create asks for is checked, and kept for Start. */
int sandbox_create(struct shim *s, const Containerd__Runtime__Sandbox__V1__CreateSandboxRequest *in,
		   struct err *e);

/* Makes all there is to it, in a fork, and answers. After a failure nothing is left of it but what
 * Create kept. */
int sandbox_start(struct sandbox *b, const struct rpc *r, struct err *e);

/* Whose /proc/PID/ns are the pod's: the holder, or we. 0 unless it is ready. */
uint32_t sandbox_pid(const struct sandbox *b);

/* Whether it takes containers: it is ready, and not told to end. */
bool sandbox_open(const struct sandbox *b);

/* In e: it does not. */
int sandbox_refuse(const struct sandbox *b, struct err *e);

/* Ends every process of the pod: with SIGTERM and, seconds later, SIGKILL; at once with 0. r is
 * answered when none lives: now or later. RPC_LATER or -ENOMEM. */
int sandbox_stop(struct sandbox *b, uint32_t seconds, struct request *r, struct err *e);

/* Answers r when the sandbox has ended: now or later. RPC_LATER or -ENOMEM. */
int sandbox_wait(struct sandbox *b, struct request *r, struct err *e);

/* Kills and removes all that is left of the pod, its containers too, and frees it; in a fork. Then
 * r is answered. RPC_LATER or -ENOMEM. */
int sandbox_remove(struct sandbox *b, struct request *r, struct err *e);

/* A process of one of its containers has ended, or one that was being made, started or deleted is
 * no longer. Accepts NULL. */
void sandbox_look(struct sandbox *b);

/* Some client has gone: drops its calls that wait. Accepts NULL. */
void sandbox_prune(struct sandbox *b);

/* Whether that child of ours, which has ended, was its holder; then it is reaped. */
bool sandbox_reap(struct sandbox *b, pid_t pid);

/* The spec of a container in a bundle, with what the pod has in common. */
int sandbox_spec(const struct sandbox *b, const char *bundle, struct arena *a,
		 const struct spec **out, struct err *e);

/* containerd has removed its bundle, and nothing of it lives: nobody will ask for it any more. */
void sandbox_forget_removed(struct shim *s);

/* Lets go of it; calls that wait are answered. Accepts NULL. */
void sandbox_free(struct sandbox *b);

/* containerd.runtime.sandbox.v1.Sandbox */
extern const struct method sandbox_methods[];

#endif

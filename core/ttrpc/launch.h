/* launch.h - the Task services' Create, Exec and Start. */
#ifndef TTRPC_LAUNCH_H
#define TTRPC_LAUNCH_H

#include "ttrpc/server.h"
#include "ttrpc/shim.h"

int on_create(void *arg, const struct rpc *r, struct err *e);
int on_exec(void *arg, const struct rpc *r, struct err *e);
int on_start(void *arg, const struct rpc *r, struct err *e);

/* Stops the making of a container: its Create fails, and what there is of it is undone. Nothing if
 * none of that id is being made. */
void create_abort(struct shim *s, const char *id);

/* The same for a container that is being started. */
void start_abort(struct task *t);

/* In a fork: opens the streams of its task, makes the container, and hands both over. */
int launch_container(struct work *w, struct create_request *r, struct err *e);

/* In the shim: takes them over. */
int launch_adopt(struct task *t, struct work *w, struct err *e);

/* A Start has failed, and may be tried again: lets go of its streams. rc. */
int launch_failed(struct member *m, int rc);

#endif

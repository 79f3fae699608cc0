/* launch.h - the Task services' Create, Exec and Start. */
#ifndef TTRPC_LAUNCH_H
#define TTRPC_LAUNCH_H

#include "ttrpc/server.h"

int on_create(void *arg, const struct rpc *r, struct err *e);
int on_exec(void *arg, const struct rpc *r, struct err *e);
int on_start(void *arg, const struct rpc *r, struct err *e);

#endif

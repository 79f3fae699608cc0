/* checkpoint.h - the Task services' Checkpoint, and tasks that are created out of one. */
#ifndef TTRPC_CHECKPOINT_H
#define TTRPC_CHECKPOINT_H

#include "ttrpc/options.h"
#include "ttrpc/server.h"
#include "ttrpc/shim.h"

int on_checkpoint(void *arg, const struct rpc *r, struct err *e);

/* Keeps what Create asked for, with a copy of its rootfs_fd, until Start: till then a task that is
 * to be restored has neither container nor process. images: a directory. */
int restore_later(struct task *t, const struct create_request *r, const char *images,
		  const struct runtime_options *o, struct err *e);

/* Restores it now. */
int restore_now(struct task *t, struct err *e);

/* Accepts NULL. */
void restore_free(struct restore *r);

#endif

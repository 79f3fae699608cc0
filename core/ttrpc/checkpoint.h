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

/* In a fork: restores it now. And in the shim, with what came of it: 0, or the answer to its Start,
 * which has failed; what is left is undone by then. */
int restore_now(struct work *w, struct err *e);
int restore_done(struct work *w, int rc, struct err *e);

/* The copy of rootfs_fd, or -1. */
int restore_root(const struct restore *r);

/* Accepts NULL. */
void restore_free(struct restore *r);

#endif

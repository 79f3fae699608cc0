/* oom.h - telling that a task was out of memory, when it happens and before its exit. */
#ifndef TTRPC_OOM_H
#define TTRPC_OOM_H

#include "ttrpc/shim.h"

/* In the fork that makes it: opens what oom_watch takes; -1: none. A machine that counts no kills
 * is no error. */
void oom_prepare(const struct container *c, int *event, int *counter);

/* From now on each kill is told. Takes the fds. */
void oom_watch(struct task *t, int *event, int *counter);
void oom_unwatch(struct task *t);

/* Tells what has not been told yet. False: what was heard of is not counted yet; task_go_on follows
 * when it is, or after a moment. */
bool oom_look(struct task *t);

/* The same for a task that was killed: counters that changed, and went before they were read, have
 * counted that. */
void oom_missed(struct task *t);

#endif

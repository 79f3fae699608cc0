/* exit.h - how a container ended: recorded so that it outlives the monitor, and waited for. */
#ifndef MONITOR_EXIT_H
#define MONITOR_EXIT_H

#include "base/err.h"
#include "base/proc.h"
#include "container/container.h"

/* Before the container is started: an fd on an empty file "exit" in its state directory. Who waits
 * for the end holds that file open, and reads the status from it even when the directory has been
 * removed meanwhile. */
int exit_begin(const struct container *c, struct err *e);

/* After reaping: into the container's record, durably, and then into the file. A container that
 * somebody has removed already is no failure. */
int exit_record(struct container *c, int fd, struct exit_status st, struct err *e);

/* Waits (timeout_ms -1: for ever) until the container has ended and its end is recorded.
 * -ETIMEDOUT; -ENODATA when nobody is left who could know the status. */
int exit_wait(struct container *c, int timeout_ms, struct exit_status *out, struct err *e);

#endif

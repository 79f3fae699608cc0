/* outlet.h - what a process writes into pipes of ours, moved on into the FIFOs of its clients. */
#ifndef TTRPC_OUTLET_H
#define TTRPC_OUTLET_H

#include "base/loop.h"

#include <stdbool.h>

/* Others may have such a pipe open longer than their client wants to wait, as what an exec leaves
 * behind: unlike a FIFO it can be closed, and the client sees the end. */
struct outlet;

/* Of stdout and stderr: from are the pipes' read ends, to the FIFOs' write ends; -1: none. NULL,
 * errno: those that were not taken are still there. No byte is copied. Somebody has to keep the
 * FIFOs' read ends open. */
struct outlet *outlet_new(struct loop *l, int from[2], int to[2]);

/* Whether somebody may still write, or something written has not been moved. */
bool outlet_is_open(const struct outlet *o);

/* The process has ended: done is called, maybe at once, when the FIFOs have all that it wrote, or
 * after a second. What comes later is moved as well. */
void outlet_end(struct outlet *o, void (*done)(void *arg), void *arg);

/* done is called, maybe at once, when it is not open any more, or after ten seconds: containerd's
 * own shim waits as long. It comes in the place of what outlet_end was to call. */
void outlet_drain(struct outlet *o, void (*done)(void *arg), void *arg);

/* Moves what there is room for, and closes everything; done is not called any more. Accepts NULL.
 */
void outlet_free(struct outlet *o);

#endif

/* rehearse.h - whether a container can be made: it is made, and removed before it begins. */
#ifndef MONITOR_REHEARSE_H
#define MONITOR_REHEARSE_H

#include "base/err.h"
#include "container/container.h"

/* Without hooks, and with an empty directory in the place of each volume, whose files only the real
 * one touches: a program that is not there may be in one. The spec is of r->id, which nobody has;
 * all happens in a process of its own, which warns of nothing. What container_create() says. */
int rehearse(const struct create_request *r, struct spec *s, struct err *e);

#endif

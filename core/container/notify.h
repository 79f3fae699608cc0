/* notify.h - what a service manager hands to its services, and hears from them: LISTEN_FDS and
 * NOTIFY_SOCKET, passed on to a container. */
#ifndef CONTAINER_NOTIFY_H
#define CONTAINER_NOTIFY_H

#include "container/container.h"

/* spec (its process and mounts are replaced, not changed) with what r asks for: the environment,
 * and the directory of the socket that the container will have at /run/notify. Makes that
 * directory. */
int notify_add(const struct create_request *r, struct container *c, struct arena *a,
	       struct spec *spec, struct err *e);

/* The socket that the container writes to; -ENOENT when it was made without. */
int notify_bind(struct container *c, struct err *e);

/* Who has to be told, and of whom. */
struct notify_host {
	const char *socket; /* of the manager: a path, or "@name" */
	pid_t main;
};

/* Takes one message and passes it on when it says READY: 1; else 0. -EAGAIN when there is none,
 * -errno when the manager cannot be told. */
int notify_pass(int socket, const struct notify_host *host, struct err *e);

/* Waits until the container has said READY and the manager has taken it in, or until it ends. */
int notify_await(struct container *c, int socket, const struct notify_host *host, struct err *e);

#endif

/* fdpass.h - unix sockets that carry fds. */
#ifndef BASE_FDPASS_H
#define BASE_FDPASS_H

#include "base/err.h"

#include <stddef.h>

#define FDPASS_MAX 32

/* Sends n bytes (at least one) with nfds fds in one message. 0 or -errno. */
int fd_send(int sock, const void *p, size_t n, const int *fds, size_t nfds);

/* Receives one message; up to FDPASS_MAX fds, all O_CLOEXEC, surplus slots -1.
 * The number of bytes, 0 at the end, -errno. */
int fd_receive(int sock, void *p, size_t n, int fds[FDPASS_MAX]);

/* Connects to, or binds and listens on, the unix socket `name` in directory dir, however long its
 * path is: the address is made through /proc/self/fd. type: SOCK_STREAM or SOCK_SEQPACKET. The fd
 * or -errno. */
int unix_connect(int dir, const char *name, int type, struct err *e);
int unix_listen(int dir, const char *name, int type, struct err *e);

#endif

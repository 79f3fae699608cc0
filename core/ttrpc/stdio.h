/* stdio.h - the standard streams of a container's process, to where containerd wants them. */
#ifndef TTRPC_STDIO_H
#define TTRPC_STDIO_H

#include "base/err.h"
#include "base/loop.h"

#include <stdbool.h>
#include <stdint.h>

/* As requests name them: "" is /dev/null; a path or fifo://PATH a FIFO; file://PATH is appended to;
 * binary://PROGRAM?KEY=VALUE is a logger that reads stdout and stderr. */
struct stdio_request {
	const char *in, *out, *err;
	bool terminal;
	const char *id, *namespace_; /* for a logger's environment */
	uint32_t uid, gid;	     /* who the FIFOs are given to; 0: left as they are */
};

struct stdio;

/* Opens everything. fds[0..2] are for the process (-1 with a terminal) and stay the stdio's.
 * Without a terminal the process gets the FIFOs themselves: no byte passes through here. */
int stdio_open(struct loop *l, const struct stdio_request *r, struct stdio **out, int fds[3],
	       struct err *e);

/* The pty's master; from now on it is copied to and from the FIFOs. Takes the fd. */
int stdio_terminal(struct stdio *s, int master, struct err *e);

/* The process is about to run: from here on its stdin stays open until stdio_close_stdin, whoever
 * else comes and goes. Unless nobody has it open for writing now: a client with nothing to say has
 * closed it by then, and with some clients (ctr before 2.0 forgets CloseIO when it is early) that
 * is all it says. */
void stdio_hold(struct stdio *s);

/* It runs, with ends of its own: ours are closed. */
void stdio_run(struct stdio *s);

/* No more input: it sees the end once it has read what was written. */
void stdio_close_stdin(struct stdio *s);

/* -ENOTTY when there is no terminal. */
int stdio_resize(struct stdio *s, uint32_t width, uint32_t height);

/* The process has ended: done is called when all its output is where it belongs, maybe at once.
 * Output that nobody takes is waited for during a second, or two with a terminal, and kept on
 * being offered after it. */
void stdio_end(struct stdio *s, void (*done)(void *arg), void *arg);

/* Closes everything; stdio_end's callback is not called any more. Accepts NULL. */
void stdio_free(struct stdio *s);

#endif

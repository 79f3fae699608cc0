/* stdio.h - the standard streams of a container's process, while it lives and until its output is
 * where it belongs. */
#ifndef TTRPC_STDIO_H
#define TTRPC_STDIO_H

#include "base/err.h"
#include "base/loop.h"
#include "ttrpc/streams.h"

#include <stdbool.h>

struct stdio;

/* Of streams that are open. Takes what is in end, also on failure: NULL, errno. id: for the log, as
 * long as it lives. */
struct stdio *stdio_new(struct loop *l, const char *id, int end[STREAM_ENDS]);

/* A logger reads its output: what is written belongs to it. And when that has ended: to nobody. */
void stdio_logged(struct stdio *s);
void stdio_unread(struct stdio *s);

/* The process does not wait for a reader who went away: see reader.h. */
void stdio_drop(struct stdio *s);

/* The pty's master; from now on it is copied to and from the FIFOs. Takes the fd. */
int stdio_terminal(struct stdio *s, int master, struct err *e);

/* The process is about to run. outlives: its stdin stays open until stdio_close_stdin, whoever else
 * comes and goes, if somebody is there to write. Otherwise it ends with its last writer; if nobody
 * has been seen yet, one may be about to come. */
void stdio_run(struct stdio *s, bool outlives);

/* It runs, and that one is awaited for a second: who has come and gone before we looked left no
 * trace, and may never tell that he has. */
void stdio_await_writer(struct stdio *s);

/* After SIGIO: he may have written. */
void stdio_look(struct stdio *s);

/* No more input: it sees the end once it has read what was written. */
void stdio_close_stdin(struct stdio *s);

/* -ENOTTY when there is no terminal. */
int stdio_resize(struct stdio *s, uint32_t width, uint32_t height);

/* The process has ended: done is called when all its output is where it belongs, maybe at once.
 * Output that nobody takes is waited for during a second, or two with a terminal, and kept on
 * being offered after it. */
void stdio_end(struct stdio *s, void (*done)(void *arg), void *arg);

/* After that: done is called, maybe at once, when nobody else has its output open any more where we
 * are to know of it, and all is where it belongs; or after ten seconds. */
void stdio_drain(struct stdio *s, void (*done)(void *arg), void *arg);

/* Closes everything; what was to be called is not called any more. Accepts NULL. */
void stdio_free(struct stdio *s);

#endif

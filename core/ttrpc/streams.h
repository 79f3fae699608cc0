/* streams.h - a process's standard streams as containerd names them, opened. */
#ifndef TTRPC_STREAMS_H
#define TTRPC_STREAMS_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

/* As requests name them: "" is /dev/null; a path or fifo://PATH a FIFO (or a device); file://PATH
 * is made with its directories and appended to, and takes stderr too if that is "";
 * binary://PROGRAM and binary-v2://PROGRAM?KEY=VALUE are a logger that reads stdout and stderr. */
struct streams_request {
	const char *in, *out, *err;
	bool terminal;
	bool piped;		     /* instead of FIFOs the process gets pipes, see outlet.h */
	const char *id, *namespace_; /* for a logger's environment */
	uint32_t uid, gid;	     /* who the FIFOs are given to; 0: left as they are */
	int witness;		     /* see logger.h */
	const int *nice;	     /* so, too */
};

/* What stays with the shim while the process lives. */
enum stream_end {
	STREAM_IN,	 /* read end of its input FIFO, until it runs */
	STREAM_FEED,	 /* write end of it, so that its end is not seen too early */
	STREAM_HOLD_OUT, /* read ends of its output FIFOs: they keep what was written, and the */
	STREAM_HOLD_ERR, /* process alive, while nobody else reads */
	STREAM_PTY_IN,	 /* what a terminal's master is copied from and to */
	STREAM_PTY_OUT,
	STREAM_PIPE_OUT, /* read ends of pipes, and */
	STREAM_PIPE_ERR,
	STREAM_FIFO_OUT, /* write ends of the FIFOs where what comes out of them goes */
	STREAM_FIFO_ERR,
	STREAM_LOGGER, /* held, see proc.h */
	STREAM_ENDS
};

struct streams {
	int child[3]; /* for the process; -1 with a terminal */
	int end[STREAM_ENDS];
};

/* Opens everything; may wait for a logger, a file system, or an exec's reader. Without a terminal,
 * and not piped, the process gets the FIFOs themselves: no byte passes through the shim. */
int streams_open(const struct streams_request *r, struct streams *out, struct err *e);

/* A process is about to run, and does not read yet: STREAM_IN makes way for STREAM_FEED, unless its
 * writer has come and gone since we have had it open. Whether one has it open now, or waits in open
 * for its reader. If not, and nothing of one is found, STREAM_FEED awaits one: its FIFO is from
 * 1970, as writing brings it up to date, whoever has read that since. */
bool streams_feed(int end[STREAM_ENDS]);

/* Into the FIFO of such a STREAM_FEED, which is open for reading, too. */
bool streams_written(int feed);

void streams_close(struct streams *s);

#endif

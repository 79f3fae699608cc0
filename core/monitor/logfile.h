/* logfile.h - a container's output in a file, as Kubernetes' runtimes write it: "TIME stdout F
 * line". */
#ifndef MONITOR_LOGFILE_H
#define MONITOR_LOGFILE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define LOGFILE_LINE_MAX 16384 /* content bytes of one record; longer lines become several */

/* Every byte is kept. A record's tag is F when its line ended there, P when the line goes on in the
 * stream's next record. A stream that ends without a newline gets an empty last record with the tag
 * F:noeol, so that who knows only F and P sees a whole line, and who knows more gives back the very
 * bytes. */
struct logfile {
	int fd;
};

struct log_stream {
	const char *name; /* "stdout", "stderr" */
	bool partial;	  /* its last record was a P */
};

/* Opens or makes NAME in dir, to go on at its end; a record that a crash cut short is ended
 * there. */
int logfile_open(struct logfile *f, int dir, const char *name, struct err *e);

/* Appends n bytes of a stream as records. On failure (a full disk) nothing of them stays. 0 or
 * -errno. */
int logfile_write(struct logfile *f, struct log_stream *s, const char *p, size_t n);

/* The stream has ended. 0 or -errno. */
int logfile_end(struct logfile *f, struct log_stream *s);

/* Syncs (when asked) and closes. 0 or -errno. */
int logfile_close(struct logfile *f, bool sync);

#endif

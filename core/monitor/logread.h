/* logread.h - reading a log back: all of it or its tail, since a time, and on as it grows. */
#ifndef MONITOR_LOGREAD_H
#define MONITOR_LOGREAD_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* One line of the file, pointing into the text it was read from. */
struct log_record {
	const char *time, *stream, *text;
	size_t time_len, stream_len, len; /* len: of the content, without newline */
	bool partial;			  /* the line goes on in the stream's next record */
	bool newline;			  /* the content ended with one */
};

/* Takes line[0..n) (without its newline) apart. -EINVAL when it is not a record. */
int log_record_parse(const char *line, size_t n, struct log_record *out);

struct log_query {
	int64_t tail;	       /* the last so many lines; less than 0: all */
	struct timespec since; /* zero: from the start */
	bool timestamps;       /* before each line */
	int follow;	       /* pidfd of who writes it: go on until he ends; -1: do not */
};

/* Writes what the log open at fd holds to out and err, each stream to its own. */
int log_read(int fd, const struct log_query *q, int out, int err, struct err *e);

/* "10m", "1h30m", "42s" before now, RFC 3339, or seconds since 1970. 0 or -EINVAL. */
int log_since_parse(const char *s, struct timespec *out);

#endif

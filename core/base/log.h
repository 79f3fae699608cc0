/* log.h - what the program says about itself: to stderr, and to a file as text or JSON. The one
 * global. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/err.h"

#include <stdbool.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log_options {
	const char *path;     /* a file to append to, besides stderr; NULL: none */
	bool json;	      /* there: {"level":..,"msg":..,"time":..} a line, as runc's */
	enum log_level level; /* what is less is dropped */
	bool quiet;	      /* nothing to stderr */
	bool named;	      /* on stderr errors are called so, too */
	bool alike;	      /* stderr, where there is no file, has lines as a file would */
};

/* The default is text on stderr, from LOG_WARN up. */
int log_open(const struct log_options *o, struct err *e);

/* Whether what is of that level is told: what takes work to say is asked for first. */
bool log_tells(enum log_level level);

void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)  log_line(LOG_INFO, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)

/* Of what may fail while one goes on, all is said: that of before now, the next by who gets e.
 * first: what came of those before, 0: none failed; rc and next: of the next. The first now. */
int log_next(int first, int rc, const struct err *next, struct err *e);

#endif

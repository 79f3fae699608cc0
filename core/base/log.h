/* log.h - what the program says about itself: to stderr, and to a file as text or JSON. The one global. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log_options {
	int fd;		      /* where to write; -1: nowhere */
	bool json;	      /* {"level":..,"msg":..,"time":..} a line, as runc's */
	enum log_level level; /* what is less is dropped */
};

/* The default is text on stderr, from LOG_WARN up. The fd is kept, not closed. */
void log_set(const struct log_options *o);

void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_warn(...) log_line(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)

#endif

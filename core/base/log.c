/* log.c - what the program says about itself. */
#include "base/log.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static struct log_options options = { .level = LOG_WARN };
static int file = -1;

int log_open(const struct log_options *o, struct err *e)
{
	int fd = -1;
	if (o->path) {
		fd = open(o->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0644);
		if (fd < 0)
			return fail(e, errno, "open log %s", o->path);
	}
	put_fd(&file, fd);
	options = *o;
	options.path = NULL;
	return 0;
}

static void log_to(int fd, const char *level, const char *msg)
{
	char when[CLOCK_TEXT];
	auto_buf line = { 0 };
	clock_format(clock_now(), when);
	if (options.json) {
		buf_printf(&line, "{\"level\":\"%s\",\"msg\":", level);
		json_string(&line, msg, strlen(msg));
		buf_printf(&line, ",\"time\":\"%s\"}\n", when);
	} else {
		buf_printf(&line, "time=\"%s\" level=%s msg=", when, level);
		json_string(&line, msg, strlen(msg));
		buf_char(&line, '\n');
	}
	if (!line.failed)
		write_all(fd, line.p, line.len);
}

bool log_tells(enum log_level level)
{
	return level >= options.level;
}

void log_line(enum log_level level, const char *fmt, ...)
{
	static const char *const names[] = { "debug", "info", "warning", "error" };
	char msg[2048], line[2100];
	if (level < options.level)
		return;
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	text_tame(msg, strlen(msg), '?'); /* whatever names are in it */
	if (file >= 0)
		log_to(file, names[level], msg);
	/* As with runc: stderr may be the container's, which warnings are no part of. */
	if (options.quiet || (file >= 0 && level < LOG_ERROR))
		return;
	if (options.alike && file < 0) {
		log_to(STDERR_FILENO, names[level], msg);
		return;
	}
	const char *name = level == LOG_ERROR && !options.named ? "" : names[level];
	int n = snprintf(line, sizeof(line), "coracle: %s%s%s\n", name, *name ? ": " : "", msg);
	write_all(STDERR_FILENO, line, n < (int)sizeof(line) ? (size_t)n : sizeof(line) - 1);
}

int log_next(int first, int rc, const struct err *next, struct err *e)
{
	if (rc >= 0)
		return first;
	if (first < 0)
		log_error("%s", e->msg);
	*e = *next;
	return first < 0 ? first : rc;
}

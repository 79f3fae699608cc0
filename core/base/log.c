/* log.c - what the program says about itself. */
#include "base/log.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static struct log_options options = { .fd = STDERR_FILENO, .level = LOG_WARN };

void log_set(const struct log_options *o)
{
	options = *o;
}

void log_line(enum log_level level, const char *fmt, ...)
{
	static const char *const names[] = { "debug", "info", "warning", "error" };
	char msg[2048], when[CLOCK_TEXT];
	if (options.fd < 0 || level < options.level)
		return;
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	auto_buf line = { 0 };
	clock_format(clock_now(), when);
	if (options.json) {
		buf_printf(&line, "{\"level\":\"%s\",\"msg\":", names[level]);
		json_string(&line, msg, strlen(msg));
		buf_printf(&line, ",\"time\":\"%s\"}\n", when);
	} else {
		buf_printf(&line, "coracle: %s%s%s\n", level == LOG_ERROR ? "" : names[level],
			   level == LOG_ERROR ? "" : ": ", msg);
	}
	write_all(options.fd, line.p, line.len);
}

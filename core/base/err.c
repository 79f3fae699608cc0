/* err.c - one error: a code for the program, a sentence for people. */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Names come from archives, registries, configurations: none of them may speak to a terminal. */
static void one_line(struct err *e)
{
	for (char *p = e->msg; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
}

int fail(struct err *e, int errnum, const char *fmt, ...)
{
	int code = errnum < 0 ? -errnum : errnum;
	if (!e)
		return -code;
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	e->code = code;
	if (n >= 0 && (size_t)n < sizeof(e->msg))
		snprintf(e->msg + n, sizeof(e->msg) - (size_t)n, ": %s", strerror(code));
	one_line(e);
	return -code;
}

int refuse(struct err *e, int errnum, const char *fmt, ...)
{
	int code = errnum < 0 ? -errnum : errnum;
	if (!e)
		return -code;
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	e->code = code;
	one_line(e);
	return -code;
}

int within(struct err *e, const char *fmt, ...)
{
	if (!e)
		return -EIO;
	char inner[sizeof(e->msg)];
	memcpy(inner, e->msg, sizeof(inner));
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < sizeof(e->msg))
		snprintf(e->msg + n, sizeof(e->msg) - (size_t)n, ": %s", inner);
	one_line(e);
	if (!e->code)
		e->code = EIO;
	return -e->code;
}

int err_first(int first, int rc, const struct err *one, struct err *e)
{
	if (rc >= 0 || first < 0)
		return first;
	if (e)
		*e = *one;
	return rc;
}

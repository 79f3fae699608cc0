/* err.c - one error: a code for the program, a sentence for people. */
#include "base/err.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Those of C1 are two bytes in UTF-8, c2 80 to c2 9f, and one elsewhere. */
void text_tame(char *s, size_t n, char with)
{
	unsigned more = 0; /* bytes of a character that are to come */
	for (unsigned char *p = (unsigned char *)s, *end = p + n; p < end; p++) {
		bool c1 = *p == 0xc2 && p + 1 < end && p[1] >= 0x80 && p[1] < 0xa0;
		if (*p < 0x20 || *p == 0x7f || c1 || (!more && *p >= 0x80 && *p < 0xa0)) {
			*p = (unsigned char)with;
			more = 0;
		} else if (*p < 0xc0) {
			more = more && *p >= 0x80 ? more - 1 : 0;
		} else {
			more = *p >= 0xf0 ? 3 : *p >= 0xe0 ? 2 : 1;
		}
	}
}

size_t utf8_len(const unsigned char *s, size_t n)
{
	size_t len = s[0] < 0x80		   ? 1
		     : s[0] >= 0xc2 && s[0] < 0xe0 ? 2
		     : (s[0] & 0xf0) == 0xe0	   ? 3
		     : s[0] >= 0xf0 && s[0] < 0xf5 ? 4
						   : 0;
	if (!len || len > n)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return len;
}

void text_utf8(char *s)
{
	for (size_t n = strlen(s), i = 0, len; i < n; i += len ? len : 1) {
		len = utf8_len((const unsigned char *)s + i, n - i);
		if (!len)
			s[i] = '?';
	}
}

/* Names come from archives, registries, configurations. */
static void one_line(struct err *e)
{
	text_tame(e->msg, strlen(e->msg), '?');
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

/* clock.c - times as people and JSON write them. */
#include "base/clock.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct timespec clock_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return t;
}

uint64_t clock_monotonic_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void clock_format(struct timespec t, char out[CLOCK_TEXT])
{
	struct tm tm;
	gmtime_r(&t.tv_sec, &tm);
	size_t n = strftime(out, CLOCK_TEXT, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + n, CLOCK_TEXT - n, ".%09ldZ", t.tv_nsec);
}

void clock_format_short(struct timespec t, char out[CLOCK_TEXT])
{
	clock_format(t, out);
	char *end = out + strlen(out) - 1;
	while (end[-1] == '0' && t.tv_nsec)
		end--;
	strcpy(t.tv_nsec ? end : strchr(out, '.'), "Z");
}

static int parse_offset(const char *s, long *seconds)
{
	if ((*s == 'Z' || *s == 'z') && !s[1]) {
		*seconds = 0;
		return 0;
	}
	int hours, minutes, used = 0;
	if ((*s != '+' && *s != '-') || sscanf(s + 1, "%2d:%2d%n", &hours, &minutes, &used) != 2 ||
	    s[1 + used])
		return -EINVAL;
	*seconds = (hours * 3600L + minutes * 60L) * (*s == '-' ? -1 : 1);
	return 0;
}

int clock_parse(const char *s, struct timespec *out)
{
	struct tm tm = { 0 };
	const char *p = strptime(s, "%Y-%m-%dT%H:%M:%S", &tm);
	long nsec = 0, offset;
	if (!p)
		return -EINVAL;
	if (*p == '.') {
		long unit = 100000000;
		if (!isdigit((unsigned char)*++p))
			return -EINVAL;
		for (; isdigit((unsigned char)*p); p++, unit /= 10)
			nsec += (*p - '0') * unit;
	}
	if (parse_offset(p, &offset) < 0)
		return -EINVAL;
	*out = (struct timespec){ .tv_sec = timegm(&tm) - offset, .tv_nsec = nsec };
	return 0;
}

int duration_parse(const char *s, double *seconds)
{
	static const struct {
		const char *name;
		double seconds;
	} units[] = { { "ns", 1e-9 }, { "us", 1e-6 }, { "ms", 1e-3 },
		      { "s", 1 },     { "m", 60 },    { "h", 3600 } };
	const size_t count = sizeof(units) / sizeof(units[0]);
	*seconds = 0;
	if (!strcmp(s, "0"))
		return 0;
	do {
		char *end;
		size_t digits = strspn(s, "0123456789."), i = 0;
		double n = strtod(s, &end);
		if (!digits || (size_t)(end - s) != digits)
			return -EINVAL;
		size_t letters = strcspn(end, "0123456789.");
		while (i < count && (strlen(units[i].name) != letters ||
				     strncmp(end, units[i].name, letters) != 0))
			i++;
		if (i == count)
			return -EINVAL;
		*seconds += n * units[i].seconds;
		s = end + letters;
	} while (*s);
	return 0;
}

void clock_ago(struct timespec t, char *out, size_t size)
{
	static const struct {
		long seconds;
		const char *name;
	} units[] = { { 86400, "day" }, { 3600, "hour" }, { 60, "minute" }, { 1, "second" } };
	long past = (long)(clock_now().tv_sec - t.tv_sec);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		long n = past / units[i].seconds;
		if (n > 0) {
			snprintf(out, size, "%ld %s%s ago", n, units[i].name, n == 1 ? "" : "s");
			return;
		}
	}
	snprintf(out, size, "just now");
}

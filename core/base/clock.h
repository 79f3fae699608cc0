/* clock.h - times as people and JSON write them. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define CLOCK_TEXT 40 /* bytes enough for one RFC 3339 time */

struct timespec clock_now(void); /* CLOCK_REALTIME */
uint64_t clock_monotonic_ns(void);

/* "2026-01-02T03:04:05.123456789Z" (RFC 3339, UTC) into out. */
void clock_format(struct timespec t, char out[CLOCK_TEXT]);

/* The same without zeros at its end, nor the point if nothing follows, as Go has it in JSON. */
void clock_format_short(struct timespec t, char out[CLOCK_TEXT]);

/* The reverse, with any offset and up to nine decimals. 0 or -EINVAL. */
int clock_parse(const char *s, struct timespec *out);

/* "5s", "1m30s", "0.5h", "100ms", as Go writes durations. 0 or -EINVAL. */
int duration_parse(const char *s, double *seconds);

/* "5 seconds ago", "3 hours ago": rough, for tables. */
void clock_ago(struct timespec t, char *out, size_t size);

#endif

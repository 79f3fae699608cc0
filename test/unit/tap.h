/* tap.h - unit tests that speak TAP: a test is a function named as the fact that it shows. */
#ifndef TAP_H
#define TAP_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Of the test that runs. */
static struct {
	int count, failed;
	bool bad;
	const char *skipped;
} tap;

#define TAP_FAIL(...)                                    \
	do {                                             \
		tap.bad = true;                          \
		printf("# %s:%d: ", __FILE__, __LINE__); \
		printf(__VA_ARGS__);                     \
		printf("\n");                            \
	} while (0)

/* A condition holds. */
#define ok(cond_)                                       \
	do {                                            \
		if (!(cond_))                           \
			TAP_FAIL("not so: %s", #cond_); \
	} while (0)

/* Two integers are equal. */
#define is_int(got_, want_)                                               \
	do {                                                              \
		intmax_t g_ = (intmax_t)(got_), w_ = (intmax_t)(want_);   \
		if (g_ != w_)                                             \
			TAP_FAIL("%s: got %jd, want %jd", #got_, g_, w_); \
	} while (0)

/* Two strings are equal; NULL is equal to NULL only. */
#define is_str(got_, want_)                                                                \
	do {                                                                               \
		const char *g_ = (got_), *w_ = (want_);                                    \
		if (!g_ || !w_ ? g_ != w_ : strcmp(g_, w_) != 0)                           \
			TAP_FAIL("%s: got \"%s\", want \"%s\"", #got_, g_ ? g_ : "(null)", \
				 w_ ? w_ : "(null)");                                      \
	} while (0)

/* A string contains another. */
#define has_str(got_, part_)                                                                 \
	do {                                                                                 \
		const char *g_ = (got_), *w_ = (part_);                                      \
		if (!g_ || !strstr(g_, w_))                                                  \
			TAP_FAIL("%s: \"%s\" has no \"%s\"", #got_, g_ ? g_ : "(null)", w_); \
	} while (0)

/* Runs one test: test(a_fact). One that cannot be shown here sets tap.skipped to the reason, and
 * returns. */
#define test(fact_)                                                                      \
	do {                                                                             \
		tap.bad = false;                                                         \
		tap.skipped = NULL;                                                      \
		fact_();                                                                 \
		tap.failed += tap.bad;                                                   \
		printf("%sok %d - %s%s%s\n", tap.bad ? "not " : "", ++tap.count, #fact_, \
		       tap.skipped ? " # SKIP " : "", tap.skipped ? tap.skipped : "");   \
		fflush(stdout);                                                          \
	} while (0)

/* The plan, at the end; main returns it. */
static inline int done_testing(void)
{
	printf("1..%d\n", tap.count);
	return tap.failed ? 1 : 0;
}

#endif

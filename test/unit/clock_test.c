/* clock_test.c - times as people and JSON write them. */
#include "tap.h"

#include "base/clock.h"

#include <errno.h>

static void a_time_goes_both_ways(void)
{
	char text[CLOCK_TEXT];
	struct timespec t = { 1767323045, 6 }, back;
	clock_format(t, text);
	is_str(text, "2026-01-02T03:04:05.000000006Z");
	is_int(clock_parse(text, &back), 0);
	is_int(back.tv_sec, t.tv_sec);
	is_int(back.tv_nsec, t.tv_nsec);
}

static void a_short_time_has_no_zeros_at_its_end(void)
{
	char text[CLOCK_TEXT];
	clock_format_short((struct timespec){ 1767323045, 6 }, text);
	is_str(text, "2026-01-02T03:04:05.000000006Z");
	clock_format_short((struct timespec){ 1767323045, 120030000 }, text);
	is_str(text, "2026-01-02T03:04:05.12003Z");
	clock_format_short((struct timespec){ 1767323040, 0 }, text);
	is_str(text, "2026-01-02T03:04:00Z");
}

static void offsets_and_fractions_are_understood(void)
{
	struct timespec t;
	is_int(clock_parse("2026-01-02T05:04:05+02:00", &t), 0);
	is_int(t.tv_sec, 1767323045);
	is_int(clock_parse("2026-01-01T22:34:05.5-04:30", &t), 0);
	is_int(t.tv_sec, 1767323045);
	is_int(t.tv_nsec, 500000000);
	is_int(clock_parse("2026-01-02T03:04:05.1234567899Z", &t), 0);
	is_int(t.tv_nsec, 123456789);
	is_int(clock_parse("0001-01-01T00:00:00Z", &t), 0); /* Go's zero time */
}

static void what_is_no_time_is_refused(void)
{
	static const char *const bad[] = { "",
					   "2026-01-02",
					   "2026-01-02T03:04:05",
					   "2026-01-02T03:04:05.Z",
					   "2026-01-02T03:04:05Zx",
					   "2026-01-02T03:04:05+2",
					   "2026-13-02T03:04:05Z",
					   "2026-01-02T03:04:05+02:00x",
					   "x" };
	struct timespec t;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (clock_parse(bad[i], &t) != -EINVAL)
			TAP_FAIL("accepted: %s", bad[i]);
}

static void ages_are_rounded_for_people(void)
{
	char out[40];
	struct timespec t = clock_now();
	t.tv_sec -= 3 * 3600 + 59;
	clock_ago(t, out, sizeof(out));
	is_str(out, "3 hours ago");
	t.tv_sec += 2 * 3600 - 86400;
	clock_ago(t, out, sizeof(out));
	is_str(out, "1 day ago");
	t.tv_sec += 1000000;
	clock_ago(t, out, sizeof(out));
	is_str(out, "just now");
}

static void the_monotonic_clock_does_not_go_back(void)
{
	uint64_t a = clock_monotonic_ns(), b = clock_monotonic_ns();
	ok(a && b >= a);
}

static void durations_are_go_s(void)
{
	static const struct {
		const char *text;
		double seconds;
	} good[] = {
		{ "5s", 5 }, { "1m30s", 90 }, { "0.5h", 1800 },		 { "100ms", 0.1 },
		{ "0", 0 },  { "0s", 0 },     { "1h1m1s1ms", 3661.001 }, { "1500us", 0.0015 }
	};
	static const char *const bad[] = { "",	  "5",	 "s",  "-1s",	"1x",
					   "5 s", "1s2", ".s", "1..5s", "1d" };
	double seconds;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (duration_parse(good[i].text, &seconds) < 0 ||
		    seconds - good[i].seconds > 1e-9 || good[i].seconds - seconds > 1e-9)
			TAP_FAIL("%s is %f", good[i].text, seconds);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (duration_parse(bad[i], &seconds) == 0)
			TAP_FAIL("accepted: %s", bad[i]);
}

int main(void)
{
	test(a_time_goes_both_ways);
	test(a_short_time_has_no_zeros_at_its_end);
	test(offsets_and_fractions_are_understood);
	test(what_is_no_time_is_refused);
	test(ages_are_rounded_for_people);
	test(durations_are_go_s);
	test(the_monotonic_clock_does_not_go_back);
	return done_testing();
}

/* stats_test.c - the kernel's counters, parsed. */
#include "tap.h"

#include "box/stats.h"

static void counters_keep_their_order_and_names(void)
{
	auto_arena *a = arena_new(1 << 16);
	char text[] = "cache 12\nrss 18446744073709551615\n\nodd\ntotal_inactive_file 7";
	struct counters c = { 0 };
	is_int(counters_parse(text, a, &c), 0);
	is_int(c.n, 4);
	is_str(c.v[0].key, "cache");
	is_int(counters_get(&c, "cache"), 12);
	ok(counters_get(&c, "rss") == UINT64_MAX);
	is_int(counters_get(&c, "odd"), 0);
	is_int(counters_get(&c, "total_inactive_file"), 7);
	is_int(counters_get(&c, "none"), 0);
}

static void io_of_v1_is_a_line_a_kind(void)
{
	auto_arena *a = arena_new(1 << 16);
	char text[] = "8:16 Read 4096\n8:16 Write 0\n254:0 Total 9\nTotal 4105\n";
	struct stats_ios s = { 0 };
	is_int(stats_parse_io(text, a, &s), 0);
	is_int(s.n, 3);
	is_int(s.v[0].major, 8);
	is_int(s.v[0].minor, 16);
	is_str(s.v[0].op, "Read");
	is_int(s.v[0].value, 4096);
	is_int(s.v[2].major, 254);
}

static void io_of_v2_is_a_line_a_device(void)
{
	auto_arena *a = arena_new(1 << 16);
	char text[] = "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n7:1 \n";
	struct stats_ios s = { 0 };
	is_int(stats_parse_io(text, a, &s), 0);
	is_int(s.n, 6);
	is_str(s.v[3].op, "wios");
	is_int(s.v[3].value, 4);
}

static void nothing_to_read_is_zero(void)
{
	auto_arena *a = arena_new(1 << 16);
	struct cgroup none = { 0 };
	struct stats s = { .oom_kills = 5 };
	is_int(stats_read(&none, a, &s, NULL), 0);
	is_int(s.cpu.total, 0);
	ok(s.pids.limit == UINT64_MAX);
	is_int(s.oom_kills, 0);
}

int main(void)
{
	test(counters_keep_their_order_and_names);
	test(io_of_v1_is_a_line_a_kind);
	test(io_of_v2_is_a_line_a_device);
	test(nothing_to_read_is_zero);
	return done_testing();
}

/* stats_test.c - the kernel's counters, parsed. */
#include "tap.h"

#include "box/stats.h"
#include "box/stats_extra.h"
#include "container/events.h"

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

static void lists_of_processors_are_spelt_out(void)
{
	auto_arena *a = arena_new(1 << 20);
	struct u32s l;
	is_int(cpu_list_parse("0-2,7", a, &l), 0);
	is_int(l.n, 4);
	is_int(l.v[2], 2);
	is_int(l.v[3], 7);
	is_int(cpu_list_parse("", a, &l), 0);
	is_int(l.n, 0);
	is_int(cpu_list_parse("3-1,0-4000000000", a, &l), 0);
	ok(l.n == 8192);
}

static void pressure_is_as_the_kernel_writes_it(void)
{
	auto_arena *a = arena_new(1 << 16);
	struct stats_pressure p;
	is_int(stats_parse_pressure("some avg10=0.12 avg60=1.00 avg300=0.00 total=345\n"
				    "full avg10=9.99 avg60=0.00 avg300=0.00 total=1\n",
				    a, &p),
	       0);
	is_str(p.some.avg10, "0.12");
	is_int(p.some.total, 345);
	is_str(p.full.avg10, "9.99");
	is_int(stats_parse_pressure("nonsense\nsome avg10=x\n", a, &p), 0);
	is_str(p.some.avg10, "0");
}

static void the_json_of_v2_has_the_words_of_v1(void)
{
	auto_arena *a = arena_new(1 << 16);
	auto_buf out = { 0 };
	char raw[] = "file 3\nanon 2\n", io[] = "8:0 rbytes=1 wbytes=2 rios=0 wios=4 dbytes=9\n";
	struct stats_pressure p;
	struct stats s = { .v2 = true, .pids = { 1, UINT64_MAX } };
	struct stats_extra x = { .memory = &p };
	s.memory.usage = (struct stats_use){ 10, 20, 100, 0 };
	s.memory.swap = (struct stats_use){ 5, 6, UINT64_MAX, 0 };
	counters_parse(raw, a, &s.memory.raw);
	stats_parse_io(io, a, &s.io_bytes);
	stats_parse_pressure("", a, &p);
	stats_json(&s, &x, &out);
	has_str(out.p, "\"swap\":{\"limit\":18446744073709551615,\"usage\":15,\"failcnt\":0}");
	has_str(out.p, "\"memory\":{\"cache\":3,\"usage\":{\"limit\":100,\"usage\":10,\"max\":20,"
		       "\"failcnt\":0}");
	has_str(out.p, "\"raw\":{\"anon\":2,\"file\":3},\"psi\":{\"some\":{\"avg10\":0,");
	has_str(out.p,
		"\"pids\":{\"current\":1},\"blkio\":{\"ioServiceBytesRecursive\":[{\"major\":8,"
		"\"op\":\"Read\",\"value\":1},{\"major\":8,\"op\":\"Write\",\"value\":2}],"
		"\"ioServicedRecursive\":[{\"major\":8,\"op\":\"Read\"},{\"major\":8,\"op\":"
		"\"Write\",\"value\":4}]}");
}

int main(void)
{
	test(counters_keep_their_order_and_names);
	test(io_of_v1_is_a_line_a_kind);
	test(io_of_v2_is_a_line_a_device);
	test(nothing_to_read_is_zero);
	test(lists_of_processors_are_spelt_out);
	test(pressure_is_as_the_kernel_writes_it);
	test(the_json_of_v2_has_the_words_of_v1);
	return done_testing();
}

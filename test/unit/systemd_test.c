/* systemd_test.c - a container as a unit of systemd's: its name, its slice, its properties. */
#include "tap.h"

#include "base/dbuswire.h"
#include "box/systemd.h"
#include "box/systemd_props.h"

static struct err said;

/* "slice name" of a cgroupsPath, or the refusal. */
static const char *unit(const char *path, bool user, struct arena *a)
{
	struct systemd_unit u;
	said = (struct err){ 0 };
	return systemd_unit_parse(path, "c1", user, a, &u, &said) < 0
		       ? said.msg
		       : arena_printf(a, "%s %s", u.slice, u.name);
}

static void a_cgroups_path_names_slice_and_scope(void)
{
	auto_arena *a = arena_new(1 << 16);
	is_str(unit("machine.slice:libpod:abc", false, a), "machine.slice libpod-abc.scope");
	is_str(unit("a-b.slice::abc", false, a), "a-b.slice abc.scope");
	is_str(unit(":p:abc", false, a), "system.slice p-abc.scope");
	is_str(unit(":p:abc", true, a), "user.slice p-abc.scope");
	is_str(unit(NULL, false, a), "system.slice coracle-c1.scope");
	is_str(unit("", true, a), "user.slice coracle-c1.scope");
}

static void what_is_no_scope_is_refused_in_runcs_words(void)
{
	auto_arena *a = arena_new(1 << 16);
	has_str(unit("/a/b", false, a),
		"expected cgroupsPath to be of format \"slice:prefix:name\" for systemd cgroups, "
		"got \"/a/b\" instead");
	has_str(unit("a:b", false, a), "expected cgroupsPath to be of format");
	has_str(unit("a:b:c:d", false, a), "expected cgroupsPath to be of format");
	has_str(unit("a.slice:b:../c", false, a), "has no name for the scope");
	has_str(unit("a.slice:b:", false, a), "has no name for the scope");
	has_str(unit("a.slice:b:c.slice", false, a), "a container is a scope");
}

/* "Name=value " of properties; a value that is no number, boolean or text is its type. */
static const char *properties(const struct buf *b, struct arena *a)
{
	struct dbus_reader r = { .p = (const uint8_t *)b->p, .n = b->len };
	const char *out = "";
	while (!r.bad && r.at < r.n) {
		r.signature = "()"; /* a struct begins */
		dbus_skip(&r);
		r.signature = "sv";
		const char *name = dbus_get_str(&r);
		dbus_get_variant(&r);
		const char *type = r.signature;
		if (*type == 't')
			out = arena_printf(a, "%s%s=%" PRIu64 " ", out, name, dbus_get_u64(&r));
		else if (*type == 's')
			out = arena_printf(a, "%s%s=%s ", out, name, dbus_get_str(&r));
		else if (*type == 'b')
			out = arena_printf(a, "%s%s=%u ", out, name, dbus_get_u32(&r));
		else if (out = arena_printf(a, "%s%s:%s ", out, name, type), *type)
			dbus_skip(&r);
	}
	ok(!r.bad);
	return out;
}

static const char *limits(const struct spec_resources *r, bool v2, bool newer, struct arena *a)
{
	auto_buf b = { 0 };
	const struct systemd_limits l = { .r = r, .v2 = v2 };
	said = (struct err){ 0 };
	return systemd_put_limits(&b, &l, newer, &said) < 0 ? said.msg : properties(&b, a);
}

static void limits_are_properties(void)
{
	auto_arena *a = arena_new(1 << 20);
	struct spec_memory m = { .limit = { true, 100 },
				 .swap = { true, 300 },
				 .reservation = { true, 50 } };
	struct spec_cpu c = { .shares = { true, 512 }, .quota = { true, 50000 }, .cpus = "0-1" };
	struct spec_block_io b = { .weight = { true, 500 } };
	struct spec_resources r = {
		.memory = &m, .cpu = &c, .pids_limit = { true, 7 }, .block_io = &b
	};
	is_str(limits(&r, true, true, a),
	       "MemoryMax=100 MemoryLow=50 MemorySwapMax=200 CPUWeight=59 "
	       "CPUQuotaPerSecUSec=500000 AllowedCPUs:ay TasksMax=7 IOWeight=4950 ");
	is_str(limits(&r, false, true, a), "MemoryLimit=100 CPUShares=512 "
					   "CPUQuotaPerSecUSec=500000 TasksMax=7 "
					   "BlockIOWeight=500 ");
	c.period = (struct opt_u64){ true, 200000 };
	is_str(limits(&r, true, false, a), "MemoryMax=100 MemoryLow=50 MemorySwapMax=200 "
					   "CPUWeight=59 CPUQuotaPerSecUSec=250000 TasksMax=7 "
					   "IOWeight=4950 ");
}

static void no_limit_is_infinity(void)
{
	auto_arena *a = arena_new(1 << 20);
	struct spec_memory m = { .limit = { true, -1 } };
	struct spec_cpu c = { .quota = { true, -1 }, .idle = { true, 1 } };
	struct spec_resources r = { .memory = &m, .cpu = &c, .pids_limit = { true, -1 } };
	is_str(limits(&r, true, true, a),
	       "MemoryMax=18446744073709551615 MemorySwapMax=18446744073709551615 CPUWeight=0 "
	       "CPUQuotaPerSecUSec=18446744073709551615 TasksMax=18446744073709551615 ");
	r = (struct spec_resources){ .pids_limit = { true, 0 } };
	is_str(limits(&r, true, true, a), "TasksMax=1 ");
	is_str(limits(NULL, true, true, a), "");
}

static void files_of_unified_are_properties_where_there_are_some(void)
{
	auto_arena *a = arena_new(1 << 20);
	struct pair p[] = { { "memory.high", "100" },	{ "memory.max", "max" },
			    { "cpu.max", "max 50000" }, { "pids.max", "0" },
			    { "cpuset.cpus", "0" },	{ "io.max", "8:0 rbps=1" },
			    { "memory.min", "1x" } };
	struct spec_resources r = { .unified = { p, 7 } };
	is_str(limits(&r, true, true, a),
	       "MemoryHigh=100 MemoryMax=18446744073709551615 CPUQuotaPeriodUSec=50000 "
	       "CPUQuotaPerSecUSec=18446744073709551615 TasksMax=1 AllowedCPUs:ay ");
}

static void devices_are_a_list_or_none(void)
{
	auto_arena *a = arena_new(1 << 20);
	struct spec_device_rule all = { .allow = true, .access = "rwm" };
	struct spec_device_rule one[] = {
		{ .allow = true, .access = "rwm" },
		{ .type = "c", .major = { true, 1 }, .minor = { true, 11 }, .access = "w" }
	};
	struct spec_resources r = { 0 };
	struct systemd_limits l = { .r = &r, .v2 = true, .devices = true };
	auto_buf none = { 0 }, any = { 0 }, some = { 0 }, v1 = { 0 };
	systemd_put_limits(&none, &l, true, NULL);
	is_str(properties(&none, a), "DevicePolicy=strict DeviceAllow:a(ss) DeviceAllow:a(ss) ");
	r.devices.v = &all;
	r.devices.n = 1;
	systemd_put_limits(&any, &l, true, NULL);
	is_str(properties(&any, a), "DevicePolicy=auto DeviceAllow:a(ss) ");
	r.devices.v = one;
	r.devices.n = 2;
	systemd_put_limits(&some, &l, true, NULL);
	is_str(properties(&some, a), "DevicePolicy=auto DeviceAllow:a(ss) ");
	l.v2 = false;
	systemd_put_limits(&v1, &l, true, NULL);
	is_str(properties(&v1, a), "DevicePolicy=strict DeviceAllow:a(ss) ");
}

static void a_quota_is_a_whole_percent(void)
{
	is_int(systemd_quota(50000, 100000), 50000);
	is_int(systemd_quota(50500, 100000), 51000);
	is_int(systemd_quota(1, 100000), 1000);
	is_int(systemd_quota(-1, 100000), -1);
	is_int(systemd_quota(0, 0), 0);
	is_int(systemd_quota(INT64_MAX, 100000), INT64_MAX);
	is_int(systemd_quota(300000, 100000), 300000);
}

static void lists_of_processors_are_bits(void)
{
	uint8_t bits[4];
	is_int(systemd_cpu_bits("0-2,5", bits, 4), 1);
	is_int(bits[0], 0x27);
	is_int(systemd_cpu_bits("9,31\n", bits, 4), 4);
	is_int(bits[1], 2);
	is_int(bits[3], 0x80);
	is_int(systemd_cpu_bits("", bits, 4), 0);
	is_int(systemd_cpu_bits("32", bits, 4), -EINVAL);
	is_int(systemd_cpu_bits("3-1", bits, 4), -EINVAL);
	is_int(systemd_cpu_bits("1-", bits, 4), -EINVAL);
	is_int(systemd_cpu_bits("a", bits, 4), -EINVAL);
	is_int(systemd_cpu_bits("0-18446744073709551615", bits, 4), -EINVAL);
}

static const char *annotation(const char *name, const char *value, struct arena *a)
{
	auto_buf b = { 0 };
	struct pair p[] = { { "other", "x" },
			    { arena_printf(a, "org.systemd.property.%s", name), value } };
	const struct pairs all = { p, 2 };
	said = (struct err){ 0 };
	return systemd_put_annotations(&b, &all, &said) < 0 ? said.msg : properties(&b, a);
}

static void annotations_are_properties(void)
{
	auto_arena *a = arena_new(1 << 20);
	is_str(annotation("CollectMode", "'inactive'", a), "CollectMode=inactive ");
	is_str(annotation("CollectMode", "\"it's \\\"\\n\"", a), "CollectMode=it's \"\n ");
	is_str(annotation("Delegate", "false", a), "Delegate=0 ");
	is_str(annotation("TimeoutStopUSec", "uint64 0x10", a), "TimeoutStopUSec=16 ");
	is_str(annotation("TimeoutStopSec", "123", a), "TimeoutStopUSec=123000000 ");
	is_str(annotation("TimeoutStopSec", "1.5", a), "TimeoutStopUSec=1500000 ");
	is_str(annotation("Nice", "-5", a), "Nice:i ");
	is_str(annotation("Real", "1e3", a), "Real:d ");
	is_str(annotation("Wants", "['a', 'b']", a), "Wants:as ");
	is_str(annotation("Wants", "@as []", a), "Wants:as ");
	is_str(annotation("PIDs", "[uint32 1, 2]", a),
	       "annotations.org.systemd.property.PIDs: '[uint32 1, 2]' is no value");
	is_str(annotation("PIDs", "[uint32 1, uint32 2]", a), "PIDs:au ");
}

static void an_annotation_that_is_none_is_refused_by_name(void)
{
	auto_arena *a = arena_new(1 << 20);
	static const char *const wrong[] = { "",	  "yes",	"'open",
					     "[1",	  "[]",		"byte 256",
					     "true x",	  "uint64 'x'", "int16 -40000",
					     "uint32 -1", "['a', 1]",	"'a\\" };
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		has_str(annotation("Name", wrong[i], a), "is no value");
	has_str(annotation("Name", "uint64 18446744073709551616", a), "is no value");
	has_str(annotation("Name", "int64 -9223372036854775809", a), "is no value");
	is_str(annotation("Name", "uint64 18446744073709551615", a), "Name=18446744073709551615 ");
	has_str(annotation("TimeoutStopSec", "'5'", a), "is no value");
	has_str(annotation("TimeoutStopSec", "-5", a), "is no value");
	has_str(annotation("x", "1", a), "no property has that name");
	has_str(annotation("A b", "1", a), "no property has that name");
}

int main(void)
{
	test(a_cgroups_path_names_slice_and_scope);
	test(what_is_no_scope_is_refused_in_runcs_words);
	test(limits_are_properties);
	test(no_limit_is_infinity);
	test(files_of_unified_are_properties_where_there_are_some);
	test(devices_are_a_list_or_none);
	test(a_quota_is_a_whole_percent);
	test(lists_of_processors_are_bits);
	test(annotations_are_properties);
	test(an_annotation_that_is_none_is_refused_by_name);
	return done_testing();
}

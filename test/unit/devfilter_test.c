/* devfilter_test.c - device rules, and the program made of them. */
#include "tap.h"

#include "box/devfilter.h"

#define ALL { .allow = false, .access = "rwm" }
#define SOME(v_)                                                 \
	{                                                        \
		.devices = {(v_), sizeof(v_) / sizeof((v_)[0]) } \
	}

/* What the program says to a request: type b or c, access of "rwm". */
static bool asks(struct dev_rules *r, char type, int major, int minor, const char *access)
{
	auto_arena *a = arena_new(1 << 20);
	struct bpf_insn *p = NULL;
	unsigned bits = 0;
	for (; *access; access++)
		bits |= *access == 'r' ? DEV_READ : *access == 'w' ? DEV_WRITE : DEV_MKNOD;
	struct bpf_cgroup_dev_ctx ctx = { .access_type = bits << 16 | (type == 'b' ? 1 : 2),
					  .major = (uint32_t)major,
					  .minor = (uint32_t)minor };
	int n = devfilter_program(r, a, &p);
	ok(n > 0);
	return n > 0 && devfilter_run(p, (size_t)n, &ctx);
}

static void without_rules_only_the_usual_devices_work(void)
{
	auto_arena *a = arena_new(1 << 20);
	struct dev_rules r;
	is_int(devfilter_rules(NULL, a, &r, NULL), 0);
	ok(!r.allow);
	ok(asks(&r, 'c', 1, 3, "rw"));
	ok(asks(&r, 'c', 136, 7, "rw"));
	ok(asks(&r, 'b', 8, 0, "m"));
	ok(!asks(&r, 'b', 8, 0, "r"));
	ok(!asks(&r, 'b', 8, 0, "rm"));
	ok(asks(&r, 'c', 10, 200, "rw"));
	ok(!asks(&r, 'c', 10, 201, "rw"));
	ok(!asks(&r, 'b', 1, 3, "rw"));
}

static void the_last_rule_that_fits_decides(void)
{
	auto_arena *a = arena_new(1 << 20);
	struct spec_device_rule v[] = {
		ALL,
		{ true, "c", { true, 10 }, { 0 }, "rwm" },
		{ false, "c", { true, 10 }, { true, 229 }, "w" },
		{ true, "b", { true, 8 }, { true, 1 }, "r" },
	};
	struct spec_resources spec = SOME(v);
	struct dev_rules r;
	is_int(devfilter_rules(&spec, a, &r, NULL), 0);
	ok(asks(&r, 'c', 10, 200, "rwm"));
	ok(asks(&r, 'c', 10, 229, "r"));
	ok(!asks(&r, 'c', 10, 229, "w"));
	ok(!asks(&r, 'c', 10, 229, "rw"));
	ok(asks(&r, 'b', 8, 1, "r"));
	ok(asks(&r, 'b', 8, 1, "rm"));
	ok(!asks(&r, 'b', 8, 1, "rw"));
	ok(!asks(&r, 'b', 8, 2, "r"));
}

static void two_rules_may_grant_one_request_together(void)
{
	auto_arena *a = arena_new(1 << 20);
	struct spec_device_rule v[] = {
		ALL,
		{ true, "c", { true, 10 }, { true, 1 }, "r" },
		{ true, "c", { true, 10 }, { true, 1 }, "w" },
	};
	struct spec_resources spec = SOME(v);
	struct dev_rules r;
	is_int(devfilter_rules(&spec, a, &r, NULL), 0);
	ok(asks(&r, 'c', 10, 1, "rw"));
}

static void a_rule_for_everything_voids_those_before_it(void)
{
	auto_arena *a = arena_new(1 << 20);
	struct spec_device_rule v[] = {
		{ false, "c", { true, 10 }, { true, 229 }, "rwm" },
		{ true, NULL, { true, -1 }, { true, -1 }, "rwm" },
	};
	struct spec_resources spec = SOME(v);
	struct dev_rules r;
	is_int(devfilter_rules(&spec, a, &r, NULL), 0);
	ok(r.allow);
	is_int(r.n, 0);
	ok(asks(&r, 'c', 10, 229, "rwm"));
	ok(asks(&r, 'b', 8, 0, "rw"));
}

static void denials_after_allowing_everything_hold(void)
{
	auto_arena *a = arena_new(1 << 20);
	struct spec_device_rule v[] = {
		{ true, "a", { 0 }, { 0 }, "rwm" },
		{ false, "b", { true, 8 }, { 0 }, "rw" },
	};
	struct spec_resources spec = SOME(v);
	struct dev_rules r;
	is_int(devfilter_rules(&spec, a, &r, NULL), 0);
	ok(!asks(&r, 'b', 8, 3, "r"));
	ok(asks(&r, 'b', 9, 3, "r"));
	ok(asks(&r, 'c', 1, 3, "rwm"));
}

static void rules_are_written_as_v1_wants_them(void)
{
	char out[DEV_TEXT];
	devfilter_text(&(struct dev_rule){ true, 'c', 1, 3, DEV_ALL }, out);
	is_str(out, "c 1:3 rwm");
	devfilter_text(&(struct dev_rule){ true, 'b', -1, -1, DEV_MKNOD }, out);
	is_str(out, "b *:* m");
	devfilter_text(&(struct dev_rule){ true, 'b', INT32_MAX, INT32_MAX, DEV_READ }, out);
	is_str(out, "b 2147483647:2147483647 r");
}

static void v1_gets_exceptions_of_one_kind(void)
{
	auto_arena *a = arena_new(1 << 20);
	struct spec_device_rule v[] = {
		ALL,
		{ true, "c", { true, 10 }, { true, 1 }, "rw" },
		{ true, "c", { true, 10 }, { true, 2 }, "rw" },
		{ false, "c", { true, 10 }, { 0 }, "w" },
	};
	struct spec_resources spec = SOME(v);
	struct dev_rules r;
	char out[DEV_TEXT];
	is_int(devfilter_rules(&spec, a, &r, NULL), 0);
	is_int(devfilter_flatten(&r, NULL), 0);
	devfilter_text(&r.v[0], out);
	is_str(out, "c 10:1 r");
	devfilter_text(&r.v[1], out);
	is_str(out, "c 10:2 r");
	for (size_t i = 0; i < r.n; i++)
		ok(r.v[i].allow);
}

static void what_v1_cannot_express_is_refused(void)
{
	auto_arena *a = arena_new(1 << 20);
	struct spec_device_rule v[] = {
		ALL,
		{ true, "c", { true, 10 }, { 0 }, "rwm" },
		{ false, "c", { true, 10 }, { true, 229 }, "w" },
	};
	struct spec_resources spec = SOME(v);
	struct dev_rules r;
	struct err e = { 0 };
	is_int(devfilter_rules(&spec, a, &r, NULL), 0);
	is_int(devfilter_flatten(&r, &e), -EINVAL);
	is_str(e.msg,
	       "linux.resources.devices: cgroup v1 cannot deny 'c 10:229 w' out of the larger "
	       "'c 10:* rwm'");
}

static void numbers_that_no_device_has_are_refused(void)
{
	auto_arena *a = arena_new(1 << 20);
	struct spec_device_rule v[] = { { true, "c", { true, INT64_C(1) << 32 }, { 0 }, "r" } };
	struct spec_resources spec = SOME(v);
	struct dev_rules r;
	struct err e = { 0 };
	is_int(devfilter_rules(&spec, a, &r, &e), -EINVAL);
	is_str(e.msg, "linux.resources.devices[0]: no device has that number");
}

int main(void)
{
	test(without_rules_only_the_usual_devices_work);
	test(the_last_rule_that_fits_decides);
	test(two_rules_may_grant_one_request_together);
	test(a_rule_for_everything_voids_those_before_it);
	test(denials_after_allowing_everything_hold);
	test(rules_are_written_as_v1_wants_them);
	test(v1_gets_exceptions_of_one_kind);
	test(what_v1_cannot_express_is_refused);
	test(numbers_that_no_device_has_are_refused);
	return done_testing();
}

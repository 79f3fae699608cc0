/* mountinfo_test.c - lines of mountinfo, good and bad. */
#include "tap.h"

#include "box/mountinfo.h"

static void lines_are_cut_into_their_fields(void)
{
	char text[] =
		"36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 shared:2 - ext3 /dev/ro\\134ot "
		"rw,errors=continue\n"
		"this is no line\n"
		"32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu";
	char *at = text;
	struct mount_line m;
	ok(mountinfo_next(&at, &m));
	is_int(m.id, 36);
	is_int(m.parent, 35);
	is_str(m.root, "/mnt1");
	is_str(m.target, "/mnt 2");
	is_str(m.options, "rw,noatime");
	is_str(m.fields, "master:1 shared:2");
	is_str(m.type, "ext3");
	is_str(m.source, "/dev/ro\\ot");
	is_str(m.super, "rw,errors=continue");
	ok(mountinfo_next(&at, &m));
	is_str(m.fields, "");
	is_str(m.super, "rw,cpu");
	ok(!mountinfo_next(&at, &m));
	ok(!mountinfo_next(&at, &m));
}

static void our_own_mounts_can_be_read(void)
{
	auto_buf b = { 0 };
	struct mount_line m;
	bool root = false;
	is_int(mountinfo_read(&b, NULL), 0);
	for (char *at = b.p; mountinfo_next(&at, &m);)
		root |= !strcmp(m.target, "/");
	ok(root);
}

static void words_of_a_list_match_whole(void)
{
	ok(option_has("rw,cpu,cpuacct", "cpu"));
	ok(option_has("cpuacct", "cpuacct"));
	ok(!option_has("rw,cpuacct", "cpu"));
	ok(!option_has("rw,cpu", "cpuacct"));
	ok(!option_has("", "cpu"));
}

int main(void)
{
	test(lines_are_cut_into_their_fields);
	test(our_own_mounts_can_be_read);
	test(words_of_a_list_match_whole);
	return done_testing();
}

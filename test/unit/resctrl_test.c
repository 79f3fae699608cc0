/* resctrl_test.c - groups of Intel's RDT, in a directory that looks like its file system. */
#include "tap.h"

#include "base/file.h"
#include "box/resctrl.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static char root[] = "/tmp/resctrl.XXXXXX";

/* The kernel fills a new group; here we do. */
static void fill(const char *dir)
{
	char path[600];
	static const char *const names[] = { "schemata", "tasks" };
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	}
	snprintf(path, sizeof(path), "%s/mon_groups", dir);
	mkdir(path, 0700);
}

static const char *text(const char *dir, const char *name)
{
	static char out[256];
	char path[600];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, out, sizeof(out) - 1);
	out[n > 0 ? n : 0] = 0;
	return out;
}

static void a_group_of_its_own_is_made_and_recorded(void)
{
	auto_arena *a = arena_new(1 << 20);
	struct err e = { 0 };
	struct resctrl r;
	const char *lines[] = { "L2:0=f" };
	const struct spec_intel_rdt s = { .schemata = { lines, 1 },
					  .l3_cache_schema = "L3:0=f",
					  .mem_bw_schema = "MB:0=10",
					  .enable_monitoring = true };
	is_int(resctrl_plan(root, &s, "c1", a, &r, &e), 0);
	is_int((long)r.own.n, 2);
	is_str(r.own.v[0], r.group);
	is_str(r.own.v[1], r.monitor);
	mkdir(r.group, 0700);
	fill(r.group);
	is_int(resctrl_make(&r, &s, &e), 0);
	is_str(text(r.group, "schemata"), "L3:0=f\nMB:0=10\nL2:0=f\n");
	fill(r.monitor);
	is_int(resctrl_join(&r, 42, &e), 0);
	is_str(text(r.group, "tasks"), "42");
	is_str(text(r.monitor, "tasks"), "42");
}

static void a_given_class_is_nobody_s_own(void)
{
	auto_arena *a = arena_new(1 << 20);
	struct err e = { 0 };
	struct resctrl r;
	struct spec_intel_rdt s = { .clos_id = "class" };
	is_int(resctrl_plan(root, &s, "c2", a, &r, &e), -ENOENT);
	has_str(e.msg, "linux.intelRdt.closID");
	s.mem_bw_schema = "MB:0=10";
	is_int(resctrl_plan(root, &s, "c2", a, &r, &e), 0);
	is_int((long)r.own.n, 0);
	s = (struct spec_intel_rdt){ .clos_id = "/", .enable_monitoring = true };
	is_int(resctrl_plan(root, &s, "c2", a, &r, &e), 0);
	is_str(r.group, root);
	is_int((long)r.own.n, 1);
	has_str(r.own.v[0], "/mon_groups/c2");
}

static void the_kernel_s_words_are_in_the_error(void)
{
	auto_arena *a = arena_new(1 << 20);
	struct err e = { 0 };
	struct resctrl r;
	char path[600];
	const struct spec_intel_rdt s = { .l3_cache_schema = "L3:0=f" };
	snprintf(path, sizeof(path), "%s/info", root);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/info/last_cmd_status", root);
	auto_close int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	is_int(write_all(fd, "out of CLOSIDs\n", 15), 0);
	is_int(resctrl_plan(root, &s, "c3/x", a, &r, &e), 0);
	is_int(resctrl_make(&r, &s, &e), -ENOENT);
	has_str(e.msg, "linux.intelRdt: make the group (out of CLOSIDs)");
}

int main(void)
{
	if (!mkdtemp(root))
		return 1;
	fill(root);
	test(a_group_of_its_own_is_made_and_recorded);
	test(a_given_class_is_nobody_s_own);
	test(the_kernel_s_words_are_in_the_error);
	tree_remove(-1, root, NULL);
	return done_testing();
}

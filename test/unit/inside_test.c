/* inside_test.c - what a process sees of the box around it. */
#include "tap.h"

#include "box/inside.h"
#include "oci/capability.h"

#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#define ALL ((UINT64_C(1) << CAPABILITIES) - 1)

static void capability_sets_read_well(void)
{
	struct arena *a = arena_new(1 << 20);
	is_str(inside_caps(0, a), "none");
	is_str(inside_caps(ALL, a), "all");
	is_str(inside_caps(1, a), "chown");
	is_str(inside_caps(1 << 5 | 1 << 13, a), "kill net_raw");
	is_str(inside_caps(ALL & ~(UINT64_C(1) << 24), a), "all but sys_resource");
	is_str(inside_caps(UINT64_C(1) << 60, a), "60");
	arena_free(a);
}

static void names_and_numbers_of_capabilities_go_together(void)
{
	is_int(capability_parse("CAP_CHOWN"), 0);
	is_int(capability_parse("net_raw"), 13);
	is_int(capability_parse("CAP_checkpoint_RESTORE"), 40);
	is_int(capability_parse("CAP_"), -EINVAL);
	is_int(capability_parse("ALL"), -EINVAL);
	for (int i = 0; i < CAPABILITIES; i++)
		is_int(capability_parse(capability_name(i)), i);
	ok(!capability_name(CAPABILITIES) && !capability_name(-1));
}

static void it_is_what_the_kernel_says(void)
{
	struct arena *a = arena_new(1 << 20);
	struct inside s;
	struct utsname u;
	struct stat st;
	is_int(inside_read(a, &s, NULL), 0);
	is_int(s.pid, getpid());
	ok(uname(&u) == 0);
	is_str(s.hostname, u.nodename);
	is_int(s.uid, geteuid());
	ok(s.processes >= 1 && s.mounts >= 1 && s.root_type);
	is_str(s.namespaces.v[0].name, "pid");
	ok(stat("/proc/self/ns/pid", &st) == 0);
	is_int(s.namespaces.v[0].id, st.st_ino);
	ok(s.seccomp >= 0 && s.no_new_privs >= 0);
	arena_free(a);
}

int main(void)
{
	test(capability_sets_read_well);
	test(names_and_numbers_of_capabilities_go_together);
	test(it_is_what_the_kernel_says);
	return done_testing();
}

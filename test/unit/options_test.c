/* options_test.c - the options that containerd sends, in each of their forms. */
#include "tap.h"

#include "base/pb.h"
#include "pb/runc_legacy.pb-c.h"
#include "pb/runc_options.pb-c.h"
#include "pb/runtime_options.pb-c.h"
#include "ttrpc/options.h"
#include "ttrpc/options_toml.h"

#include <stdlib.h>
#include <unistd.h>

static struct err said;
static struct runtime_options o;

static int read_any(const char *type, const void *m, struct arena *a)
{
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	any.type_url = (char *)(uintptr_t)type;
	any.value.data = m ? pb_encode(m, a, &any.value.len) : NULL;
	said = (struct err){ 0 };
	return options_read(&any, a, &o, &said);
}

static void none_are_defaults(void)
{
	auto_arena *a = arena_new(1 << 20);
	is_int(options_read(NULL, a, &o, &said), 0);
	ok(!o.systemd_cgroup && !o.io_uid);
	is_str(o.shim_cgroup, "");
	is_str(o.binary, "");
	is_str(options_root(&o, "ns", a), "/run/coracle/containerd-ns");
	is_int(read_any("", NULL, a), 0);
}

static void runcs_options_are_understood_with_and_without_a_prefix(void)
{
	auto_arena *a = arena_new(1 << 20);
	Containerd__Runc__V1__Options m = CONTAINERD__RUNC__V1__OPTIONS__INIT;
	m.no_pivot_root = m.no_new_keyring = m.systemd_cgroup = true;
	m.io_uid = 1000;
	m.io_gid = 1001;
	m.root = (char *)(uintptr_t)"/run/x";
	m.shim_cgroup = (char *)(uintptr_t)"/shims";
	m.criu_work_path = (char *)(uintptr_t)"/work";
	is_int(read_any("containerd.runc.v1.Options", &m, a), 0);
	ok(o.no_pivot_root && o.no_new_keyring && o.systemd_cgroup);
	is_int(o.io_uid, 1000);
	is_int(o.io_gid, 1001);
	is_str(options_root(&o, "ns", a), "/run/x/ns");
	is_str(o.shim_cgroup, "/shims");
	is_str(o.criu_work_path, "/work");
	o = (struct runtime_options){ 0 };
	is_int(read_any("type.googleapis.com/containerd.runc.v1.Options", &m, a), 0);
	is_int(o.io_gid, 1001);
}

static void the_older_options_are_understood(void)
{
	auto_arena *a = arena_new(1 << 20);
	Containerd__Linux__Runc__CreateOptions m = CONTAINERD__LINUX__RUNC__CREATE_OPTIONS__INIT;
	m.no_pivot_root = m.no_new_keyring = true;
	m.io_uid = 7;
	m.shim_cgroup = (char *)(uintptr_t)"/shims";
	is_int(read_any("containerd.linux.runc.CreateOptions", &m, a), 0);
	ok(o.no_pivot_root && o.no_new_keyring && !o.systemd_cgroup);
	is_int(o.io_uid, 7);
	is_str(o.shim_cgroup, "/shims");
	is_str(o.root, "");
}

static void other_types_and_broken_ones_are_refused_by_name(void)
{
	auto_arena *a = arena_new(1 << 20);
	ok(read_any("io.example/x.Options", NULL, a) < 0);
	is_str(said.msg, "runtime options of type io.example/x.Options are not understood");
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	any.type_url = (char *)(uintptr_t)"containerd.runc.v1.Options";
	any.value.data = (uint8_t *)(uintptr_t)"\xff\xff";
	any.value.len = 2;
	ok(options_read(&any, a, &o, &said) < 0);
	has_str(said.msg, "no valid containerd.runc.v1.Options");
}

static void another_runtimes_name_is_refused(void)
{
	auto_arena *a = arena_new(1 << 20);
	static const char *const ours[] = {
		"", "runc", "coracle", "/usr/local/bin/coracle-runtime", "/usr/bin/runc", "crun"
	};
	static const char *const others[] = { "runsc", "/opt/coracle/kata" };
	Containerd__Runc__V1__Options m = CONTAINERD__RUNC__V1__OPTIONS__INIT;
	for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++) {
		m.binary_name = (char *)(uintptr_t)ours[i];
		is_int(read_any("containerd.runc.v1.Options", &m, a), 0);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		m.binary_name = (char *)(uintptr_t)others[i];
		ok(read_any("containerd.runc.v1.Options", &m, a) < 0);
		has_str(said.msg, others[i]);
		has_str(said.msg, "runs no other runtime");
	}
}

static int read_body(const char *text, struct arena *a)
{
	Runtimeoptions__V1__Options m = RUNTIMEOPTIONS__V1__OPTIONS__INIT;
	m.config_body.data = (uint8_t *)(uintptr_t)text;
	m.config_body.len = strlen(text);
	return read_any("runtimeoptions.v1.Options", &m, a);
}

static void the_body_of_generic_options_is_toml(void)
{
	auto_arena *a = arena_new(1 << 20);
	is_int(read_body(
		       "# runc's\n\n  IoUid = 1_000 # mine\nIoGid=5\nSystemdCgroup = true\n"
		       "\"NoPivotRoot\" = false\nRoot = \"/run/\\\"x\\\\\"\nCriuWorkPath = '/w\\'\n"
		       "Unknown = 'x'\nShimCgroup = \"/s\"\r\n[more]\nRoot = 7",
		       a),
	       0);
	ok(o.systemd_cgroup && !o.no_pivot_root);
	is_int(o.io_uid, 1000);
	is_int(o.io_gid, 5);
	is_str(o.root, "/run/\"x\\");
	is_str(o.criu_work_path, "/w\\");
	is_str(o.shim_cgroup, "/s");
	is_int(read_body("", a), 0);
	ok(!o.systemd_cgroup);
}

static void what_is_no_such_toml_is_refused_with_its_line(void)
{
	auto_arena *a = arena_new(1 << 20);
	ok(read_body("\nSystemdCgroup = 1", a) < 0);
	is_str(said.msg, "runtime options: line 2: SystemdCgroup must be true or false");
	ok(read_body("Root = true", a) < 0);
	is_str(said.msg, "runtime options: line 1: Root must be a string");
	ok(read_body("IoUid = 4294967296", a) < 0);
	is_str(said.msg, "runtime options: line 1: IoUid is out of range");
	ok(read_body("Root = \"/x", a) < 0);
	ok(read_body("Root = \"\\q\"", a) < 0);
	ok(read_body("Root = '/x' y", a) < 0);
	ok(read_body("nothing", a) < 0);
	is_str(said.msg, "runtime options: line 1: expected = after a key");
	ok(read_body("BinaryName = 'runsc'", a) < 0);
	has_str(said.msg, "runs no other runtime");
}

static void a_file_of_options_is_named_by_its_path(void)
{
	auto_arena *a = arena_new(1 << 20);
	Runtimeoptions__V1__Options m = RUNTIMEOPTIONS__V1__OPTIONS__INIT;
	char path[] = "/tmp/options-test-XXXXXX";
	int fd = mkstemp(path);
	is_int(write(fd, "SystemdCgroup = true\n", 21), 21);
	close(fd);
	m.config_path = path;
	is_int(read_any("runtimeoptions.v1.Options", &m, a), 0);
	ok(o.systemd_cgroup);
	unlink(path);
	ok(read_any("runtimeoptions.v1.Options", &m, a) < 0);
	has_str(said.msg, path);
	has_str(said.msg, "No such file");
	m.config_path = (char *)(uintptr_t)"options.toml";
	ok(read_any("runtimeoptions.v1.Options", &m, a) < 0);
	has_str(said.msg, "is not absolute");
}

int main(void)
{
	test(none_are_defaults);
	test(runcs_options_are_understood_with_and_without_a_prefix);
	test(the_older_options_are_understood);
	test(other_types_and_broken_ones_are_refused_by_name);
	test(another_runtimes_name_is_refused);
	test(the_body_of_generic_options_is_toml);
	test(what_is_no_such_toml_is_refused_with_its_line);
	test(a_file_of_options_is_named_by_its_path);
	return done_testing();
}

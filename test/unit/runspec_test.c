/* runspec_test.c - the options of run, as the runtime spec has them. */
#include "tap.h"

#include "image/profile.h"
#include "monitor/runspec.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static struct arena *a;
static struct err e;

/* A default spec with the options applied; NULL when they are refused. */
static struct spec *applied(const struct run_options *o)
{
	struct spec *s;
	e = (struct err){ 0 };
	arena_free(a);
	a = arena_new(8 << 20);
	ok(spec_default(&(struct spec_default_options){ 0 }, a, &s, &e) == 0);
	return runspec_apply(s, o, "c1", a, &e) == 0 ? s : NULL;
}

#define WORDS(...) ((const char *[]){ __VA_ARGS__ })
#define STRS(...)  { WORDS(__VA_ARGS__), sizeof(WORDS(__VA_ARGS__)) / sizeof(char *) }

static const struct spec_mount *mount_on(const struct spec *s, const char *destination)
{
	for (size_t i = 0; i < s->mounts.n; i++)
		if (!strcmp(s->mounts.v[i].destination, destination))
			return &s->mounts.v[i];
	return NULL;
}

static void limits_go_into_resources(void)
{
	struct run_options o = { .memory.limit = { true, 1 << 20 },
				 .pids_limit = 7,
				 .cpus = "1.5" };
	struct spec *s = applied(&o);
	ok(s != NULL);
	is_int(s->linux_->resources->memory->limit.v, 1 << 20);
	is_int(s->linux_->resources->pids_limit.v, 7);
	is_int(s->linux_->resources->cpu->quota.v, 150000);
	is_int(s->linux_->resources->cpu->period.v, 100000);
}

static void no_limit_sets_none(void)
{
	struct run_options o = { 0 };
	struct spec *s = applied(&o);
	ok(!s->linux_->resources->memory && !s->linux_->resources->cpu);
	ok(!s->linux_->resources->pids_limit.set);
}

static void cpus_are_numbers_above_zero(void)
{
	is_int(runspec_quota("0.5"), 50000);
	is_int(runspec_quota("16"), 1600000);
	is_int(runspec_quota("0"), -EINVAL);
	is_int(runspec_quota("-1"), -EINVAL);
	is_int(runspec_quota("nan"), -EINVAL);
	is_int(runspec_quota("1x"), -EINVAL);
	is_int(runspec_quota(""), -EINVAL);
}

static void capabilities_are_dropped_before_they_are_added(void)
{
	struct run_options o = { .cap_drop = STRS("all"),
				 .cap_add = STRS("net_raw", "CAP_NET_RAW") };
	struct spec *s = applied(&o);
	is_int(s->process->capabilities->bounding.n, 1);
	is_str(s->process->capabilities->bounding.v[0], "CAP_NET_RAW");
	is_int(s->process->capabilities->ambient.n, 0);
	struct run_options bad = { .cap_drop = STRS("nonsense") };
	ok(applied(&bad) == NULL);
	has_str(e.msg, "nonsense");
}

static void all_capabilities_are_all_of_them_once(void)
{
	struct run_options o = { .cap_add = STRS("ALL", "kill") };
	struct spec *s = applied(&o);
	is_int(s->process->capabilities->bounding.n, 41);
}

static void a_privileged_container_is_masked_and_filtered_nowhere(void)
{
	struct run_options o = { .privileged = true };
	struct spec *s = applied(&o);
	is_int(s->process->capabilities->effective.n, 41);
	ok(!s->linux_->seccomp);
	is_int(s->linux_->masked_paths.n, 0);
	is_int(s->linux_->readonly_paths.n, 0);
	ok(s->linux_->resources->devices.n == 1 && s->linux_->resources->devices.v[0].allow);
	ok(!strs_has(&mount_on(s, "/sys")->options, "ro"));
	o.security = (struct strs)STRS("mask=/a");
	is_int(applied(&o)->linux_->masked_paths.n, 1);
}

static bool denies(const struct spec_seccomp *s, const char *name)
{
	for (size_t i = 0; i < s->syscalls.n; i++)
		if (!s->syscalls.v[i].args.n && strs_has(&s->syscalls.v[i].names, name))
			return true;
	return false;
}

static void a_capability_takes_its_calls_off_the_filter(void)
{
	struct run_options o = { 0 }, admin = { .cap_add = STRS("SYS_ADMIN") };
	struct spec *s = applied(&o);
	ok(denies(s->linux_->seccomp, "mount") && denies(s->linux_->seccomp, "clone3") &&
	   denies(s->linux_->seccomp, "keyctl"));
	ok(!denies(s->linux_->seccomp, "read"));
	s = applied(&admin);
	ok(!denies(s->linux_->seccomp, "mount") && !denies(s->linux_->seccomp, "clone3") &&
	   denies(s->linux_->seccomp, "keyctl"));
}

static void security_options_are_known_or_refused(void)
{
	struct run_options o = { .security = STRS("no-new-privileges", "seccomp=unconfined") };
	struct spec *s = applied(&o);
	ok(s->process->no_new_privileges && !s->linux_->seccomp);
	struct run_options bad = { .security = STRS("whatever") };
	ok(applied(&bad) == NULL);
	has_str(e.msg, "whatever");
}

static void a_volume_has_source_target_and_options(void)
{
	struct spec_mount m;
	a = a ? a : arena_new(1 << 20);
	is_int(runspec_volume("/a:/b", a, &m, &e), 0);
	is_str(m.source, "/a");
	is_str(m.destination, "/b");
	is_str(m.type, "bind");
	ok(strs_has(&m.options, "rbind") && !strs_has(&m.options, "ro"));
	is_int(runspec_volume("/a:/b:ro,noexec,rslave", a, &m, &e), 0);
	ok(strs_has(&m.options, "ro") && strs_has(&m.options, "rro") &&
	   strs_has(&m.options, "noexec") && strs_has(&m.options, "rslave"));
	is_int(runspec_volume("/a:/b:rw,rw,rw,rw,rw,rw,rw,rw,rw,rw,rw,rw,rw,rw,rw,rw,rw,rw,rw,rw,"
			      "rw,rw,rw,rw,rw,rw,rw,rw,rw,rw,rw,ro",
			      a, &m, &e),
	       0);
	ok(strs_has(&m.options, "ro") && strs_has(&m.options, "rro"));
	static const char *const bad[] = { "a", "a/b:/b", "/a:b", "/a:/b:what", "/a:/b:ro:x", "" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		is_int(runspec_volume(bad[i], a, &m, &e), -EINVAL);
}

static void a_volume_may_have_a_name_or_none(void)
{
	struct spec_mount m;
	a = a ? a : arena_new(1 << 20);
	is_int(runspec_volume("mine:/b:ro,nocopy", a, &m, &e), 0);
	is_str(m.type, "volume");
	is_str(m.source, "mine");
	is_str(m.destination, "/b");
	ok(strs_has(&m.options, "rbind") && strs_has(&m.options, "rro") &&
	   strs_has(&m.options, "nocopy"));
	is_int(runspec_volume("/b", a, &m, &e), 0);
	is_str(m.type, "volume");
	is_str(m.source, "");
	is_str(m.destination, "/b");
	is_int(runspec_mount("src=mine,dst=/b,volume-nocopy=true", a, &m, &e), 0);
	is_str(m.type, "volume");
	ok(strs_has(&m.options, "nocopy"));
	is_int(runspec_mount("src=/a,dst=/b", a, &m, &e), 0);
	is_str(m.type, "bind");
	is_int(runspec_volume("/a:/b:nocopy", a, &m, &e), -EINVAL);
	is_int(runspec_mount("type=bind,src=/a,dst=/b,volume-nocopy", a, &m, &e), -EINVAL);
	is_int(runspec_mount("type=volume,dst=/b,tmpfs-size=1", a, &m, &e), -EINVAL);
}

static void a_mount_is_bind_or_tmpfs(void)
{
	struct spec_mount m;
	a = a ? a : arena_new(1 << 20);
	is_int(runspec_mount("type=bind,src=/a,dst=/b,readonly", a, &m, &e), 0);
	is_str(m.source, "/a");
	ok(strs_has(&m.options, "rro"));
	is_int(runspec_mount("type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=700", a, &m, &e), 0);
	is_str(m.type, "tmpfs");
	ok(strs_has(&m.options, "size=1048576") && strs_has(&m.options, "mode=700") &&
	   !strs_has(&m.options, "rbind"));
	static const char *const bad[] = { "type=bind,src=/a",		 "type=bind,dst=/b",
					   "type=volume,src=a/b,dst=/b", "type=bind,src=a,dst=/b",
					   "dst=/b,src=/a,what=1",	 "" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		is_int(runspec_mount(bad[i], a, &m, &e), -EINVAL);
}

static void a_mount_is_spelled_as_others_spell_it(void)
{
	struct spec_mount m;
	a = a ? a : arena_new(1 << 20);
	is_int(runspec_mount("Type=bind,Source=/a,dst=/b,rw=false,nosuid,Z,rslave", a, &m, &e), 0);
	ok(strs_has(&m.options, "rro") && strs_has(&m.options, "nosuid") &&
	   strs_has(&m.options, "rslave"));
	is_int(runspec_mount("type=bind,src=/a,dst=/b,ro=False,bind-nonrecursive", a, &m, &e), 0);
	ok(strs_has(&m.options, "bind") && !strs_has(&m.options, "rbind") &&
	   !strs_has(&m.options, "ro"));
	is_int(runspec_mount("type=bind,src=/a,dst=/b,bind-recursive=writable,ro", a, &m, &e), 0);
	ok(strs_has(&m.options, "ro") && !strs_has(&m.options, "rro"));
	is_int(runspec_mount("type=bind,\"src=/a,\"\"x\"\"\",dst=/b", a, &m, &e), 0);
	is_str(m.source, "/a,\"x\"");
	is_str(m.destination, "/b");
	is_int(runspec_mount("type=tmpfs,dst=/b,notmpcopyup,exec", a, &m, &e), 0);
	ok(strs_has(&m.options, "exec") && !strs_has(&m.options, "notmpcopyup"));
	is_int(runspec_tmpfs("/b:notmpcopyup", a, &m, &e), 0);
	ok(!strs_has(&m.options, "notmpcopyup"));
	static const char *const bad[] = { "type=bind,\"src=/a,dst=/b", "type=tmpfs,dst=/b,rslave",
					   "type=bind,src=/a,dst=/b,readonly=maybe",
					   "type=bind,src=/a,dst=/b,tmpcopyup",
					   "type=bind,src=/a,dst=/b,bind-recursive=what" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		is_int(runspec_mount(bad[i], a, &m, &e), -EINVAL);
	is_int(runspec_volume("/a:", a, &m, &e), -EINVAL);
	is_int(runspec_volume("/a:/b:U,z", a, &m, &e), 0);
	ok(strs_has(&m.options, "U"));
	is_int(runspec_volume("a:/b:O,ro", a, &m, &e), 0);
	ok(strs_has(&m.options, "O") && strs_has(&m.options, "ro"));
	is_int(runspec_volume("/a:/b:O,upperdir=/c", a, &m, &e), -EINVAL);
	is_int(runspec_mount("type=image,src=a:1,dst=/b,subpath=c/d", a, &m, &e), 0);
	ok(strs_has(&m.options, "ro") && strs_has(&m.options, "rro") &&
	   strs_has(&m.options, "subpath=c/d"));
	is_str(m.type, "image");
	is_int(runspec_mount("type=image,src=a:1,dst=/b,rw", a, &m, &e), 0);
	ok(!strs_has(&m.options, "ro") && !strs_has(&m.options, "rro"));
	is_int(runspec_mount("src=v,dst=/b,volume-subpath=/c,U=false", a, &m, &e), 0);
	ok(strs_has(&m.options, "nocopy") && strs_has(&m.options, "subpath=c") &&
	   !strs_has(&m.options, "U"));
	static const char *const others[] = { "type=image,dst=/b",
					      "type=image,src=a,dst=/b,U",
					      "src=v,dst=/b,subpath=//",
					      "src=v,dst=/b,subpath=",
					      "type=bind,src=/v,dst=/b,subpath=c",
					      "type=tmpfs,dst=/b,U" };
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		is_int(runspec_mount(others[i], a, &m, &e), -EINVAL);
}

static void what_is_further_down_is_mounted_later(void)
{
	struct run_options o = { .tmpfs = STRS("/x/y/z", "/w"),
				 .volumes = STRS("/etc:/x/y", "/usr:/x") };
	struct spec *s = applied(&o);
	const struct spec_mount *x = mount_on(s, "/x"), *y = mount_on(s, "/x/y");
	ok(x && y && mount_on(s, "/w") < x && x < y && y < mount_on(s, "/x/y/z"));
}

static void capabilities_may_be_a_list(void)
{
	struct run_options o = { .cap_drop = STRS("all"), .cap_add = STRS("net_raw,SYS_ADMIN") };
	const struct strs *caps = &applied(&o)->process->capabilities->bounding;
	ok(caps->n == 2 && strs_has(caps, "CAP_NET_RAW") && strs_has(caps, "CAP_SYS_ADMIN"));
	ok(!applied(&(struct run_options){ .cap_add = STRS("") }));
	has_str(e.msg, "--cap-add");
}

static void a_tmpfs_takes_options(void)
{
	struct run_options o = { .tmpfs = STRS("/run", "/t:size=1m,noexec") };
	struct spec *s = applied(&o);
	ok(s != NULL);
	ok(mount_on(s, "/run") && mount_on(s, "/t"));
	ok(strs_has(&mount_on(s, "/t")->options, "size=1m") &&
	   strs_has(&mount_on(s, "/t")->options, "noexec"));
}

static void a_limit_given_again_replaces_the_first(void)
{
	struct run_options o = { .ulimits = STRS("nofile=5:6", "core=-1", "nofile=7") };
	struct spec *s = applied(&o);
	is_int(s->process->rlimits.n, 2);
	is_str(s->process->rlimits.v[0].type, "RLIMIT_NOFILE");
	is_int(s->process->rlimits.v[0].soft, 7);
	is_int(s->process->rlimits.v[0].hard, 7);
	ok(s->process->rlimits.v[1].hard == UINT64_MAX);
	static const char *const bad[] = { "nofile",	   "=1",	"nofile=",  "nofile=1:",
					   "nofile=1:2:3", "nofile=-2", "NOFILE=1", "n=1",
					   "nofile=1x",	   "core=u" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(!applied(&(struct run_options){ .ulimits = { (const char **)&bad[i], 1 } }));
}

static void swap_is_of_memory_and_no_less(void)
{
	struct run_options o = { .memory = { .limit = { true, 10 }, .swap = { true, -1 } } };
	is_int(applied(&o)->linux_->resources->memory->swap.v, -1);
	o.memory.swap.v = 9;
	ok(!applied(&o));
	o.memory.swap.v = 20;
	o.memory.limit.set = false;
	ok(!applied(&o));
	has_str(e.msg, "--memory 64m");
}

static void memory_alone_has_as_much_swap(void)
{
	struct run_options o = { .memory = { .limit = { true, 10 } } };
	is_int(applied(&o)->linux_->resources->memory->swap_if_counted.v, 20);
	o.memory.swap = (struct opt_i64){ true, -1 };
	ok(!applied(&o)->linux_->resources->memory->swap_if_counted.set);
	o.memory = (struct spec_memory){ .limit = { true, INT64_MAX } };
	ok(!applied(&o)->linux_->resources->memory->swap_if_counted.set);
}

static void a_device_rule_has_numbers_or_stars(void)
{
	struct run_options o = { .device_rules = STRS("c 10:229 rw", "b *:* m", "a *:3 r") };
	struct spec *s = applied(&o);
	const struct spec_device_rule *r = s->linux_->resources->devices.v + 1;
	is_int(s->linux_->resources->devices.n, 4);
	ok(r[0].allow && r[0].major.v == 10 && r[0].minor.v == 229);
	is_str(r[0].access, "rw");
	ok(!r[1].major.set && !r[1].minor.set && r[2].minor.set);
	static const char *const bad[] = { "",	       "c",	    "c 1:3",
					   "c 1:3 ",   "c 1:3 rwx", "c 1:3 rwmr",
					   "x 1:3 r",  "c 1 r",	    "c :3 r",
					   "c -1:3 r", "c 1:3  rw", "c 9999999999:1 r" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(!applied(
			&(struct run_options){ .device_rules = { (const char **)&bad[i], 1 } }));
}

static void a_label_is_made_of_its_parts(void)
{
	struct run_options o = { .security = STRS("label=type:spc_t", "label:level:s0:c1,c2") };
	is_str(applied(&o)->process->selinux_label, "system_u:system_r:spc_t:s0:c1,c2");
	struct run_options off = { .security = STRS("label=user:u", "label=disable") };
	is_str(applied(&off)->process->selinux_label, NULL);
	struct run_options again = { .security = STRS("label=level:s0:c1", "label=role:r") };
	is_str(applied(&again)->process->selinux_label, "system_u:r:container_t:s0:c1");
	struct run_options alike = { .security = STRS("label=type:s0_t", "label=role:r") };
	is_str(applied(&alike)->process->selinux_label, "system_u:r:s0_t:s0");
}

static void namespaces_are_ones_own_the_hosts_or_of_a_path(void)
{
	struct run_options o = { .pid = "host", .ipc = "ns:/proc/7/ns/ipc", .uts = "host" };
	struct spec *s = applied(&o);
	ok(!spec_namespace(s, "pid") && !spec_namespace(s, "uts") && !s->hostname);
	is_str(spec_namespace(s, "ipc")->path, "/proc/7/ns/ipc");
	o.hostname = "x";
	ok(!applied(&o));
}

static void an_init_goes_before_the_command(void)
{
	struct run_options o = { .init = true, .volumes = STRS("/etc:/device") };
	struct spec *s = applied(&o);
	is_int(s->process->args.n, 2);
	is_str(s->process->args.v[0], "/dev/coracle-init");
	is_str(s->process->args.v[1], "sh");
	ok(strs_has(&mount_on(s, "/dev/coracle-init")->options, "ro"));
	/* What a user puts on /dev stays as it is. */
	o.volumes = (struct strs)STRS("/etc://dev/");
	is_str(applied(&o)->process->args.v[0], "/coracle-init");
}

static void what_is_not_on_the_host_is_refused_by_name(void)
{
	struct run_options o = { .volumes = STRS("/no/such/dir:/x") };
	ok(applied(&o) == NULL);
	has_str(e.msg, "/no/such/dir");
}

static void the_network_is_none_or_the_hosts(void)
{
	struct run_options none = { 0 }, host = { .network = "host" }, bad = { .network = "x" };
	ok(spec_namespace(applied(&none), "network") != NULL);
	ok(spec_namespace(applied(&host), "network") == NULL);
	ok(applied(&bad) == NULL);
}

static void a_cgroup_has_a_namespace_and_maybe_a_parent(void)
{
	struct run_options none = { 0 }, path = { .cgroup_parent = "/p" },
			   slice = { .cgroup_parent = "s.slice" }, bad = { .cgroup_parent = "p" };
	struct spec *s = applied(&none);
	ok(spec_namespace(s, "cgroup") != NULL);
	is_str(s->linux_->cgroups_path, NULL);
	is_str(applied(&path)->linux_->cgroups_path, "/p/c1");
	is_str(applied(&slice)->linux_->cgroups_path, "s.slice:coracle:c1");
	ok(applied(&bad) == NULL);
}

static void env_files_come_first_and_comments_do_not(void)
{
	char name[] = "/tmp/runspec_test.XXXXXX";
	static const char text[] = "# no\nA=1\n\n  B=two words\r\nC";
	int fd = mkstemp(name);
	ok(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
	struct run_options o = { .env_files = STRS(name), .env = STRS("A=9") };
	struct strs out;
	a = a ? a : arena_new(1 << 20);
	is_int(runspec_env(&o, a, &out, &e), 0);
	is_int(out.n, 4);
	is_str(out.v[0], "A=1");
	is_str(out.v[1], "B=two words");
	is_str(out.v[2], "C");
	is_str(out.v[3], "A=9");
	unlink(name);
	is_int(runspec_env(&o, a, &out, &e), -ENOENT);
}

int main(void)
{
	test(limits_go_into_resources);
	test(no_limit_sets_none);
	test(cpus_are_numbers_above_zero);
	test(capabilities_are_dropped_before_they_are_added);
	test(all_capabilities_are_all_of_them_once);
	test(a_privileged_container_is_masked_and_filtered_nowhere);
	test(a_capability_takes_its_calls_off_the_filter);
	test(security_options_are_known_or_refused);
	test(a_volume_has_source_target_and_options);
	test(a_volume_may_have_a_name_or_none);
	test(a_mount_is_bind_or_tmpfs);
	test(a_mount_is_spelled_as_others_spell_it);
	test(what_is_further_down_is_mounted_later);
	test(capabilities_may_be_a_list);
	test(a_tmpfs_takes_options);
	test(a_limit_given_again_replaces_the_first);
	test(swap_is_of_memory_and_no_less);
	test(memory_alone_has_as_much_swap);
	test(a_device_rule_has_numbers_or_stars);
	test(a_label_is_made_of_its_parts);
	test(namespaces_are_ones_own_the_hosts_or_of_a_path);
	test(an_init_goes_before_the_command);
	test(what_is_not_on_the_host_is_refused_by_name);
	test(the_network_is_none_or_the_hosts);
	test(a_cgroup_has_a_namespace_and_maybe_a_parent);
	test(env_files_come_first_and_comments_do_not);
	arena_free(a);
	return done_testing();
}

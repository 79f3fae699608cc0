/* plan_test.c - what is made of a spec, compared with what was looked at and found right. */
#include "tap.h"

#include "base/file.h"
#include "box/plan.h"

#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>

static struct cgroup_dir dirs[] = {
	{ .controllers = "name=systemd",
	  .path = "/sys/fs/cgroup/systemd/c1",
	  .fd = -1,
	  .door = -1 },
	{ .controllers = "cpu,cpuacct",
	  .path = "/sys/fs/cgroup/cpu,cpuacct/c1",
	  .fd = -1,
	  .door = -1 },
	{ .controllers = "", .path = "/sys/fs/cgroup/unified/c1", .fd = -1, .door = -1 },
};
static struct cgroup_dir one[] = {
	{ .controllers = "", .path = "/sys/fs/cgroup/c1", .fd = -1, .door = -1 },
};
static const struct cgroup v1 = { .v = dirs, .n = 3 };
static const struct cgroup v2 = { .v2 = true, .v = one, .n = 1 };

static int plan_of(const struct spec *s, const struct cgroup *cg, struct arena *a, struct plan *p,
		   struct err *e)
{
	const struct plan_context c = { .spec = s,
					.id = "c1",
					.bundle = "/b",
					.mount_point = "/m",
					.cgroup = cg,
					.creating_json = "{}",
					.created_json = "{}" };
	return plan_create(&c, a, p, e);
}

static int plan_late(const struct spec *s, const struct cgroup *cg, struct arena *a, struct plan *p,
		     struct err *e)
{
	const struct plan_context c = {
		.spec = s,
		.id = "c1",
		.mount_point = "/m",
		.cgroup = cg,
		.joins_late = true,
		.creating_json = "{}",
		.created_json = "{}",
	};
	return plan_create(&c, a, p, e);
}

/* UPDATE=1 writes what is compared with. */
static void golden(const char *name, const struct plan *p)
{
	auto_buf text = { 0 };
	auto_buf want = { 0 };
	char path[128];
	struct err e = { 0 };
	snprintf(path, sizeof(path), "test/data/plan/%s", name);
	plan_print(p, &text);
	if (getenv("UPDATE")) {
		auto_close int dir = open("test/data/plan", O_RDONLY | O_DIRECTORY);
		is_int(file_replace(dir, name, text.p, text.len, 0644, &e), 0);
	}
	is_int(file_read(AT_FDCWD, path, &want, &e), 0);
	is_str(text.p, want.p);
}

static const struct spec *read_spec(const char *name, struct arena *a)
{
	const struct spec *s = NULL;
	struct err e = { 0 };
	auto_close int dir = open("test/data/spec", O_RDONLY | O_DIRECTORY);
	if (spec_read(dir, name, a, &s, &e) < 0)
		printf("# %s\n", e.msg);
	return s;
}

static void the_plan_of_a_spec_of_runc_is_as_it_was_found_right(void)
{
	auto_arena *a = arena_new(8 << 20);
	const struct spec *s = read_spec("runc-spec.json", a);
	struct plan p;
	struct err e = { 0 };
	ok(s);
	is_int(plan_of(s, &v1, a, &p, &e), 0);
	golden("runc-spec-v1", &p);
	is_int(plan_of(s, &v2, a, &p, &e), 0);
	golden("runc-spec-v2", &p);
	is_int(plan_late(s, &v1, a, &p, &e), 0);
	golden("runc-spec-late", &p);
	is_int(plan_late(s, &v2, a, &p, &e), 0);
	golden("runc-spec-late-v2", &p);
}

static void a_rootless_spec_binds_the_devices_it_may_not_make(void)
{
	auto_arena *a = arena_new(8 << 20);
	const struct spec *s = read_spec("runc-spec-rootless.json", a);
	struct plan p;
	struct err e = { 0 };
	bool bound = false;
	ok(s);
	is_int(plan_of(s, &v2, a, &p, &e), 0);
	for (size_t i = 0; i < p.n; i++)
		if (p.v[i].kind == OP_MKNOD)
			bound = p.v[i].device.bind;
	ok(bound);
	ok(p.maps == s->linux_);
}

/* Parses text with ' for ". */
static int spec_text(const char *text, struct arena *a, const struct spec **s, struct err *e)
{
	char *t = arena_str(a, text);
	for (char *at = t; (at = strchr(at, '\''));)
		*at = '"';
	return spec_parse(t, strlen(t), a, s, e);
}

static int plan_text(const char *text, struct arena *a, struct plan *p, struct err *e)
{
	const struct spec *s;
	int rc = spec_text(text, a, &s, e);
	return rc < 0 ? rc : plan_of(s, &v2, a, p, e);
}

#define AROUND(process_, rest_) \
	"{'process':{'args':['sh'],'cwd':'/'" process_ "},'root':{'path':'r'}" rest_ "}"
#define LINUX(rest_) ",'linux':{'namespaces':[{'type':'mount'},{'type':'pid'}]" rest_ "}"

static const char *refusal(const char *text)
{
	static struct err said;
	auto_arena *a = arena_new(8 << 20);
	struct plan p;
	said = (struct err){ 0 };
	return plan_text(text, a, &p, &said) == 0 ? "(planned)" : said.msg;
}

static void what_cannot_be_done_is_refused_before_anything_is(void)
{
	has_str(refusal(AROUND("", ",'linux':{'namespaces':[{'type':'user'}],'uidMappings':["
				   "{'size':1}],'gidMappings':[{'size':1}]}")),
		"a user namespace needs a mount namespace");
	has_str(refusal(AROUND(",'rlimits':[{'type':'RLIMIT_FUN','hard':1,'soft':1}]", LINUX(""))),
		"unknown limit 'RLIMIT_FUN'");
	has_str(refusal(AROUND("", LINUX(",'rootfsPropagation':'sideways'"))), "'sideways'");
	has_str(refusal(AROUND("", ",'mounts':[{'destination':'/x','type':'bind',"
				   "'options':['bind']}]" LINUX(""))),
		"a bind mount needs a source");
	has_str(refusal(AROUND("", LINUX(",'seccomp':{'defaultAction':'SCMP_ACT_PRAY'}"))),
		"SCMP_ACT_PRAY");
	has_str(refusal(AROUND("", LINUX(",'devices':[{'type':'z','path':'/dev/z'}]"))),
		"none of c b u p");
}

static size_t index_of(const struct plan *p, enum op_kind kind)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].kind == kind)
			return i;
	return p->n;
}

/* What OP_CGROUP comes just before. */
static const char *joined_before(const char *text, struct arena *a)
{
	const struct spec *s;
	struct plan p;
	struct err e = { 0 };
	is_int(spec_text(text, a, &s, &e), 0);
	is_int(plan_late(s, &v1, a, &p, &e), 0);
	is_int(p.clone_flags, CLONE_NEWPID);
	is_int(p.v[0].kind, OP_UNSHARE);
	is_int(p.v[0].flags, CLONE_NEWNS);
	size_t at = index_of(&p, OP_CGROUP) + 1;
	ok(at < p.n && index_of(&p, OP_READY) > at);
	if (at < p.n && p.v[at].kind == OP_UNSHARE && p.v[at].flags == CLONE_NEWCGROUP)
		at++;
	return at < p.n ? p.v[at].what : "(never)";
}

static void cgroups_made_late_are_joined_before_what_needs_them(void)
{
	auto_arena *a = arena_new(8 << 20);
	is_str(joined_before(AROUND("", LINUX("")), a), "make the root file system /");
	is_str(joined_before(AROUND("", ",'hooks':{'createRuntime':[{'path':'/h'}]}" LINUX("")), a),
	       "make device /dev/null");
	is_str(joined_before(AROUND("", ",'mounts':[{'destination':'/a','type':'tmpfs','options':"
					"['tmpcopyup']},{'destination':'/c','type':'cgroup'}]"
					",'linux':{'namespaces':[{'type':'mount'},{'type':'pid'},"
					"{'type':'cgroup'}]}"),
			     a),
	       "mount tmpfs (tmpfs) on /a");
	is_str(joined_before(AROUND("", ",'mounts':[{'destination':'/c','type':'cgroup'}]"
					",'linux':{'namespaces':[{'type':'mount'},{'type':'pid'},"
					"{'type':'cgroup'}]}"),
			     a),
	       "mount cgroup on /c");
}

static void a_unified_cgroup_is_born_in_and_shown_at_its_turn_its_devices_are_waited_for(void)
{
	auto_arena *a = arena_new(8 << 20);
	const struct spec *s;
	struct plan p;
	struct err e = { 0 };
	is_int(spec_text(AROUND("", ",'mounts':[{'destination':'/c','type':'cgroup2'}],'linux':"
				    "{'namespaces':[{'type':'mount'},{'type':'cgroup'}]}"),
			 a, &s, &e),
	       0);
	is_int(plan_late(s, &v2, a, &p, &e), 0);
	is_int(p.v[0].flags, CLONE_NEWNS | CLONE_NEWCGROUP);
	is_int(index_of(&p, OP_MADE), p.n);
	ok(index_of(&p, OP_MOUNT) < index_of(&p, OP_MKNOD));
	ok(index_of(&p, OP_MKNOD) < index_of(&p, OP_CGROUP));
	ok(index_of(&p, OP_CGROUP) < index_of(&p, OP_PIVOT));
}

/* What comes before the cgroups are waited for, to be shown at /s/c. */
static const char *shown_after(const char *mounts, const char *more, struct arena *a)
{
	const struct spec *s;
	struct plan p;
	struct err e = { 0 };
	char *text = arena_printf(a, AROUND("", ",'mounts':[%s]" LINUX("%s")), mounts, more);
	is_int(spec_text(text, a, &s, &e), 0);
	is_int(plan_late(s, &v1, a, &p, &e), 0);
	size_t at = index_of(&p, OP_MADE);
	ok(at > 0 && at < p.n && !strcmp(p.v[at + 1].what, "mount cgroup on /s/c"));
	return at > 0 && at < p.n ? p.v[at - 1].what : "(never)";
}

static void cgroups_made_late_are_shown_last_unless_that_would_cover_something(void)
{
	auto_arena *a = arena_new(8 << 20);
	const char *shown = "{'destination':'/s','type':'sysfs'},"
			    "{'destination':'/s/c','type':'cgroup'}",
		   *first = "mount sysfs (sysfs) on /s", *last = "mask /s/cd";
	is_str(shown_after(shown, ",'maskedPaths':['/s/cd']", a), last);
	is_str(shown_after(arena_printf(a, "%s,{'destination':'/t','type':'tmpfs'}", shown),
			   ",'maskedPaths':['/s/cd']", a),
	       last);
	is_str(shown_after(shown, ",'maskedPaths':['/s/c/cpu']", a), first);
	is_str(shown_after(shown, ",'readonlyPaths':['/s']", a), first);
	is_str(shown_after(shown, ",'readonlyPaths':['/']", a), first);
	is_str(shown_after(shown, ",'readonlyPaths':['/t/../s/c']", a), first);
	is_str(shown_after(arena_printf(a, "%s,{'destination':'/s/c/x','type':'tmpfs'}", shown), "",
			   a),
	       first);
	is_str(shown_after(shown, ",'devices':[{'type':'c','path':'/s/c','major':1,'minor':3}]", a),
	       first);
}

static void a_filter_comes_last_when_no_new_privileges_allow_it_and_before_the_user_else(void)
{
	auto_arena *a = arena_new(8 << 20);
	struct plan p;
	struct err e = { 0 };
	is_int(plan_text(AROUND(",'noNewPrivileges':true",
				LINUX(",'seccomp':{'defaultAction':'SCMP_ACT_ALLOW'}")),
			 a, &p, &e),
	       0);
	is_int(index_of(&p, OP_SECCOMP), p.n - 2);
	is_int(plan_text(AROUND("", LINUX(",'seccomp':{'defaultAction':'SCMP_ACT_ALLOW'}")), a, &p,
			 &e),
	       0);
	ok(index_of(&p, OP_SECCOMP) < index_of(&p, OP_USER));
	is_int(p.v[p.n - 1].kind, OP_EXEC);
}

static void a_user_namespace_is_joined_before_the_others(void)
{
	auto_arena *a = arena_new(8 << 20);
	struct plan p;
	struct err e = { 0 };
	is_int(plan_text(AROUND("", ",'linux':{'namespaces':[{'type':'mount'},"
				    "{'type':'network','path':'/n'},{'type':'user','path':'/u'},"
				    "{'type':'pid','path':'/p'}]}"),
			 a, &p, &e),
	       0);
	is_str(p.v[index_of(&p, OP_JOIN)].path, "/n");
	is_str(p.pid_ns_path, "/p");
	is_str(p.user_ns_path, "/u"); /* by whoever gives birth */
	ok(p.v[index_of(&p, OP_MKNOD)].device.bind);
}

static void a_program_is_looked_for_along_the_containers_own_path(void)
{
	auto_arena *a = arena_new(8 << 20);
	struct plan p;
	struct err e = { 0 };
	is_int(plan_text(AROUND(",'env':['PATH=/a::/b']", LINUX("")), a, &p, &e), 0);
	const char *const *paths = p.v[index_of(&p, OP_FIND)].exec.paths;
	is_str(paths[0], "/a/sh");
	is_str(paths[1], "./sh");
	is_str(paths[2], "/b/sh");
	is_str(paths[3], NULL);
}

static void a_sysctl_name_becomes_a_path_with_its_slashes_as_dots(void)
{
	auto_arena *a = arena_new(8 << 20);
	struct plan p;
	struct err e = { 0 };
	is_int(plan_text(AROUND("", ",'linux':{'namespaces':[{'type':'mount'},{'type':'network'}],"
				    "'sysctl':{'net.ipv4.conf.eth0/1.x':'1'}}"),
			 a, &p, &e),
	       0);
	is_str(p.v[index_of(&p, OP_SYSCTL)].path, "net/ipv4/conf/eth0.1/x");
}

static void recursive_options_reach_all_below_a_mount(void)
{
	auto_arena *a = arena_new(8 << 20);
	struct plan p;
	struct err e = { 0 };
	is_int(plan_text(AROUND("", ",'mounts':[{'destination':'/x','source':'/y','options':"
				    "['rbind','rro','noatime','rshared']}]" LINUX("")),
			 a, &p, &e),
	       0);
	const struct op_mount *m = &p.v[index_of(&p, OP_MOUNT)].mount;
	is_int(m->set_recursive, 1);
	is_int(m->set, 0x10);
	is_int(m->clear, 0x2000ff); /* all that is not asked for */
	ok(m->recursive);
	ok(!m->type);
}

/* What options of a mount become. */
struct words {
	const char *options; /* as JSON */
	const char *type;    /* NULL: a bind */
	uint64_t set, clear, set_recursive, clear_recursive;
	unsigned long super;
	uint64_t propagation[4];
};

static const struct words words[] = {
	{ "'ro'", "tmpfs", 1, 0, 0, 0, 0, { 0 } },
	{ "'rw'", "tmpfs", 0, 1, 0, 0, 0, { 0 } },
	{ "'ro','rw'", "tmpfs", 0, 1, 0, 0, 0, { 0 } },
	{ "'rw','ro'", "tmpfs", 1, 0, 0, 0, 0, { 0 } },
	{ "'nosuid','nodev','noexec'", "tmpfs", 0xe, 0, 0, 0, 0, { 0 } },
	{ "'suid','dev','exec'", "tmpfs", 0, 0xe, 0, 0, 0, { 0 } },
	{ "'nosymfollow','nodiratime'", "tmpfs", 0x200080, 0, 0, 0, 0, { 0 } },
	{ "'symfollow','diratime'", "tmpfs", 0, 0x200080, 0, 0, 0, { 0 } },
	{ "'noatime'", "tmpfs", 0x10, 0x70, 0, 0, 0, { 0 } },
	{ "'noatime','relatime'", "tmpfs", 0, 0x70, 0, 0, 0, { 0 } },
	{ "'atime'", "tmpfs", 0, 0x70, 0, 0, 0, { 0 } },
	{ "'norelatime'", "tmpfs", 0, 0x70, 0, 0, 0, { 0 } },
	{ "'strictatime'", "tmpfs", 0x20, 0x70, 0, 0, 0, { 0 } },
	{ "'strictatime','nostrictatime'", "tmpfs", 0, 0x70, 0, 0, 0, { 0 } },
	{ "'rro','rnosuid','rnodev','rnoexec'", "tmpfs", 0, 0, 0xf, 0, 0, { 0 } },
	{ "'rrw','rsuid','rdev','rexec'", "tmpfs", 0, 0, 0, 0xf, 0, { 0 } },
	{ "'rnosymfollow','rnodiratime'", "tmpfs", 0, 0, 0x200080, 0, 0, { 0 } },
	{ "'rsymfollow','rdiratime'", "tmpfs", 0, 0, 0, 0x200080, 0, { 0 } },
	{ "'rnoatime'", "tmpfs", 0, 0, 0x10, 0x70, 0, { 0 } },
	{ "'rstrictatime'", "tmpfs", 0, 0, 0x20, 0x70, 0, { 0 } },
	{ "'rrelatime'", "tmpfs", 0, 0, 0, 0x70, 0, { 0 } },
	{ "'ratime','rnorelatime','rnostrictatime'", "tmpfs", 0, 0, 0, 0x70, 0, { 0 } },
	{ "'sync','dirsync','lazytime','mand','iversion','acl','silent'",
	  "tmpfs",
	  0,
	  0,
	  0,
	  0,
	  MS_SYNCHRONOUS | MS_DIRSYNC | MS_LAZYTIME | MS_MANDLOCK | MS_I_VERSION | MS_POSIXACL |
		  MS_SILENT,
	  { 0 } },
	{ "'sync','lazytime','mand','iversion','acl','silent','async','nolazytime','nomand',"
	  "'noiversion','noacl','loud'",
	  "tmpfs",
	  0,
	  0,
	  0,
	  0,
	  0,
	  { 0 } },
	{ "'defaults',''", "tmpfs", 0, 0, 0, 0, 0, { 0 } },
	{ "'private'", "tmpfs", 0, 0, 0, 0, 0, { MS_PRIVATE } },
	{ "'slave','rshared'", "tmpfs", 0, 0, 0, 0, 0, { MS_SLAVE, MS_SHARED | MS_REC } },
	{ "'bind','unbindable'", NULL, 0, 0, 0, 0, 0, { MS_SLAVE | MS_REC, MS_UNBINDABLE } },
	{ "'rbind','rslave','shared','private','runbindable'",
	  NULL,
	  0,
	  0,
	  0,
	  0,
	  0,
	  { MS_SLAVE | MS_REC, MS_SLAVE | MS_REC, MS_SHARED, MS_UNBINDABLE | MS_REC } },
};

static void every_word_of_a_mount_has_its_meaning(void)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		auto_arena *a = arena_new(8 << 20);
		const struct words *w = &words[i];
		struct plan p;
		struct err e = { 0 };
		const char *text = arena_printf(
			a,
			AROUND("", ",'mounts':[{'destination':'/x','type':'tmpfs','source':'/y',"
				   "'options':[%s]}]" LINUX("")),
			w->options);
		is_int(plan_text(text, a, &p, &e), 0);
		const struct op_mount *m = &p.v[index_of(&p, OP_MOUNT)].mount;
		is_str(m->type, w->type);
		is_int(m->set, w->set);
		is_int(m->clear, w->clear);
		is_int(m->set_recursive, w->set_recursive);
		is_int(m->clear_recursive, w->clear_recursive);
		is_int(m->super, w->super);
		is_int(m->options.n, 0);
		ok(!memcmp(m->propagation, w->propagation, sizeof(w->propagation)));
	}
}

static void what_is_no_word_is_the_file_system_s_own(void)
{
	auto_arena *a = arena_new(8 << 20);
	struct plan p;
	struct err e = { 0 };
	is_int(plan_text(AROUND("", ",'mounts':[{'destination':'/x','type':'tmpfs','source':'/y',"
				    "'options':['size=1k','tmpcopyup','flag','a=b=c','remount']},"
				    "{'destination':'/x','type':'tmpfs','source':'/y','options':["
				    "'mode=755']}]" LINUX("")),
			 a, &p, &e),
	       0);
	const struct op_mount *m = &p.v[index_of(&p, OP_RECONFIGURE)].mount;
	is_int(m->options.n, 3);
	is_str(m->options.v[0].key, "size");
	is_str(m->options.v[0].value, "1k");
	is_str(m->options.v[1].key, "flag");
	is_str(m->options.v[1].value, NULL);
	is_str(m->options.v[2].value, "b=c");
	ok(m->copy_up && m->remount);
	is_int(p.v[index_of(&p, OP_MOUNT)].mount.options.n, 1);
}

static void the_last_value_of_a_name_is_the_one_that_a_program_gets(void)
{
	auto_arena *a = arena_new(8 << 20);
	struct plan p;
	struct err e = { 0 };
	is_int(plan_text(AROUND(",'env':['A=1','AB=2','A=','A=3','C=4']", LINUX("")), a, &p, &e),
	       0);
	const char *const *env = p.v[index_of(&p, OP_EXEC)].exec.envp;
	is_str(env[0], "AB=2");
	is_str(env[1], "A=3");
	is_str(env[2], "C=4");
	is_str(env[3], NULL);
}

static void an_exec_has_the_containers_keyring_and_not_the_callers(void)
{
	auto_arena *a = arena_new(8 << 20);
	const struct spec *s = read_spec("runc-spec.json", a);
	struct plan p;
	struct err e = { 0 };
	is_int(plan_exec(&(struct plan_joining){ .process = s->process, .spec = s, .id = "c1" }, a,
			 &p, &e),
	       0);
	is_str(p.v[index_of(&p, OP_SESSION)].path, "_ses.c1");
}

int main(void)
{
	test(the_plan_of_a_spec_of_runc_is_as_it_was_found_right);
	test(a_rootless_spec_binds_the_devices_it_may_not_make);
	test(what_cannot_be_done_is_refused_before_anything_is);
	test(cgroups_made_late_are_joined_before_what_needs_them);
	test(a_unified_cgroup_is_born_in_and_shown_at_its_turn_its_devices_are_waited_for);
	test(cgroups_made_late_are_shown_last_unless_that_would_cover_something);
	test(a_filter_comes_last_when_no_new_privileges_allow_it_and_before_the_user_else);
	test(a_user_namespace_is_joined_before_the_others);
	test(a_program_is_looked_for_along_the_containers_own_path);
	test(a_sysctl_name_becomes_a_path_with_its_slashes_as_dots);
	test(recursive_options_reach_all_below_a_mount);
	test(every_word_of_a_mount_has_its_meaning);
	test(what_is_no_word_is_the_file_system_s_own);
	test(the_last_value_of_a_name_is_the_one_that_a_program_gets);
	test(an_exec_has_the_containers_keyring_and_not_the_callers);
	return done_testing();
}

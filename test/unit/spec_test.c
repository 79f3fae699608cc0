/* spec_test.c - config.json: what is read, refused and written. */
#include "tap.h"

#include "base/file.h"
#include "oci/spec.h"

#include <fcntl.h>

#define NS	"'namespaces':[{'type':'mount'},{'type':'uts'},{'type':'pid'}]"
#define PROCESS "'process':{'args':['sh'],'cwd':'/'}"
#define ROOT	"'root':{'path':'rootfs'}"
#define REST	ROOT ",'linux':{" NS "}"

/* Parses text with ' for "; the code, and the message in msg. */
static int parse(const char *text, struct arena *a, const struct spec **out, struct err *e)
{
	char *t = arena_str(a, text);
	for (char *p = t; (p = strchr(p, '\''));)
		*p = '"';
	return spec_parse(t, strlen(t), a, out, e);
}

static struct err said; /* by the last refusal */

static const char *refusal(const char *text)
{
	auto_arena *a = arena_new(1 << 20);
	const struct spec *s = NULL;
	said = (struct err){ 0 };
	return parse(text, a, &s, &said) == 0 ? "(accepted)" : said.msg;
}

static void what_cannot_be_meant_is_refused_by_name(void)
{
	is_str(refusal("{" REST "}"), "process: missing");
	is_int(said.code, EINVAL);
	is_str(refusal("{'process':{'cwd':'/'}," REST "}"), "process.args: missing");
	is_str(refusal("{'process':{'args':[],'cwd':'/'}," REST "}"), "process.args: missing");
	is_str(refusal("{'process':{'args':['a']}," REST "}"), "process.cwd: missing");
	is_str(refusal("{'process':{'args':['a'],'cwd':'x'}," REST "}"),
	       "process.cwd: 'x' is not an absolute path");
	is_str(refusal("{" PROCESS "}"), "root: missing");
	is_str(refusal("{" PROCESS ",'root':{}}"), "root.path: missing");
	is_str(refusal("{" PROCESS "," REST ",'mounts':[{'type':'proc'}]}"),
	       "mounts[0].destination: missing");
	is_str(refusal("{" PROCESS "," REST ",'hooks':{'poststop':[{'path':'x'}]}}"),
	       "hooks.poststop[0].path: 'x' is not an absolute path");
	is_str(refusal("{" PROCESS "," REST ",'hooks':{'poststop':[{}]}}"),
	       "hooks.poststop[0].path: missing");
}

static void wrong_types_are_refused_by_name(void)
{
	is_str(refusal("{'process':{'args':'sh','cwd':'/'}," REST "}"),
	       "process.args: expected a list of strings");
	is_str(refusal("{'process':{'args':['sh',1],'cwd':'/'}," REST "}"),
	       "process.args[1]: expected a string");
	is_str(refusal("{'process':{'user':{'uid':4294967296}}," REST "}"),
	       "process.user.uid: out of range");
	is_str(refusal("{'process':{'user':{'uid':-1}}," REST "}"),
	       "process.user.uid: out of range");
	is_str(refusal("{'process':{'user':{'uid':1.5}}," REST "}"),
	       "process.user.uid: expected a whole number");
	is_str(refusal("[]"), "the document: expected an object");
	is_str(refusal("{'a':1"), "not valid JSON at line 1, column 6");
	is_str(refusal(""), "not valid JSON at line 1, column 1");
}

static void namespaces_are_known_and_given_once(void)
{
	is_str(refusal("{" PROCESS "," ROOT ",'linux':{'namespaces':[{'type':'mnt'}]}}"),
	       "linux.namespaces[0].type: 'mnt' is unknown");
	is_str(refusal("{" PROCESS "," ROOT
		       ",'linux':{'namespaces':[{'type':'pid'},{'type':'pid','path':'/x'}]}}"),
	       "linux.namespaces[1]: pid is given twice");
	is_str(refusal("{" PROCESS "," ROOT ",'linux':{'namespaces':[{'type':'pid','path':'x'}]}}"),
	       "linux.namespaces[0].path: 'x' is not an absolute path");
	is_str(refusal("{" PROCESS "," ROOT ",'linux':{'namespaces':[{'type':'user'}],"
		       "'gidMappings':[{'containerID':0,'hostID':1,'size':1}]}}"),
	       "linux.uidMappings: missing, with a new user namespace");
	is_str(refusal("{" PROCESS "," ROOT ",'linux':{'namespaces':[{'type':'user'}],"
		       "'uidMappings':[{'containerID':0,'hostID':1,'size':1}]}}"),
	       "linux.gidMappings: missing, with a new user namespace");
	is_str(refusal("{" PROCESS "," ROOT ",'hostname':'x'}"),
	       "hostname: needs a uts namespace of the container's own");
	is_str(refusal("{" PROCESS "," ROOT ",'linux':{'maskedPaths':['/a']}}"),
	       "linux.maskedPaths: needs a mount namespace of the container's own");
}

static void ids_beyond_the_last_are_refused(void)
{
	is_str(refusal("{" PROCESS "," ROOT ",'linux':{'namespaces':[{'type':'user'}],"
		       "'uidMappings':[{'containerID':0,'hostID':4294967295,'size':2}]}}"),
	       "linux.uidMappings[0]: beyond the last id");
	is_str(refusal("{" PROCESS "," ROOT ",'linux':{'namespaces':[{'type':'user'}],"
		       "'gidMappings':[{'containerID':0,'hostID':1,'size':0}]}}"),
	       "linux.gidMappings[0].size: must not be 0");
	is_str(refusal("{'process':{'args':['x'],'cwd':'/','user':{'uid':4294967295}}," ROOT "}"),
	       "process.user: 4294967295 is no id");
	is_str(refusal("{'process':{'args':['x'],'cwd':'/','user':{'gid':4294967295}}," ROOT "}"),
	       "process.user: 4294967295 is no id");
}

static void a_sysctl_of_the_whole_machine_is_refused(void)
{
	is_str(refusal("{" PROCESS "," ROOT ",'linux':{'sysctl':{'vm.swappiness':'1'}," NS "}}"),
	       "linux.sysctl: vm.swappiness is the whole machine's, not a namespace's");
	is_str(refusal("{" PROCESS "," ROOT ",'linux':{'sysctl':{'net.ipv4.ip_forward':'1'}," NS
		       "}}"),
	       "linux.sysctl: net.ipv4.ip_forward needs a network namespace of the "
	       "container's own");
	is_str(refusal("{" PROCESS "," ROOT
		       ",'linux':{'sysctl':{'net/ipv4/conf/eth0.1/forwarding':'1'},"
		       "'namespaces':[{'type':'network'}]}}"),
	       "(accepted)");
	is_str(refusal("{" PROCESS "," ROOT ",'linux':{'sysctl':{'net/../vm/swappiness':'1'},"
		       "'namespaces':[{'type':'network'}]}}"),
	       "linux.sysctl: net/../vm/swappiness is not a name");
}

static void devices_have_numbers_and_owners_of_the_kernel_s(void)
{
	is_str(refusal("{" PROCESS "," ROOT ",'linux':{'devices':[{'path':'/d','type':'c',"
		       "'major':4294967297,'minor':3}]}}"),
	       "linux.devices[0]: no device is 4294967297:3");
	is_str(refusal("{" PROCESS "," ROOT ",'linux':{'devices':[{'path':'/d','type':'c',"
		       "'major':1,'minor':-3}]}}"),
	       "linux.devices[0]: no device is 1:-3");
	is_str(refusal("{" PROCESS "," ROOT ",'linux':{'devices':[{'path':'/d','type':'c',"
		       "'major':1,'minor':3,'uid':4294967296}]}}"),
	       "linux.devices[0]: its owner is no id");
}

static void device_rules_are_checked(void)
{
	is_str(refusal("{" PROCESS "," ROOT ",'linux':{'devices':[{'path':'/dev/x','type':'q'}]}}"),
	       "linux.devices[0].type: 'q' is none of c b u p");
	is_str(refusal("{" PROCESS "," ROOT
		       ",'linux':{'resources':{'devices':[{'allow':true,'access':'rwx'}]}}}"),
	       "linux.resources.devices[0].access: 'rwx' is not of r w m");
	is_str(refusal("{" PROCESS "," ROOT
		       ",'linux':{'resources':{'devices':[{'allow':true,'access':'rwa'}]}}}"),
	       "(accepted)");
}

static void versions_up_to_ours_may_run(void)
{
	is_int(spec_check_version("1.0.2-dev", NULL), 0);
	is_int(spec_check_version("1.0.0", NULL), 0);
	is_int(spec_check_version("1.2.1", NULL), 0);
	is_int(spec_check_version("1.0.0-rc5", NULL), 0);
	is_int(spec_check_version("0.5.0", NULL), 0);
	is_int(spec_check_version(NULL, NULL), 0);
	is_int(spec_check_version("2.0.0", NULL), -EINVAL);
	is_int(spec_check_version("1.0", NULL), -EINVAL);
	is_int(spec_check_version("1.0.2x", NULL), -EINVAL);
	is_int(spec_check_version("one", NULL), -EINVAL);
}

static void what_runc_accepts_is_accepted(void)
{
	auto_arena *a = arena_new(1 << 20);
	const struct spec *s = NULL;
	struct err e = { 0 };
	int rc = parse("{'ociVersion':'1.0.2-dev'," PROCESS "," ROOT
		       ",'mounts':[{'destination':'proc','type':'proc','options':null},"
		       "{'destination':'//m/./n..//','type':'tmpfs'}],"
		       "'hooks':null,'unknown':{'a':[1]},"
		       "'linux':{'namespaces':[{'type':'ipc','path':''}],"
		       "'resources':{'memory':{'limit':9223372036854771712,'swap':-1},"
		       "'pids':{'limit':7}}}}",
		       a, &s, &e);
	is_str(e.msg, "");
	is_int(rc, 0);
	if (rc < 0)
		return;
	is_str(s->mounts.v[0].destination, "/proc");
	is_str(s->mounts.v[1].destination, "/m/n..");
	is_str(spec_namespace(s, "ipc")->path, NULL);
	ok(!spec_namespace(s, "pid"));
	is_int(s->linux_->resources->memory->limit.v, 9223372036854771712);
	is_int(s->linux_->resources->memory->swap.v, -1);
	is_int(s->linux_->resources->pids_limit.v, 7);
	ok(!s->linux_->resources->memory->reservation.set);
	ok(!s->process->args.v[1]);
	ok(!s->hooks);
}

static void without_a_linux_part_there_is_an_empty_one(void)
{
	auto_arena *a = arena_new(1 << 20);
	const struct spec *s = NULL;
	is_int(parse("{" PROCESS "," ROOT "}", a, &s, NULL), 0);
	ok(s && s->linux_ && !s->linux_->namespaces.n && !s->linux_->resources);
}

static void no_processes_are_a_limit_since_the_spec_says_so(void)
{
	static const struct {
		const char *version;
		bool limit;
	} cases[] = {
		{ "1.0.2-dev", false }, { "1.2.1", false }, { "1.3.0", true }, { "1.10.0", true }
	};
	auto_arena *a = arena_new(1 << 20);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct spec *s = NULL;
		char text[512];
		snprintf(text, sizeof(text),
			 "{'ociVersion':'%s'," PROCESS "," ROOT
			 ",'linux':{'resources':{'pids':{'limit':0}}}}",
			 cases[i].version);
		is_int(parse(text, a, &s, NULL), 0);
		is_int(s && s->linux_->resources->pids_limit.set, cases[i].limit);
	}
}

/* Every field that the tables know. */
static const char everything[] =
	"{'ociVersion':'1.3.0','process':{'terminal':true,'consoleSize':{'height':1,'width':2},"
	"'user':{'uid':1,'gid':2,'umask':18,'additionalGids':[3,4294967295],'username':'u'},"
	"'args':['a','b'],'env':['A=B'],'cwd':'/c','capabilities':{'bounding':['CAP_KILL'],"
	"'effective':['CAP_KILL'],'inheritable':['CAP_KILL'],'permitted':['CAP_KILL'],"
	"'ambient':['CAP_KILL']},'rlimits':[{'type':'RLIMIT_CORE','hard':18446744073709551615,"
	"'soft':0}],'noNewPrivileges':true,'apparmorProfile':'p','oomScoreAdj':-1,"
	"'scheduler':{'policy':'SCHED_DEADLINE','nice':3,'flags':['SCHED_FLAG_RECLAIM'],"
	"'runtime':5,"
	"'deadline':6,'period':7},'selinuxLabel':'l','ioPriority':{'class':'IOPRIO_CLASS_IDLE',"
	"'priority':0},'execCPUAffinity':{'initial':'0','final':'1'}},"
	"'root':{'path':'r','readonly':true},'hostname':'h','domainname':'d',"
	"'mounts':[{'destination':'/m','type':'t','source':'s','options':['o'],"
	"'uidMappings':[{'containerID':0,'hostID':1,'size':2}],"
	"'gidMappings':[{'containerID':0,'hostID':1,'size':2}]}],"
	"'hooks':{'prestart':[{'path':'/1','args':['a'],'env':['e'],'timeout':1}],"
	"'createRuntime':[{'path':'/2'}],'createContainer':[{'path':'/3'}],"
	"'startContainer':[{'path':'/4'}],'poststart':[{'path':'/5'}],'poststop':[{'path':'/6'}]},"
	"'annotations':{'k':'v','k2':''},"
	"'linux':{'uidMappings':[{'containerID':0,'hostID':5,'size':6}],"
	"'gidMappings':[{'containerID':0,'hostID':5,'size':6}],'sysctl':{'kernel.sem':'1 2'},"
	"'resources':{'unified':{'memory.high':'1'},"
	"'devices':[{'allow':true,'type':'c','major':1,'minor':2,'access':'r'}],"
	"'memory':{'limit':1,'reservation':2,'swap':3,'kernel':4,'kernelTCP':5,'swappiness':6,"
	"'disableOOMKiller':false,'useHierarchy':true,'checkBeforeUpdate':true},"
	"'cpu':{'shares':1,'quota':-1,'burst':2,'period':3,'realtimeRuntime':4,"
	"'realtimePeriod':5,'cpus':'0-1','mems':'0','idle':1},'pids':{'limit':0},"
	"'blockIO':{'weight':10,'leafWeight':11,"
	"'weightDevice':[{'major':8,'minor':0,'weight':12,'leafWeight':13}],"
	"'throttleReadBpsDevice':[{'major':8,'minor':0,'rate':1}],"
	"'throttleWriteBpsDevice':[{'major':8,'minor':0,'rate':2}],"
	"'throttleReadIOPSDevice':[{'major':8,'minor':0,'rate':3}],"
	"'throttleWriteIOPSDevice':[{'major':8,'minor':0,'rate':4}]},"
	"'hugepageLimits':[{'pageSize':'2MB','limit':0}],"
	"'network':{'classID':1,'priorities':[{'name':'lo','priority':0}]},"
	"'rdma':{'mlx5_1':{'hcaHandles':3,'hcaObjects':10}}},'cgroupsPath':'/c',"
	"'namespaces':[{'type':'mount'},{'type':'uts'},{'type':'ipc','path':'/p'},"
	"{'type':'user'},{'type':'time'},{'type':'network'}],"
	"'devices':[{'path':'/dev/a','type':'c','major':0,'minor':9,'fileMode':432,'uid':0,"
	"'gid':1}],'seccomp':{'defaultAction':'SCMP_ACT_ERRNO','defaultErrnoRet':38,"
	"'architectures':['SCMP_ARCH_X86_64'],'flags':['SECCOMP_FILTER_FLAG_LOG'],"
	"'listenerPath':'/l','listenerMetadata':'m','syscalls':[{'names':['read'],"
	"'action':'SCMP_ACT_ALLOW','errnoRet':1,'args':[{'index':0,'value':2,'valueTwo':3,"
	"'op':'SCMP_CMP_EQ'}]}]},'rootfsPropagation':'slave','maskedPaths':['/a'],"
	"'readonlyPaths':['/b'],'mountLabel':'x','personality':{'domain':'LINUX32',"
	"'flags':['f']},'netDevices':{'eth0':{'name':'e0'},'eth1':{}},"
	"'memoryPolicy':{'mode':'MPOL_BIND','nodes':'0-1','flags':['MPOL_F_STATIC_NODES']},"
	"'intelRdt':{'closID':'c','schemata':['L2:0=f'],'l3CacheSchema':'L3:0=f',"
	"'memBwSchema':'MB:0=10','enableMonitoring':true},"
	"'timeOffsets':{'boottime':{'secs':-1,'nanosecs':2}}}}";

static void every_field_survives_writing_and_reading(void)
{
	auto_arena *a = arena_new(1 << 20);
	const struct spec *s = NULL;
	struct err e = { 0 };
	auto_buf out = { 0 };
	char *text = arena_str(a, everything);
	for (char *p = text; (p = strchr(p, '\''));)
		*p = '"';
	is_int(parse(everything, a, &s, &e), 0);
	is_str(e.msg, "");
	if (!s)
		return;
	spec_write(s, 0, &out);
	is_str(out.p, text);
	is_int(s->process->rlimits.v[0].hard == UINT64_MAX, 1);
	is_str(s->linux_->time_offsets.v[0].key, "boottime");
}

static void the_default_is_what_runc_prints(void)
{
	static const char *const files[] = { "test/data/spec/runc-spec.json",
					     "test/data/spec/runc-spec-rootless.json" };
	for (int rootless = 0; rootless < 2; rootless++) {
		auto_arena *a = arena_new(1 << 20);
		auto_buf theirs = { 0 }, ours = { 0 };
		struct spec_default_options o = { .rootless = rootless };
		const struct spec *again = NULL;
		struct spec *s = NULL;
		struct err e = { 0 };
		is_int(file_read(AT_FDCWD, files[rootless], &theirs, &e), 0);
		is_int(spec_default(&o, a, &s, &e), 0);
		is_str(e.msg, "");
		if (!s || !theirs.p)
			return;
		spec_write(s, JSON_TABS, &ours);
		is_str(ours.p, theirs.p);
		is_int(spec_parse(ours.p, ours.len, a, &again, &e), 0);
		is_str(e.msg, "");
	}
}

static void a_default_for_v2_has_a_cgroup_namespace(void)
{
	for (int rootless = 0; rootless < 2; rootless++) {
		auto_arena *a = arena_new(1 << 20);
		auto_buf types = { 0 };
		struct spec_default_options o = { .rootless = rootless, .unified = true };
		struct spec *s = NULL;
		is_int(spec_default(&o, a, &s, NULL), 0);
		for (size_t i = 0; s && i < s->linux_->namespaces.n; i++)
			buf_printf(&types, "%s ", s->linux_->namespaces.v[i].type);
		is_str(types.p, rootless ? "pid ipc uts mount cgroup user "
					 : "pid network ipc uts mount cgroup ");
	}
}

static void a_rootless_default_maps_the_caller(void)
{
	auto_arena *a = arena_new(1 << 20);
	struct spec *s = NULL;
	is_int(spec_default(&(struct spec_default_options){ true, 1000, 1001 }, a, &s, NULL), 0);
	ok(s && s->linux_->uid_mappings.v[0].host_id == 1000);
	ok(s && s->linux_->gid_mappings.v[0].host_id == 1001);
}

static const char *root_of(const char *path, struct arena *a)
{
	const struct spec *s = NULL;
	int rc = parse(arena_printf(a, "{'root':{'path':'%s'}," PROCESS ",'linux':{" NS "}}", path),
		       a, &s, &said);
	return rc < 0 ? said.msg : s->root->path;
}

static void two_dots_of_a_root_path_take_back_the_step_before(void)
{
	static const char *const paths[][2] = {
		{ "rootfs", "rootfs" },
		{ "./rootfs/", "./rootfs/" },
		{ "a/../rootfs", "rootfs" },
		{ "a/b/../../rootfs", "rootfs" },
		{ "a/./..//rootfs/.", "rootfs" },
		{ "../rootfs", "../rootfs" },
		{ "a/../../rootfs", "../rootfs" },
		{ "../../a/../b", "../../b" },
		{ "..", ".." },
		{ "a/..", "." },
		{ "/a/../b", "/b" },
		{ "/../b/c/..", "/b" },
		{ "/a/..", "/" },
		{ "/x/..y/.../z", "/x/..y/.../z" },
	};
	auto_arena *a = arena_new(1 << 20);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		is_str(root_of(paths[i][0], a), paths[i][1]);
}

static void a_process_alone_is_checked_too(void)
{
	auto_arena *a = arena_new(1 << 20);
	const struct spec_process *p = NULL;
	struct err e = { 0 };
	const char good[] = "{\"args\":[\"id\"],\"cwd\":\"/\",\"terminal\":true}";
	is_int(spec_process_parse("{}", 2, a, &p, &e), -EINVAL);
	is_str(e.msg, "args: missing");
	is_int(spec_process_parse(good, strlen(good), a, &p, NULL), 0);
	ok(p && p->terminal);
}

static void a_missing_file_is_named(void)
{
	auto_arena *a = arena_new(1 << 20);
	const struct spec *s = NULL;
	struct err e = { 0 };
	is_int(spec_read(AT_FDCWD, "no/config.json", a, &s, &e), -ENOENT);
	has_str(e.msg, "no/config.json");
	is_int(spec_read(AT_FDCWD, "Makefile", a, &s, &e), -EINVAL);
	has_str(e.msg, "Makefile: not valid JSON at line 1");
	ok(!s);
}

static void a_small_arena_is_too_big_an_input(void)
{
	auto_arena *a = arena_new(16384), *b = arena_new(1);
	const struct spec *s = NULL;
	struct err e = { 0 };
	char *text = arena_str(a, everything);
	for (char *p = text; (p = strchr(p, '\''));)
		*p = '"';
	is_int(spec_parse(text, strlen(text), b, &s, &e), -E2BIG);
	ok(!s);
}

int main(void)
{
	test(what_cannot_be_meant_is_refused_by_name);
	test(wrong_types_are_refused_by_name);
	test(namespaces_are_known_and_given_once);
	test(ids_beyond_the_last_are_refused);
	test(a_sysctl_of_the_whole_machine_is_refused);
	test(devices_have_numbers_and_owners_of_the_kernel_s);
	test(device_rules_are_checked);
	test(versions_up_to_ours_may_run);
	test(what_runc_accepts_is_accepted);
	test(without_a_linux_part_there_is_an_empty_one);
	test(no_processes_are_a_limit_since_the_spec_says_so);
	test(every_field_survives_writing_and_reading);
	test(the_default_is_what_runc_prints);
	test(a_default_for_v2_has_a_cgroup_namespace);
	test(a_rootless_default_maps_the_caller);
	test(two_dots_of_a_root_path_take_back_the_step_before);
	test(a_process_alone_is_checked_too);
	test(a_missing_file_is_named);
	test(a_small_arena_is_too_big_an_input);
	return done_testing();
}

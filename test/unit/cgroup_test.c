/* cgroup_test.c - where cgroups go and what would be written there; touches none. */
#include "tap.h"

#include "box/cgroup.h"
#include "box/cgroup_inner.h"
#include "box/cgroup_plan.h"

static struct err said;

/* The path that a cgroupsPath of container c1 means, or the refusal. */
static const char *path_of(const char *spec, struct arena *a)
{
	char *out = NULL;
	said = (struct err){ 0 };
	return cgroup_subpath(spec, "c1", a, &out, &said) < 0 ? said.msg : out;
}

static void a_path_is_cleaned(void)
{
	auto_arena *a = arena_new(1 << 16);
	char *out;
	is_str(path_of(NULL, a), "/coracle-c1");
	is_str(path_of("", a), "/coracle-c1");
	is_str(path_of("/a//b/./c/", a), "/a/b/c");
	is_str(path_of("a/b", a), "/a/b");
	is_str(path_of("/a:b", a), "/a:b");
	is_str(path_of("/kube/a:b:c", a), "/kube/a:b:c");
	is_int(cgroup_subpath("/a", "c1", a, &out, NULL), CGROUP_ABSOLUTE);
	is_int(cgroup_subpath("a", "c1", a, &out, NULL), CGROUP_RELATIVE);
	is_int(cgroup_subpath(NULL, "c1", a, &out, NULL), CGROUP_ABSOLUTE);
	is_int(cgroup_subpath("a.slice:b:c", "c1", a, &out, NULL), CGROUP_ABSOLUTE);
}

static void a_path_cannot_leave_its_hierarchy(void)
{
	auto_arena *a = arena_new(1 << 16);
	is_str(path_of("/a/../../b", a), "linux.cgroupsPath: '/a/../../b' has '..' in it");
	is_str(path_of("..", a), "linux.cgroupsPath: '..' has '..' in it");
	is_str(path_of("/", a), "linux.cgroupsPath: '/' names no cgroup of its own");
	is_str(path_of("x.slice:p:../b", a),
	       "linux.cgroupsPath: 'x.slice:p:../b' has no name for the scope");
	is_str(path_of("/a/..b", a), "/a/..b");
}

static void the_systemd_form_becomes_slices_and_a_scope(void)
{
	auto_arena *a = arena_new(1 << 16);
	is_str(path_of("machine.slice:libpod:abc", a), "/machine.slice/libpod-abc.scope");
	is_str(path_of("a-b-c.slice:cri:x", a), "/a.slice/a-b.slice/a-b-c.slice/cri-x.scope");
	is_str(path_of(":cri:x", a), "/system.slice/cri-x.scope");
	is_str(path_of("-.slice::x", a), "/x.scope");
	has_str(path_of("m.slice:p:x.slice", a), "a container is a scope");
	is_str(path_of("a--b.slice:p:x", a),
	       "linux.cgroupsPath: 'a--b.slice' is not the name of a slice");
	is_str(path_of("a:p:x", a), "linux.cgroupsPath: 'a' is not the name of a slice");
}

static void located_paths_are_below_mounted_hierarchies(void)
{
	auto_arena *a = arena_new(1 << 20);
	struct cgroup cg = { 0 }, again = { 0 };
	struct strs paths = { 0 };
	struct err e = { 0 };
	is_int(cgroup_locate("/coracle-test-none", "c1", a, &cg, &e), 0);
	is_str(e.msg, "");
	ok(cg.n > 0);
	is_int(cgroup_paths(&cg, a, &paths), 0);
	is_int(cgroup_open(&paths, a, &again, &e), 0);
	is_int(again.n, cg.n);
	is_int(again.v2, cg.v2);
	for (size_t i = 0; i < again.n; i++) {
		has_str(cg.v[i].path, "/coracle-test-none");
		is_str(again.v[i].path, cg.v[i].path);
		is_str(again.v[i].controllers, cg.v[i].controllers);
		is_int(again.v[i].mount, cg.v[i].mount);
		is_int(again.v[i].fd, -1);
	}
	is_int(cgroup_remove(&again, &e), 0);
	is_int(cgroup_kill(&again, &e), 0);
	ok(!cgroup_frozen(&again));
	is_int(cgroup_oom_kills(&again), 0);
}

/* "file=value file=value " of one noun. */
static const char *plan(const char *controller, bool v2, const struct spec_resources *r,
			struct arena *a)
{
	auto_buf out = { 0 };
	struct limit_plan *p = arena_alloc(a, sizeof(*p));
	p->a = a;
	for (const struct limit_noun *n = limit_nouns; n->controller; n++)
		if (!strcmp(n->controller, controller))
			(v2 ? n->v2 : n->v1)(r, p);
	if (p->refused)
		return p->refused;
	for (size_t i = 0; i < p->n; i++)
		buf_printf(&out, "%s%s=%s%s%s%s", i ? ", " : "", p->v[i].file, p->v[i].value,
			   p->v[i].flags & LIMIT_DEFAULT ? " (default)" : "",
			   p->v[i].flags & LIMIT_OR_NEXT ? " (or)" : "",
			   p->v[i].flags & LIMIT_AFTER_NEXT ? " (after)" : "");
	return arena_str(a, out.p ? out.p : "");
}

static void memory_is_told_to_both_kinds(void)
{
	auto_arena *a = arena_new(1 << 20);
	struct spec_memory m = { .limit = { true, 1048576 }, .swap = { true, 2097152 } };
	struct spec_resources r = { .memory = &m };
	is_str(plan("memory", false, &r, a), "memory.limit_in_bytes=1048576 (after), "
					     "memory.memsw.limit_in_bytes=2097152");
	is_str(plan("memory", true, &r, a), "memory.swap.max=1048576, memory.max=1048576");
	m.swap.v = m.limit.v;
	is_str(plan("memory", true, &r, a), "memory.swap.max=0 (default), memory.max=1048576");
	m = (struct spec_memory){ .limit = { true, -1 } };
	is_str(plan("memory", false, &r, a), "memory.limit_in_bytes=-1 (default) (after), "
					     "memory.memsw.limit_in_bytes=-1 (default)");
	is_str(plan("memory", true, &r, a),
	       "memory.swap.max=max (default), memory.max=max (default)");
	m.swap = (struct opt_i64){ true, 300 };
	is_str(plan("memory", true, &r, a), "memory.swap.max=300, memory.max=max (default)");
	m = (struct spec_memory){ .reservation = { true, 5 }, .swappiness = { true, 0 } };
	is_str(plan("memory", false, &r, a), "memory.soft_limit_in_bytes=5, memory.swappiness=0");
	is_str(plan("memory", true, &r, a), "memory.low=5");
}

static void swap_that_nobody_named_is_limited_where_it_is_counted(void)
{
	auto_arena *a = arena_new(1 << 20);
	struct spec_memory m = { .limit = { true, 10 }, .swap_if_counted = { true, 20 } };
	struct spec_resources r = { .memory = &m };
	is_str(plan("memory", true, &r, a), "memory.swap.max=10 (default), memory.max=10");
	is_str(plan("memory", false, &r, a),
	       "memory.limit_in_bytes=10 (after), memory.memsw.limit_in_bytes=20 (default)");
	m.swap = (struct opt_i64){ true, 30 };
	is_str(plan("memory", true, &r, a), "memory.swap.max=20, memory.max=10");
}

static void swap_below_memory_is_refused_on_v2(void)
{
	auto_arena *a = arena_new(1 << 20);
	struct spec_memory m = { .limit = { true, 10 }, .swap = { true, 9 } };
	struct spec_resources r = { .memory = &m };
	has_str(plan("memory", true, &r, a), "it cannot be below memory.limit");
	m.limit.set = false;
	has_str(plan("memory", true, &r, a), "it needs a memory.limit");
	m = (struct spec_memory){ .swappiness = { true, 101 } };
	has_str(plan("memory", false, &r, a), "not within 0 and 100");
}

static void shares_that_the_kernel_would_bend_are_refused_on_v1(void)
{
	auto_arena *a = arena_new(1 << 20);
	struct spec_cpu c = { .shares = { true, 1 } };
	struct spec_resources r = { .cpu = &c };
	has_str(plan("cpu", false, &r, a), "not within 2 and 262144");
	c.shares.v = 262145;
	has_str(plan("cpu", false, &r, a), "not within 2 and 262144");
	c.shares.v = 262144;
	is_str(plan("cpu", false, &r, a), "cpu.shares=262144");
}

static void cpu_is_told_to_both_kinds(void)
{
	auto_arena *a = arena_new(1 << 20);
	struct spec_cpu c = { .shares = { true, 512 },
			      .quota = { true, 50000 },
			      .period = { true, 200000 },
			      .cpus = "0-1",
			      .mems = "0" };
	struct spec_resources r = { .cpu = &c };
	is_str(plan("cpu", false, &r, a), "cpu.shares=512, cpu.cfs_period_us=200000 (after), "
					  "cpu.cfs_quota_us=50000");
	is_str(plan("cpu", true, &r, a), "cpu.weight=59, cpu.max=50000 200000");
	is_str(plan("cpuset", true, &r, a), "cpuset.cpus=0-1, cpuset.mems=0");
	c = (struct spec_cpu){ .shares = { true, 2 }, .quota = { true, -1 } };
	is_str(plan("cpu", true, &r, a), "cpu.weight=1, cpu.max=max 100000 (default)");
	c.shares.v = 262144;
	is_str(plan("cpu", true, &r, a), "cpu.weight=10000, cpu.max=max 100000 (default)");
}

static void shares_become_weights(void)
{
	static const uint64_t pairs[][2] = { { 1, 1 },		{ 2, 1 },	  { 3, 2 },
					     { 102, 17 },	{ 512, 59 },	  { 1024, 100 },
					     { 2048, 174 },	{ 10240, 639 },	  { 262143, 10000 },
					     { 262144, 10000 }, { 262145, 10000 } };
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		is_int(cpu_weight(pairs[i][0]), pairs[i][1]);
}

static void the_idle_have_no_weight(void)
{
	auto_arena *a = arena_new(1 << 20);
	struct spec_cpu c = { .shares = { true, 1024 }, .idle = { true, 1 } };
	struct spec_resources r = { .cpu = &c };
	is_str(plan("cpu", true, &r, a), "cpu.weight=100 (default), cpu.idle=1");
	is_str(plan("cpu", false, &r, a), "cpu.shares=1024 (default), cpu.idle=1");
	c.idle.v = 0;
	is_str(plan("cpu", true, &r, a), "cpu.idle=0 (default), cpu.weight=100 (default)");
	is_str(plan("cpu", false, &r, a), "cpu.idle=0 (default), cpu.shares=1024 (default)");
}

static void pids_and_io_are_told_to_both_kinds(void)
{
	auto_arena *a = arena_new(1 << 20);
	struct spec_throttle t = { 8, 16, 1000 };
	struct spec_block_io b = { .weight = { true, 500 },
				   .read_bps = { &t, 1 },
				   .write_iops = { &t, 1 } };
	struct spec_resources r = { .pids_limit = { true, 7 }, .block_io = &b };
	is_str(plan("pids", false, &r, a), "pids.max=7");
	is_str(plan("blkio", false, &r, a), "blkio.weight=500 (or), blkio.bfq.weight=500, "
					    "blkio.throttle.read_bps_device=8:16 1000, "
					    "blkio.throttle.write_iops_device=8:16 1000");
	is_str(plan("blkio", true, &r, a), "io.bfq.weight=500 (or), io.weight=4950, "
					   "io.max=8:16 rbps=1000, io.max=8:16 wiops=1000");
	r.pids_limit.v = -1;
	is_str(plan("pids", false, &r, a), "pids.max=max (default)");
	r.pids_limit.v = 0;
	is_str(plan("pids", false, &r, a), "pids.max=1");
}

static void the_rest_is_told_too(void)
{
	auto_arena *a = arena_new(1 << 20);
	struct spec_hugepage h = { "2MB", 4194304 };
	struct spec_network n = { .class_id = { true, 4097 } };
	struct spec_rdma d = { "mlx5_1", { true, 3 }, { 0 } };
	struct spec_resources r = { .hugepages = { &h, 1 }, .network = &n, .rdma = { &d, 1 } };
	is_str(plan("hugetlb", false, &r, a), "hugetlb.2MB.limit_in_bytes=4194304, "
					      "hugetlb.2MB.rsvd.limit_in_bytes=4194304 (default)");
	is_str(plan("hugetlb", true, &r, a),
	       "hugetlb.2MB.max=4194304, hugetlb.2MB.rsvd.max=4194304 (default)");
	is_str(plan("net_cls", false, &r, a), "net_cls.classid=4097");
	is_str(plan("rdma", true, &r, a), "rdma.max=mlx5_1 hca_handle=3");
	h.page_size = "../x";
	is_str(plan("hugetlb", true, &r, a), "hugepageLimits: no such page size");
}

static void a_limit_without_its_controller_is_an_error_that_names_it(void)
{
	struct cgroup_dir cpu = { .controllers = "cpu", .path = "/x", .fd = -1, .door = -1 };
	struct cgroup none = { .v = &cpu, .n = 1 };
	struct err e = { 0 };
	struct spec_resources r = { .pids_limit = { true, 7 } };
	is_int(cgroup_limit(&none, &r, &e), -ENOENT);
	is_str(e.msg, "linux.resources.pids.limit: cannot be set, since this machine has no cgroup "
		      "controller pids");
	r.pids_limit.v = -1;
	is_int(cgroup_limit(&none, &r, &e), 0);
	is_int(cgroup_limit(&none, NULL, &e), 0);
}

static void no_cgroup_has_no_limits(void)
{
	struct cgroup none = { 0 };
	struct err e = { 0 };
	struct spec_resources r = { .pids_limit = { true, 7 } };
	is_int(cgroup_limit(&none, &r, &e), -EPERM);
	is_str(e.msg, "linux.resources.pids.limit: cannot set pids limit: container could not join "
		      "or create cgroup");
	r.pids_limit.v = -1;
	is_int(cgroup_limit(&none, &r, &e), 0);
}

int main(void)
{
	test(a_path_is_cleaned);
	test(a_path_cannot_leave_its_hierarchy);
	test(the_systemd_form_becomes_slices_and_a_scope);
	test(located_paths_are_below_mounted_hierarchies);
	test(memory_is_told_to_both_kinds);
	test(swap_that_nobody_named_is_limited_where_it_is_counted);
	test(swap_below_memory_is_refused_on_v2);
	test(shares_that_the_kernel_would_bend_are_refused_on_v1);
	test(cpu_is_told_to_both_kinds);
	test(shares_become_weights);
	test(the_idle_have_no_weight);
	test(pids_and_io_are_told_to_both_kinds);
	test(the_rest_is_told_too);
	test(a_limit_without_its_controller_is_an_error_that_names_it);
	test(no_cgroup_has_no_limits);
	return done_testing();
}

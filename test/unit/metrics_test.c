/* metrics_test.c - the files of a cgroup become containerd's messages, whole. */
#include "tap.h"

#include "base/file.h"
#include "pb/cgroup1_metrics.pb-c.h"
#include "pb/cgroup2_metrics.pb-c.h"
#include "ttrpc/metrics_inner.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct file {
	const char *name, *text;
};

static const struct file v2_files[] = {
	{ "cpu.stat", "usage_usec 30\nuser_usec 20\nsystem_usec 10\nnr_periods 4\n"
		      "nr_throttled 3\nthrottled_usec 2\nnr_bursts 6\nburst_usec 7\n" },
	{ "cpu.pressure", "some avg10=1.50 avg60=2.25 avg300=3.00 total=45\n"
			  "full avg10=4.00 avg60=5.00 avg300=6.00 total=7\n" },
	{ "memory.pressure", "some avg10=1.00 avg60=2.00 avg300=3.00 total=4\n"
			     "full avg10=4.00 avg60=5.00 avg300=6.00 total=7\n" },
	{ "io.pressure", "some avg10=1.00 avg60=2.00 avg300=3.00 total=4\n"
			 "full avg10=4.00 avg60=5.00 avg300=6.00 total=8\n" },
	{ "memory.stat",
	  "anon 1\nfile 2\nkernel_stack 3\nslab 4\nsock 5\nshmem 6\nfile_mapped 7\nfile_dirty 8\n"
	  "file_writeback 9\nanon_thp 10\ninactive_anon 11\nactive_anon 12\ninactive_file 13\n"
	  "active_file 14\nunevictable 15\nslab_reclaimable 16\nslab_unreclaimable 17\npgfault 18\n"
	  "pgmajfault 19\nworkingset_refault 20\nworkingset_activate 21\n"
	  "workingset_nodereclaim 22\n"
	  "pgrefill 23\npgscan 24\npgsteal 25\npgactivate 26\npgdeactivate 27\npglazyfree 28\n"
	  "pglazyfreed 29\nthp_fault_alloc 30\nthp_collapse_alloc 31\nworkingset_refault_anon 39\n"
	  "workingset_refault_file 40\nworkingset_activate_anon 41\n"
	  "workingset_activate_file 42\n" },
	{ "memory.current", "100\n" },
	{ "memory.max", "200\n" },
	{ "memory.peak", "150\n" },
	{ "memory.swap.current", "10\n" },
	{ "memory.swap.max", "max\n" },
	{ "memory.swap.peak", "15\n" },
	{ "memory.events", "low 1\nhigh 2\nmax 3\noom 4\noom_kill 5\noom_group_kill 6\n" },
	{ "pids.current", "7\n" },
	{ "pids.max", "max\n" },
	{ "io.stat", "254:1 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6\n"
		     "8:16 rbytes=11 wbytes=12 rios=13 wios=14 dbytes=5 dios=6\n" },
	{ "rdma.current", "mlx4_0 hca_handle=2 hca_object=2000\n" },
	{ "rdma.max", "mlx4_0 hca_handle=3 hca_object=max\n" },
	{ "hugetlb.2MB.current", "4096\n" },
	{ "hugetlb.2MB.max", "8192\n" },
	{ "hugetlb.2MB.events", "max 9\n" },
	{ 0 },
};

static const struct file v1_files[] = {
	{ "cpuacct.usage", "30000\n" },
	{ "cpuacct.usage_percpu", "10000 20000 \n" },
	{ "cpuacct.stat", "user 1\nsystem 2\n" },
	{ "cpu.stat", "nr_periods 1\nnr_throttled 2\nthrottled_time 3\n" },
	{ "memory.stat",
	  "cache 1\nrss 2\nrss_huge 3\nmapped_file 4\ndirty 5\nwriteback 6\npgpgin 7\npgpgout 8\n"
	  "pgfault 9\npgmajfault 10\ninactive_anon 11\nactive_anon 12\ninactive_file 13\n"
	  "active_file 14\nunevictable 15\nhierarchical_memory_limit 16\n"
	  "hierarchical_memsw_limit 17\ntotal_cache 18\ntotal_rss 19\ntotal_rss_huge 20\n"
	  "total_mapped_file 21\ntotal_dirty 22\ntotal_writeback 23\ntotal_pgpgin 24\n"
	  "total_pgpgout 25\ntotal_pgfault 26\ntotal_pgmajfault 27\ntotal_inactive_anon 28\n"
	  "total_active_anon 29\ntotal_inactive_file 30\ntotal_active_file 31\n"
	  "total_unevictable 32\n" },
	{ "memory.oom_control", "oom_kill_disable 1\nunder_oom 1\noom_kill 5\n" },
	{ "memory.usage_in_bytes", "1\n" },
	{ "memory.max_usage_in_bytes", "2\n" },
	{ "memory.limit_in_bytes", "9223372036854771712\n" },
	{ "memory.failcnt", "4\n" },
	{ "memory.memsw.usage_in_bytes", "5\n" },
	{ "memory.memsw.max_usage_in_bytes", "6\n" },
	{ "memory.memsw.limit_in_bytes", "7\n" },
	{ "memory.memsw.failcnt", "8\n" },
	{ "memory.kmem.usage_in_bytes", "9\n" },
	{ "memory.kmem.max_usage_in_bytes", "10\n" },
	{ "memory.kmem.limit_in_bytes", "11\n" },
	{ "memory.kmem.failcnt", "12\n" },
	{ "memory.kmem.tcp.usage_in_bytes", "13\n" },
	{ "memory.kmem.tcp.max_usage_in_bytes", "14\n" },
	{ "memory.kmem.tcp.limit_in_bytes", "15\n" },
	{ "memory.kmem.tcp.failcnt", "16\n" },
	{ "pids.current", "3\n" },
	{ "pids.max", "77\n" },
	{ "blkio.throttle.io_service_bytes_recursive",
	  "8:16 Read 4096\n8:16 Total 4096\nTotal 1\n" },
	{ "blkio.throttle.io_serviced_recursive", "8:16 Read 2\n" },
	{ "rdma.current", "mlx4_0 hca_handle=2 hca_object=2000\n" },
	{ "rdma.max", "mlx4_0 hca_handle=3 hca_object=max\n" },
	{ "hugetlb.2MB.usage_in_bytes", "1\n" },
	{ "hugetlb.2MB.max_usage_in_bytes", "2\n" },
	{ "hugetlb.2MB.limit_in_bytes", "3\n" },
	{ "hugetlb.2MB.failcnt", "4\n" },
	{ 0 },
};

static const char net_dev[] =
	"Inter-|   Receive                            |  Transmit\n"
	" face |bytes packets errs drop fifo frame compressed multicast|bytes packets\n"
	"    lo:       9  9    9    9    0 0 0 0    9       9    9    9    0 0\n"
	"  eth0:1111  12   13   14    0 0 0 0   21      22   23   24    0 0\n";

static const char partitions[] = "major minor  #blocks  name\n\n   8       16     123 sdb\n";

/* A cgroup of one directory with these files; it is gone when the fd is closed. */
static int make_files(const struct file *f)
{
	char dir[] = "/tmp/metrics-test-XXXXXX";
	int fd = mkdtemp(dir) ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	for (; f->name; f++)
		is_int(file_replace(fd, f->name, f->text, strlen(f->text), 0600, NULL), 0);
	return fd;
}

static void remove_files(int fd)
{
	char path[64], dir[128] = "";
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ok(readlink(path, dir, sizeof(dir) - 1) > 0);
	auto_close int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	is_int(tree_remove(root, dir + 1, NULL), 0);
	close(fd);
}

static void read_used(struct cgroup *cg, const char *disks, struct arena *a, struct used *u)
{
	*u = (struct used){ 0 };
	is_int(stats_read(cg, a, &u->s, NULL), 0);
	is_int(stats_extra_read(cg, a, &u->x), 0);
	is_int(stats_parse_links(net_dev, a, &u->links), 0);
	is_int(stats_parse_partitions(disks, a, &u->s.io_bytes), 0);
	is_int(stats_parse_partitions(disks, a, &u->s.io_count), 0);
}

static bool is_empty(const ProtobufCFieldDescriptor *f, const char *at)
{
	switch (f->type) {
	case PROTOBUF_C_TYPE_STRING:
		return !**(char *const *)(const void *)at;
	case PROTOBUF_C_TYPE_UINT32:
		return !*(const uint32_t *)(const void *)at;
	case PROTOBUF_C_TYPE_DOUBLE:
		return !*(const uint64_t *)(const void *)at;
	default:
		return !*(const uint64_t *)(const void *)at;
	}
}

/* The numbers of all fields that have nothing, but those that are named. */
static void find_empty(const ProtobufCMessage *m, const char *path, const char *but)
{
	for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];
		const char *at = (const char *)m + f->offset;
		char name[64], listed[80];
		snprintf(name, sizeof(name), "%s.%u", path, f->id);
		snprintf(listed, sizeof(listed), " %s ", name);
		bool repeated = f->label == PROTOBUF_C_LABEL_REPEATED, empty = false;
		size_t n = repeated ? *(const size_t *)(const void *)((const char *)m +
								      f->quantifier_offset)
				    : 1;
		if (f->type == PROTOBUF_C_TYPE_MESSAGE) {
			void *const *p = repeated ? *(void **const *)(const void *)at
						  : (void *const *)(const void *)at;
			empty = !n || !*p;
			for (size_t k = 0; !empty && k < n; k++)
				find_empty(p[k], name, but);
		} else {
			empty = repeated ? !n : is_empty(f, at);
		}
		if (empty && !strstr(but, listed))
			TAP_FAIL("field %s has nothing", name);
	}
}

static void every_field_of_v2_is_filled(void)
{
	auto_arena *a = arena_new(1 << 20);
	int fd = make_files(v2_files);
	struct cgroup_dir d = { .controllers = "", .path = "/", .fd = fd, .door = -1 };
	struct cgroup cg = { .v2 = true, .v = &d, .n = 1 };
	struct used u;
	size_t n;
	read_used(&cg, partitions, a, &u);
	void *p = metrics_v2(&u, a, &n);
	Io__Containerd__Cgroups__V2__Metrics *m = io__containerd__cgroups__v2__metrics__unpack(
		NULL, n, p);
	ok(m);
	find_empty(&m->base, "", "");
	is_int(m->cpu->usage_usec, 30);
	is_int(m->cpu->burst_usec, 7);
	ok(m->cpu->psi->some->avg60 == 2.25);
	is_int(m->io->psi->full->total, 8);
	is_int(m->memory->slab_unreclaimable, 17);
	is_int(m->memory->workingset_activate_file, 42);
	is_int(m->memory->usage_limit, 200);
	ok(m->memory->swap_limit == UINT64_MAX);
	ok(m->pids->limit == UINT64_MAX);
	is_int(m->memory_events->oom_group_kill, 6);
	is_int(m->io->n_usage, 2);
	is_int(m->io->usage[1]->major, 8);
	is_int(m->io->usage[1]->wios, 14);
	is_int(m->rdma->current[0]->hca_objects, 2000);
	is_int(m->rdma->limit[0]->hca_objects, UINT32_MAX);
	is_int(m->hugetlb[0]->max, 8192);
	is_int(m->hugetlb[0]->failcnt, 9);
	is_int(m->n_network, 1);
	is_str(m->network[0]->name, "eth0");
	is_int(m->network[0]->rx_bytes, 1111);
	is_int(m->network[0]->tx_dropped, 24);
	io__containerd__cgroups__v2__metrics__free_unpacked(m, NULL);
	remove_files(fd);
}

static void every_field_of_v1_is_filled_but_what_no_kernel_counts(void)
{
	auto_arena *a = arena_new(1 << 20);
	int fd = make_files(v1_files);
	struct cgroup_dir d[] = {
		{ .controllers = "cpu,cpuacct", .path = "/", .fd = fd, .door = -1 },
		{ .controllers = "memory", .path = "/", .fd = fd, .door = -1 },
		{ .controllers = "pids", .path = "/", .fd = fd, .door = -1 },
		{ .controllers = "blkio", .path = "/", .fd = fd, .door = -1 },
		{ .controllers = "hugetlb", .path = "/", .fd = fd, .door = -1 },
		{ .controllers = "rdma", .path = "/", .fd = fd, .door = -1 },
	};
	struct cgroup cg = { .v = d, .n = sizeof(d) / sizeof(*d) };
	struct used u;
	size_t n;
	read_used(&cg, partitions, a, &u);
	void *p = metrics_v1(&u, a, &n);
	Io__Containerd__Cgroups__V1__Metrics *m = io__containerd__cgroups__v1__metrics__unpack(
		NULL, n, p);
	ok(m);
	/* blkio's queues, times, merges and sectors; the numbers of tasks by state */
	find_empty(&m->base, "", " .5.3  .5.4  .5.5  .5.6  .5.7  .5.8  .8 ");
	is_int(m->cpu->usage->kernel, 20000000);
	is_int(m->cpu->usage->n_per_cpu, 2);
	ok(m->memory->usage->limit == UINT64_C(9223372036854771712));
	is_int(m->memory->swap->limit, 7);
	is_int(m->memory->kernel_tcp->failcnt, 16);
	is_int(m->pids->limit, 77);
	is_str(m->blkio->io_service_bytes_recursive[0]->device, "/dev/sdb");
	is_str(m->blkio->io_service_bytes_recursive[1]->op, "Total");
	is_int(m->blkio->io_serviced_recursive[0]->value, 2);
	is_int(m->hugetlb[0]->max, 2);
	is_str(m->hugetlb[0]->pagesize, "2MB");
	is_str(m->network[0]->name, "eth0");
	io__containerd__cgroups__v1__metrics__free_unpacked(m, NULL);
	remove_files(fd);
}

static void a_cgroup_that_is_gone_is_zeros(void)
{
	auto_arena *a = arena_new(1 << 20);
	struct cgroup_dir d = { .controllers = "", .path = "/", .fd = -1, .door = -1 };
	struct cgroup cg = { .v2 = true, .v = &d, .n = 1 };
	struct used u = { 0 };
	size_t n;
	is_int(stats_read(&cg, a, &u.s, NULL), 0);
	void *p = metrics_v2(&u, a, &n);
	Io__Containerd__Cgroups__V2__Metrics *m = io__containerd__cgroups__v2__metrics__unpack(
		NULL, n, p);
	ok(m && m->memory && m->cpu);
	is_int(m->memory->usage_limit, 0);
	is_int(m->memory->swap_limit, 0);
	is_int(m->cpu->usage_usec, 0);
	is_int(m->n_network, 0);
	ok(!m->rdma && !m->cpu->psi);
	io__containerd__cgroups__v2__metrics__free_unpacked(m, NULL);
}

static void lines_that_are_none_are_passed_over(void)
{
	auto_arena *a = arena_new(1 << 20);
	struct stats_rdmas r;
	struct stats_links l;
	is_int(stats_parse_rdma("x\nmlx5 hca_handle=1\n\nmlx4 hca_handle=1 hca_object=2", a, &r),
	       0);
	is_int(r.n, 1);
	is_str(r.v[0].device, "mlx4");
	is_int(stats_parse_links("a:\n: 1 2 3\neth1: 1 2 3 4 5 6 7 8 9 10 11 12", a, &l), 0);
	is_int(l.n, 1);
	is_int(l.v[0].tx_dropped, 12);
}

int main(void)
{
	test(every_field_of_v2_is_filled);
	test(every_field_of_v1_is_filled_but_what_no_kernel_counts);
	test(a_cgroup_that_is_gone_is_zeros);
	test(lines_that_are_none_are_passed_over);
	return done_testing();
}

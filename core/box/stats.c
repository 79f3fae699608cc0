/* stats.c - what a container has used, read from its cgroups. */
#include "box/stats.h"
#include "base/file.h"
#include "box/cgroup_inner.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define USER_HZ 100 /* of the files, whatever the kernel's own */

uint64_t counters_get(const struct counters *c, const char *key)
{
	for (size_t i = 0; i < c->n; i++)
		if (!strcmp(c->v[i].key, key))
			return c->v[i].value;
	return 0;
}

static size_t lines(const char *text)
{
	size_t n = 1;
	for (; *text; text++)
		n += *text == '\n';
	return n;
}

static char *cut(char **at, const char *separators)
{
	char *start = *at + strspn(*at, separators), *end = start + strcspn(start, separators);
	*at = *end ? end + 1 : end;
	*end = 0;
	return start;
}

int counters_parse(char *text, struct arena *a, struct counters *out)
{
	struct counters c = { arena_array(a, lines(text), sizeof(struct counter)), 0 };
	char *copy = arena_str(a, text);
	if (!c.v || !copy)
		return -ENOMEM;
	while (*copy) {
		char *line = cut(&copy, "\n"), *key = cut(&line, " ");
		if (*key)
			c.v[c.n++] = (struct counter){ key, strtoull(line, NULL, 10) };
	}
	*out = c;
	return 0;
}

static size_t words(const char *text)
{
	size_t n = 1;
	for (; *text; text++)
		n += *text == ' ' || *text == '\n';
	return n;
}

/* A line is one device's: "8:0 Read 12", or "8:0 rbytes=1 wbytes=2 ...". */
int stats_parse_io(char *text, struct arena *a, struct stats_ios *out)
{
	struct stats_ios s = { arena_array(a, words(text), sizeof(struct stats_io)), 0 };
	char *copy = arena_str(a, text);
	if (!s.v || !copy)
		return -ENOMEM;
	while (*copy) {
		char *line = cut(&copy, "\n"), *device = cut(&line, " "), *minor;
		struct stats_io io = { .major = strtoull(device, &minor, 10) };
		if (*minor != ':') /* "Total 12" */
			continue;
		io.minor = strtoull(minor + 1, NULL, 10);
		while (*line) {
			char *word = cut(&line, " "), *value = strchr(word, '=');
			if (value)
				*value++ = 0;
			else
				value = cut(&line, " ");
			io.op = word;
			io.value = strtoull(value, NULL, 10);
			if (*word)
				s.v[s.n++] = io;
		}
	}
	*out = s;
	return 0;
}

/* A file with one number; "max" and what is absent: other. */
static uint64_t number(const struct cgroup_dir *d, const char *file, uint64_t other)
{
	char text[32];
	if (cgroup_get(d->fd, file, text, sizeof(text)) <= 0 || *text < '0' || *text > '9')
		return other;
	return strtoull(text, NULL, 10);
}

/* v1 writes "no limit" as the largest multiple of a page below 2^63. */
static uint64_t limit_of(const struct cgroup_dir *d, const char *file)
{
	uint64_t n = number(d, file, UINT64_MAX);
	return n >= UINT64_C(0x7ffffffffffff000) - 65536 ? UINT64_MAX : n;
}

static int counters_read(const struct cgroup_dir *d, const char *file, struct arena *a,
			 struct counters *out)
{
	auto_buf text = { .max = 1 << 20 };
	if (file_read(d->fd, file, &text, NULL) < 0 || !text.len)
		return 0;
	return counters_parse(text.p, a, out);
}

static int ios_read(const struct cgroup_dir *d, const char *file, struct arena *a,
		    struct stats_ios *out)
{
	auto_buf text = { .max = 1 << 20 };
	if (file_read(d->fd, file, &text, NULL) < 0 || !text.len)
		return 0;
	return stats_parse_io(text.p, a, out);
}

static int per_cpu(const struct cgroup_dir *d, struct arena *a, struct stats_cpu *out)
{
	auto_buf text = { .max = 1 << 20 };
	if (file_read(d->fd, "cpuacct.usage_percpu", &text, NULL) < 0 || !text.len)
		return 0;
	out->per_cpu = arena_array(a, words(text.p), sizeof(uint64_t));
	if (!out->per_cpu)
		return -ENOMEM;
	for (char *at = text.p; *at;) {
		char *word = cut(&at, " \n");
		if (*word)
			out->per_cpu[out->cpus++] = strtoull(word, NULL, 10);
	}
	return 0;
}

static int cpu_v1(const struct cgroup_dir *account, const struct cgroup_dir *cpu, struct arena *a,
		  struct stats_cpu *out)
{
	struct counters ticks = { 0 }, throttling = { 0 };
	int rc = 0;
	if (account && account->fd >= 0) {
		const uint64_t tick = 1000000000 / USER_HZ;
		rc = counters_read(account, "cpuacct.stat", a, &ticks);
		out->total = number(account, "cpuacct.usage", 0);
		/* Of these the kernel sees to it that they add up to the whole; not so of
		 * cpuacct.usage_user and usage_sys. */
		out->user = counters_get(&ticks, "user") * tick;
		out->kernel = counters_get(&ticks, "system") * tick;
		rc = rc < 0 ? rc : per_cpu(account, a, out);
	}
	if (rc == 0 && cpu && cpu->fd >= 0)
		rc = counters_read(cpu, "cpu.stat", a, &throttling);
	out->periods = counters_get(&throttling, "nr_periods");
	out->throttled_periods = counters_get(&throttling, "nr_throttled");
	out->throttled = counters_get(&throttling, "throttled_time");
	return rc;
}

static int cpu_v2(const struct cgroup_dir *d, struct arena *a, struct stats_cpu *out)
{
	struct counters c = { 0 };
	int rc = counters_read(d, "cpu.stat", a, &c);
	out->total = counters_get(&c, "usage_usec") * 1000;
	out->user = counters_get(&c, "user_usec") * 1000;
	out->kernel = counters_get(&c, "system_usec") * 1000;
	out->periods = counters_get(&c, "nr_periods");
	out->throttled_periods = counters_get(&c, "nr_throttled");
	out->throttled = counters_get(&c, "throttled_usec") * 1000;
	out->bursts = counters_get(&c, "nr_bursts");
	out->burst = counters_get(&c, "burst_usec") * 1000;
	return rc;
}

static struct stats_use use_v1(const struct cgroup_dir *d, const char *prefix)
{
	char file[64];
	struct stats_use u;
	snprintf(file, sizeof(file), "%s.usage_in_bytes", prefix);
	u.usage = number(d, file, 0);
	snprintf(file, sizeof(file), "%s.max_usage_in_bytes", prefix);
	u.max = number(d, file, 0);
	snprintf(file, sizeof(file), "%s.limit_in_bytes", prefix);
	u.limit = limit_of(d, file);
	u.limited = true;
	snprintf(file, sizeof(file), "%s.failcnt", prefix);
	u.failures = number(d, file, 0);
	return u;
}

static int memory_v1(const struct cgroup_dir *d, struct arena *a, struct stats_memory *out)
{
	out->usage = use_v1(d, "memory");
	out->swap = use_v1(d, "memory.memsw");
	out->kernel = use_v1(d, "memory.kmem");
	out->kernel_tcp = use_v1(d, "memory.kmem.tcp");
	int rc = counters_read(d, "memory.stat", a, &out->raw);
	return rc < 0 ? rc : counters_read(d, "memory.oom_control", a, &out->events);
}

static struct stats_use use_v2(const struct cgroup_dir *d, const char *prefix)
{
	char file[64], limit[32];
	struct stats_use u;
	snprintf(file, sizeof(file), "%s.current", prefix);
	u.usage = number(d, file, 0);
	snprintf(file, sizeof(file), "%s.peak", prefix);
	u.max = number(d, file, 0);
	snprintf(file, sizeof(file), "%s.max", prefix);
	u.limited = cgroup_get(d->fd, file, limit, sizeof(limit)) > 0;
	u.limit = number(d, file, UINT64_MAX);
	u.failures = 0;
	return u;
}

static int memory_v2(const struct cgroup_dir *d, struct arena *a, struct stats_memory *out)
{
	int rc = counters_read(d, "memory.stat", a, &out->raw);
	if (rc == 0)
		rc = counters_read(d, "memory.events", a, &out->events);
	out->usage = use_v2(d, "memory");
	out->usage.failures = counters_get(&out->events, "max");
	out->swap = use_v2(d, "memory.swap");
	out->kernel = out->kernel_tcp = (struct stats_use){ .limit = UINT64_MAX };
	return rc;
}

static struct stats_use use_hugepages(const struct cgroup_dir *d, const char *size, bool v2)
{
	char file[64];
	if (!v2) {
		snprintf(file, sizeof(file), "hugetlb.%.20s", size);
		return use_v1(d, file);
	}
	struct stats_use u = { 0 };
	snprintf(file, sizeof(file), "hugetlb.%.20s.current", size);
	u.usage = u.max = number(d, file, 0);
	snprintf(file, sizeof(file), "hugetlb.%.20s.max", size);
	u.limit = number(d, file, UINT64_MAX);
	snprintf(file, sizeof(file), "hugetlb.%.20s.events", size);
	int64_t failures = cgroup_get_key(d->fd, file, "max");
	u.failures = failures > 0 ? (uint64_t)failures : 0;
	return u;
}

/* The sizes are those of which there are files. */
static int hugepages(const struct cgroup_dir *d, bool v2, struct arena *a, struct stats *out)
{
	const char *end = v2 ? ".current" : ".usage_in_bytes";
	int fd = openat(d->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		close_fdp(&fd);
		return 0;
	}
	int rc = 0;
	out->hugepages.v = arena_array(a, 16, sizeof(*out->hugepages.v));
	for (struct dirent *f; out->hugepages.n < 16 && (f = readdir(dir));) {
		size_t n = strlen(f->d_name), tail = strlen(end);
		if (strncmp(f->d_name, "hugetlb.", 8) || n <= 8 + tail ||
		    strcmp(f->d_name + n - tail, end) || strstr(f->d_name, ".rsvd."))
			continue;
		char *size = arena_strn(a, f->d_name + 8, n - 8 - tail);
		if (!size || !out->hugepages.v) {
			rc = -ENOMEM;
			break;
		}
		out->hugepages.v[out->hugepages.n++] =
			(struct stats_hugepages){ size, use_hugepages(d, size, v2) };
	}
	closedir(dir);
	return rc;
}

/* The open directory of a v1 controller, or NULL. */
static const struct cgroup_dir *open_v1(const struct cgroup *cg, const char *controller)
{
	const struct cgroup_dir *d = cgroup_v1_dir(cg, controller);
	return d && d->fd >= 0 ? d : NULL;
}

static int read_io(const struct cgroup *cg, const struct cgroup_dir *u, struct arena *a,
		   struct stats *out)
{
	const struct cgroup_dir *d = open_v1(cg, "blkio");
	if (!d)
		return u ? ios_read(u, "io.stat", a, &out->io_bytes) : 0;
	int rc = ios_read(d, "blkio.throttle.io_service_bytes_recursive", a, &out->io_bytes);
	return rc < 0 ? rc : ios_read(d, "blkio.throttle.io_serviced_recursive", a, &out->io_count);
}

static int read_rdma(const struct cgroup_dir *d, struct arena *a, struct stats *out)
{
	auto_buf now = { .max = 1 << 16 };
	auto_buf limit = { .max = 1 << 16 };
	int rc = 0;
	if (file_read(d->fd, "rdma.current", &now, NULL) == 0 && now.len)
		rc = stats_parse_rdma(now.p, a, &out->rdma);
	if (rc == 0 && file_read(d->fd, "rdma.max", &limit, NULL) == 0 && limit.len)
		rc = stats_parse_rdma(limit.p, a, &out->rdma_limit);
	return rc;
}

int stats_read(const struct cgroup *cg, struct arena *a, struct stats *out, struct err *e)
{
	struct stats s = { .v2 = cg->v2, .pids.limit = UINT64_MAX };
	const struct cgroup_dir *u = cgroup_unified(cg), *d;
	u = u && u->fd >= 0 ? u : NULL;
	int rc = 0;
	if (open_v1(cg, "cpuacct") || open_v1(cg, "cpu"))
		rc = cpu_v1(open_v1(cg, "cpuacct"), open_v1(cg, "cpu"), a, &s.cpu);
	else if (u)
		rc = cpu_v2(u, a, &s.cpu);
	if (rc == 0 && (d = open_v1(cg, "memory")))
		rc = memory_v1(d, a, &s.memory);
	else if (rc == 0 && u)
		rc = memory_v2(u, a, &s.memory);
	d = open_v1(cg, "pids");
	if ((d = d ? d : u)) {
		s.pids.current = number(d, "pids.current", 0);
		s.pids.limit = number(d, "pids.max", UINT64_MAX);
	}
	if (rc == 0)
		rc = read_io(cg, u, a, &s);
	d = open_v1(cg, "hugetlb");
	if (rc == 0 && (d || u))
		rc = hugepages(d ? d : u, !d, a, &s);
	d = open_v1(cg, "rdma");
	if (rc == 0 && (d || u))
		rc = read_rdma(d ? d : u, a, &s);
	s.oom_kills = counters_get(&s.memory.events, "oom_kill");
	if (rc < 0)
		return fail(e, rc, "read the statistics of the cgroup");
	*out = s;
	return 0;
}

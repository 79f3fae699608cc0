/* inside.c - the box as the process in it sees it. */
#include "box/inside.h"
#include "base/buf.h"
#include "base/file.h"
#include "oci/capability.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#define UNLIMITED_V1 (UINT64_MAX / 4) /* cgroup v1 says "none" as a number near the top */

/* The text of a file into b; empty when it cannot be read. */
static const char *text_of(struct buf *b, const char *path)
{
	b->len = 0;
	if (file_read(-1, path, b, NULL) < 0 || !b->p)
		return "";
	return b->p;
}

static void read_processes(struct inside *s)
{
	DIR *d = opendir("/proc");
	s->processes = -1;
	if (!d)
		return;
	int n = 0;
	for (struct dirent *de; (de = readdir(d));)
		n += isdigit((unsigned char)de->d_name[0]) != 0;
	closedir(d);
	s->processes = n ? n : -1;
}

/* "36 35 98:0 / / ro,noatime shared:1 - tmpfs coracle ro,size=..." */
static int read_mounts(struct inside *s, struct arena *a, struct buf *b)
{
	const char *text = text_of(b, "/proc/self/mountinfo");
	for (const char *line = text; *line;) {
		size_t n = strcspn(line, "\n");
		char *copy = arena_strn(a, line, n), *at = copy, *field[6];
		if (!copy)
			return -ENOMEM;
		for (int i = 0; i < 6; i++)
			field[i] = strsep(&at, " ");
		char *dash = at ? strstr(at, "- ") : NULL;
		s->mounts++;
		if (dash && field[5] && !strcmp(field[4], "/")) {
			char *type = dash + 2;
			s->root_type = strsep(&type, " ");
			s->root_source = strsep(&type, " ");
			bool super_ro = type && (!strcmp(type, "ro") || !strncmp(type, "ro,", 3));
			s->root_readonly = super_ro || !strcmp(field[5], "ro") ||
					   !strncmp(field[5], "ro,", 3);
		}
		line += n + (line[n] == '\n');
	}
	return 0;
}

static int read_namespaces(struct inside *s, struct arena *a)
{
	static const char *const names[] = { "pid", "mnt",    "net",  "ipc",
					     "uts", "cgroup", "user", "time" };
	size_t n = sizeof(names) / sizeof(names[0]);
	s->namespaces.v = arena_array(a, n, sizeof(*s->namespaces.v));
	if (!s->namespaces.v)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		char path[64];
		struct stat st;
		snprintf(path, sizeof(path), "/proc/self/ns/%s", names[i]);
		if (stat(path, &st) == 0)
			s->namespaces.v[s->namespaces.n++] = (struct inside_namespace){ names[i],
											st.st_ino };
	}
	return 0;
}

static int read_interfaces(struct inside *s, struct arena *a)
{
	struct if_nameindex *all = if_nameindex();
	size_t n = 0;
	while (all && all[n].if_index)
		n++;
	s->interfaces.v = arena_array(a, n + 1, sizeof(*s->interfaces.v));
	for (size_t i = 0; s->interfaces.v && i < n; i++)
		s->interfaces.v[s->interfaces.n++] = arena_str(a, all[i].if_name);
	if (all)
		if_freenameindex(all);
	return s->interfaces.v ? 0 : -ENOMEM;
}

/* Where our cgroup of a v1 controller, or of v2 (controller ""), is visible; false when it is
 * not. */
static bool cgroup_path(const char *controller, char *out, size_t size)
{
	auto_buf b = { 0 };
	const char *text = text_of(&b, "/proc/self/cgroup");
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		const char *list = strchr(line, ':'), *path = list ? strchr(list + 1, ':') : NULL;
		if (!path)
			return false;
		size_t n = (size_t)(path - list - 1), len = strlen(controller);
		bool ours = !len && !n;
		for (const char *p = list + 1; len && p < path; p += strcspn(p, ",:") + 1)
			ours |= !strncmp(p, controller, len) && (p[len] == ',' || p[len] == ':');
		if (!ours)
			continue;
		int path_len = (int)strcspn(path + 1, "\n");
		char dir[32] = "";
		if (len)
			snprintf(dir, sizeof(dir), "/%s", controller);
		struct stat st;
		snprintf(out, size, "/sys/fs/cgroup%s%.*s", dir, path_len, path + 1);
		if (stat(out, &st) <
		    0) /* a cgroup mount that shows the container's own part alone */
			snprintf(out, size, "/sys/fs/cgroup%s", dir);
		return stat(out, &st) == 0;
	}
	return false;
}

/* One control file: v2's, or v1's under its controller. Empty when out of sight. */
static const char *control(struct buf *b, const char *v2, const char *controller, const char *v1)
{
	char dir[512], path[600];
	if (cgroup_path("", dir, sizeof(dir))) {
		snprintf(path, sizeof(path), "%s/%s", dir, v2);
		if (*text_of(b, path))
			return b->p;
	}
	if (!cgroup_path(controller, dir, sizeof(dir)))
		return "";
	snprintf(path, sizeof(path), "%s/%s", dir, v1);
	return text_of(b, path);
}

static struct opt_u64 limit_of(const char *text)
{
	char *end;
	uint64_t n = strtoull(text, &end, 10);
	return end == text || n >= UNLIMITED_V1 ? (struct opt_u64){ 0 }
						: (struct opt_u64){ true, n };
}

static void read_limits(struct inside *s)
{
	auto_buf b = { 0 };
	struct rlimit files;
	s->memory_max = limit_of(control(&b, "memory.max", "memory", "memory.limit_in_bytes"));
	s->cgroup_seen = b.len > 0;
	s->pids_max = limit_of(control(&b, "pids.max", "pids", "pids.max"));
	s->cgroup_seen |= b.len > 0;
	char *rest;
	const char *quota_text = control(&b, "cpu.max", "cpu", "cpu.cfs_quota_us");
	double quota = strtod(quota_text, &rest), period = strtod(rest, NULL);
	if (quota > 0 && period <= 0)
		period = strtod(control(&b, "cpu.max", "cpu", "cpu.cfs_period_us"), NULL);
	s->cpus = quota > 0 && period > 0 ? quota / period : 0;
	s->files_max = getrlimit(RLIMIT_NOFILE, &files) == 0 ? files.rlim_cur : 0;
}

/* A line "Name:\tvalue" of /proc/self/status, in the given base. */
static bool status_number(const char *text, const char *name, int base, uint64_t *out)
{
	size_t n = strlen(name);
	for (const char *p = text; (p = strstr(p, name)); p += n) {
		if ((p != text && p[-1] != '\n') || p[n] != ':')
			continue;
		*out = strtoull(p + n + 1, NULL, base);
		return true;
	}
	return false;
}

static void read_rights(struct inside *s, struct buf *b)
{
	const char *text = text_of(b, "/proc/self/status");
	uint64_t n = 0;
	s->uid = geteuid();
	s->gid = getegid();
	status_number(text, "CapEff", 16, &s->caps_effective);
	status_number(text, "CapBnd", 16, &s->caps_bounding);
	s->seccomp = status_number(text, "Seccomp", 10, &n) ? (int)n : -1;
	s->seccomp_filters = status_number(text, "Seccomp_filters", 10, &n) ? (int)n : 0;
	s->no_new_privs = status_number(text, "NoNewPrivs", 10, &n) ? (int)n : -1;
}

int inside_read(struct arena *a, struct inside *out, struct err *e)
{
	auto_buf b = { 0 };
	struct inside s = { .pid = getpid(), .parent = getppid() };
	struct utsname u;
	if (uname(&u) == 0) {
		s.hostname = arena_str(a, u.nodename);
		s.kernel = arena_str(a, u.release);
		s.machine = arena_str(a, u.machine);
	}
	read_processes(&s);
	read_limits(&s);
	read_rights(&s, &b);
	if (!s.hostname || read_mounts(&s, a, &b) < 0 || read_namespaces(&s, a) < 0 ||
	    read_interfaces(&s, a) < 0)
		return fail(e, ENOMEM, "look around");
	*out = s;
	return 0;
}

/* The names of a set, without their CAP_, in lower case. */
static void names(struct buf *b, uint64_t set)
{
	for (int i = 0; i < 64; i++) {
		const char *name = capability_name(i);
		if (!(set >> i & 1))
			continue;
		buf_char(b, ' ');
		for (const char *p = name ? name + 4 : ""; *p; p++)
			buf_char(b, (char)tolower((unsigned char)*p));
		if (!name)
			buf_printf(b, "%d", i);
	}
}

const char *inside_caps(uint64_t set, struct arena *a)
{
	auto_buf b = { 0 };
	const uint64_t all = (UINT64_C(1) << CAPABILITIES) - 1;
	int n = __builtin_popcountll(set);
	if (!n)
		return "none";
	if ((set & all) == all)
		return "all";
	buf_str(&b, n > CAPABILITIES / 2 ? "all but" : "");
	names(&b, n > CAPABILITIES / 2 ? all & ~set : set);
	return b.failed ? NULL : arena_str(a, b.p + (*b.p == ' '));
}

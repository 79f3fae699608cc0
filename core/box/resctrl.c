/* resctrl.c - Intel's Resource Director Technology: a group of caches and memory bandwidth. */
#include "box/resctrl.h"
#include "base/file.h"
#include "box/mountinfo.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#define USUAL "/sys/fs/resctrl"

static bool given(const char *s)
{
	return s && *s;
}

int resctrl_find(struct arena *a, const char **out, struct err *e)
{
	struct statfs fs;
	auto_buf text = { 0 };
	struct mount_line m;
	*out = NULL;
	if (statfs(USUAL, &fs) == 0 && fs.f_type == RDTGROUP_SUPER_MAGIC)
		*out = USUAL;
	int rc = *out || faccessat(-1, USUAL, F_OK, 0) < 0 ? 0 : mountinfo_read(&text, e);
	for (char *at = text.p; rc == 0 && !*out && mountinfo_next(&at, &m);)
		if (!strcmp(m.type, "resctrl") && !(*out = arena_str(a, m.target)))
			return fail(e, E2BIG, "linux.intelRdt");
	if (rc == 0 && !*out)
		rc = refuse(e, ENOTSUP,
			    "linux.intelRdt: Intel RDT is not enabled on this machine (no resctrl "
			    "file system is mounted)");
	return rc;
}

static bool has_schemata(const struct spec_intel_rdt *s)
{
	return given(s->l3_cache_schema) || given(s->mem_bw_schema) || s->schemata.n;
}

int resctrl_plan(const char *root, const struct spec_intel_rdt *s, const char *id, struct arena *a,
		 struct resctrl *out, struct err *e)
{
	const char *name = given(s->clos_id) ? s->clos_id : id;
	bool common = !strcmp(name, "/"); /* the group of all who are in none */
	const char **own = arena_array(a, 2, sizeof(*own));
	struct resctrl r = { .root = root,
			     .group = common ? root : arena_printf(a, "%s/%s", root, name) };
	if (own && r.group && s->enable_monitoring)
		r.monitor = arena_printf(a, "%s/mon_groups/%s", r.group, id);
	if (!own || !r.group || (s->enable_monitoring && !r.monitor))
		return fail(e, E2BIG, "linux.intelRdt");
	bool there = faccessat(-1, r.group, F_OK, 0) == 0;
	if (given(s->clos_id) && !there && !has_schemata(s))
		return refuse(e, ENOENT,
			      "linux.intelRdt.closID: %s is not there; it must be when no schemata "
			      "are given",
			      r.group);
	if (!given(s->clos_id) && !there)
		own[r.own.n++] = r.group;
	if (r.monitor)
		own[r.own.n++] = r.monitor;
	r.own.v = own;
	*out = r;
	return 0;
}

/* The kernel's own words on what was wrong. */
static int failed(const char *root, int rc, const char *what, struct err *e)
{
	char path[300], text[256] = "";
	snprintf(path, sizeof(path), "%s/info/last_cmd_status", root);
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = 0;
	text[strcspn(text, "\n")] = 0;
	return *text ? fail(e, rc, "linux.intelRdt: %s (%s)", what, text)
		     : fail(e, rc, "linux.intelRdt: %s", what);
}

static int write_schemata(const char *root, const char *group, const struct spec_intel_rdt *s,
			  struct err *e)
{
	auto_buf text = { 0 };
	char path[600];
	if (given(s->l3_cache_schema))
		buf_printf(&text, "%s\n", s->l3_cache_schema);
	if (given(s->mem_bw_schema))
		buf_printf(&text, "%s\n", s->mem_bw_schema);
	for (size_t i = 0; i < s->schemata.n; i++)
		buf_printf(&text, "%s\n", s->schemata.v[i]);
	if (text.failed)
		return fail(e, ENOMEM, "linux.intelRdt");
	if (snprintf(path, sizeof(path), "%s/schemata", group) >= (int)sizeof(path))
		return fail(e, ENAMETOOLONG, "linux.intelRdt");
	int rc = text.len ? file_put(-1, path, text.p) : 0;
	return rc < 0 ? failed(root, rc, "write the schemata", e) : 0;
}

int resctrl_make(const struct resctrl *r, const struct spec_intel_rdt *s, struct err *e)
{
	if (mkdir(r->group, 0755) < 0 && errno != EEXIST)
		return failed(r->root, -errno, "make the group", e);
	int rc = write_schemata(r->root, r->group, s, e);
	if (rc == 0 && r->monitor && mkdir(r->monitor, 0755) < 0 && errno != EEXIST)
		return failed(r->root, -errno, "make the monitoring group", e);
	return rc;
}

int resctrl_join(const struct resctrl *r, pid_t pid, struct err *e)
{
	const char *const dirs[] = { r->group, r->monitor };
	for (size_t i = 0; i < 2; i++) {
		char path[600], text[16];
		if (!dirs[i])
			continue;
		snprintf(text, sizeof(text), "%d", (int)pid);
		int n = snprintf(path, sizeof(path), "%s/tasks", dirs[i]);
		int rc = n < (int)sizeof(path) ? file_put(-1, path, text) : -ENAMETOOLONG;
		if (rc < 0)
			return fail(e, rc, "linux.intelRdt: join %s", dirs[i]);
	}
	return 0;
}

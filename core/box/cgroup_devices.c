/* cgroup_devices.c - puts the device rules of a container into force. */
#include "base/file.h"
#include "box/cgroup.h"
#include "box/cgroup_inner.h"
#include "box/devfilter.h"
#include "box/systemd.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int write_rule(int allow, int deny, const struct dev_rule *r, struct err *e)
{
	char text[DEV_TEXT];
	devfilter_text(r, text);
	if (write(r->allow ? allow : deny, text, strlen(text)) < 0)
		return fail(e, errno, "write '%s' to devices.%s", text,
			    r->allow ? "allow" : "deny");
	return 0;
}

/* v1 takes "a" as everything, whatever numbers and access follow: what is less is told of b and
 * c. */
static int write_v1(int allow, int deny, struct dev_rule r, struct err *e)
{
	if (r.type != 'a')
		return write_rule(allow, deny, &r, e);
	r.type = 'b';
	int rc = write_rule(allow, deny, &r, e);
	r.type = 'c';
	return rc < 0 ? rc : write_rule(allow, deny, &r, e);
}

static int devices_v1(const struct cgroup_dir *d, const struct dev_rules *r, struct err *e)
{
	auto_close int allow = openat(d->fd, "devices.allow", O_WRONLY | O_CLOEXEC);
	auto_close int deny = openat(d->fd, "devices.deny", O_WRONLY | O_CLOEXEC);
	if (allow < 0 || deny < 0)
		return fail(e, errno, "open the device rules of cgroup %s", d->path);
	if (write(r->allow ? allow : deny, "a", 1) < 0)
		return fail(e, errno, "write 'a' to devices.%s of cgroup %s",
			    r->allow ? "allow" : "deny", d->path);
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < r->n; i++)
		rc = write_v1(allow, deny, r->v[i], e);
	return rc;
}

/* "c 136:* rwm" */
static bool read_rule(const char *line, struct dev_rule *out)
{
	char major[16], minor[16], access[8];
	struct dev_rule r = { .major = -1, .minor = -1 };
	if (sscanf(line, "%c %15[^:]:%15s %7s", &r.type, major, minor, access) != 4)
		return false;
	if (*major != '*')
		r.major = strtoll(major, NULL, 10);
	if (*minor != '*')
		r.minor = strtoll(minor, NULL, 10);
	r.access = (strchr(access, 'r') ? DEV_READ : 0) | (strchr(access, 'w') ? DEV_WRITE : 0) |
		   (strchr(access, 'm') ? DEV_MKNOD : 0);
	*out = r;
	return true;
}

static unsigned access_in(const struct dev_rules *rules, const struct dev_rule *r)
{
	unsigned access = 0;
	for (size_t i = 0; i < rules->n; i++) {
		const struct dev_rule *one = &rules->v[i];
		if ((one->type == 'a' || one->type == r->type) && one->major == r->major &&
		    one->minor == r->minor)
			access |= one->access;
	}
	return access;
}

/* First what is new, then away with what is not in it any more: what was allowed and is, always
 * was. */
static int change_v1(const struct cgroup_dir *d, const struct dev_rules *rules, struct err *e)
{
	auto_buf list = { .max = 1 << 20 };
	struct dev_rule r;
	int rc = file_read(d->fd, "devices.list", &list, e);
	if (rc < 0)
		return rc;
	if (rules->allow || !list.p || *list.p == 'a')
		return devices_v1(d, rules, e);
	auto_close int allow = openat(d->fd, "devices.allow", O_WRONLY | O_CLOEXEC);
	auto_close int deny = openat(d->fd, "devices.deny", O_WRONLY | O_CLOEXEC);
	if (allow < 0 || deny < 0)
		return fail(e, errno, "open the device rules of cgroup %s", d->path);
	for (size_t i = 0; rc == 0 && i < rules->n; i++)
		rc = write_v1(allow, deny, rules->v[i], e);
	for (const char *line = list.p; rc == 0 && *line;
	     line += strcspn(line, "\n"), line += *line == '\n') {
		if (read_rule(line, &r) && (r.access &= ~access_in(rules, &r)))
			rc = write_rule(allow, deny, &r, e);
	}
	return rc;
}

static int put_devices(struct cgroup *cg, const struct spec_resources *r, bool running,
		       struct arena *a, struct err *e)
{
	struct dev_rules rules;
	struct cgroup_dir *v1 = cgroup_v1_dir(cg, "devices");
	const struct cgroup_dir *v2 = cgroup_unified(cg);
	int rc = devfilter_rules(r, a, &rules, e);
	if (rc < 0)
		return rc;
	if (cg->unit && !cg->unit_is_new) {
		struct spec_resources only = { 0 };
		if (r)
			only.devices = r->devices;
		const struct systemd_limits l = { .r = &only, .v2 = cg->v2, .devices = true };
		if ((rc = systemd_update(cg->unit, &l, e)) < 0)
			return rc;
	}
	if (v1 && cgroup_dir_open(v1) == 0) {
		if ((rc = devfilter_flatten(&rules, e)) < 0)
			return rc;
		return running ? change_v1(v1, &rules, e) : devices_v1(v1, &rules, e);
	}
	if (v2 && v2->fd >= 0)
		return devfilter_attach(v2, &rules, a, e);
	return refuse(e, ENOENT, "this machine has no cgroup controller for devices");
}

int cgroup_devices(struct cgroup *cg, const struct spec_resources *r, struct arena *a,
		   struct err *e)
{
	return put_devices(cg, r, false, a, e);
}

int cgroup_update_devices(struct cgroup *cg, const struct spec_resources *r, struct arena *a,
			  struct err *e)
{
	return put_devices(cg, r, true, a, e);
}

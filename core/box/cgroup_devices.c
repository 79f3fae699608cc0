/* cgroup_devices.c - puts the device rules of a container into force. */
#include "base/file.h"
#include "box/cgroup.h"
#include "box/cgroup_inner.h"
#include "box/devfilter.h"
#include "box/systemd.h"

#include <fcntl.h>
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

int cgroup_devices(struct cgroup *cg, const struct spec_resources *r, struct err *e)
{
	struct dev_rules rules;
	const struct cgroup_dir *v1 = cgroup_v1_dir(cg, "devices"), *v2 = cgroup_unified(cg);
	auto_arena *a = arena_new((size_t)256 << 10);
	int rc = a ? devfilter_rules(r, a, &rules, e) : fail(e, ENOMEM, "linux.resources.devices");
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
	if (v1 && v1->fd >= 0)
		return (rc = devfilter_flatten(&rules, e)) < 0 ? rc : devices_v1(v1, &rules, e);
	if (v2 && v2->fd >= 0)
		return devfilter_attach(v2->fd, &rules, e);
	return refuse(e, ENOENT, "this machine has no cgroup controller for devices");
}

/* lsm.c - labels of security modules: AppArmor's profile and SELinux's label of the process and of
 * its keyring. */
#include "base/file.h"
#include "base/log.h"
#include "base/sys.h"
#include "base/walk.h"
#include "box/apply.h"
#include "box/plan.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>

#define SELINUXFS 0xf97cff8c

static bool given(const char *s)
{
	return s && *s;
}

static bool has_apparmor(void)
{
	char on = 'N';
	auto_close int fd = openat(-1, "/sys/module/apparmor/parameters/enabled",
				   O_RDONLY | O_CLOEXEC);
	return fd >= 0 && read(fd, &on, 1) == 1 && on == 'Y';
}

bool has_selinux(void)
{
	struct statfs fs;
	return statfs("/sys/fs/selinux", &fs) == 0 && (unsigned long)fs.f_type == SELINUXFS;
}

static int add(struct plan *p, const char *what, const char *path, const char *label, struct err *e)
{
	struct op *o = plan_add(p, OP_LABEL, "set the %s %s", what, label);
	if (!o)
		return fail(e, E2BIG, "process");
	o->path = path;
	o->source = label;
	return 0;
}

int label_plan(struct plan *p, const struct spec_process *s, struct err *e)
{
	int rc = 0;
	if (given(s->apparmor_profile)) {
		const char *text = arena_printf(p->arena, "exec %s", s->apparmor_profile);
		if (!has_apparmor())
			return refuse(e, ENOTSUP,
				      "process.apparmorProfile: AppArmor is not enabled on this "
				      "machine");
		rc = text ? add(p, "AppArmor profile:", "self/attr/apparmor/exec", text, e)
			  : fail(e, E2BIG, "process.apparmorProfile");
	}
	if (rc == 0 && given(s->selinux_label))
		rc = add(p, "SELinux label", "self/attr/exec", s->selinux_label, e);
	return rc;
}

bool label_mounts(const char *label)
{
	if (!given(label))
		return false;
	if (has_selinux())
		return true;
	log_warn("linux.mountLabel: ignored: this machine has no SELinux");
	return false;
}

int label_keyring_plan(struct plan *p, const struct spec_process *s, const char *label,
		       struct err *e)
{
	if (!given(s->selinux_label))
		return 0;
	if (!has_selinux())
		return refuse(e, ENOTSUP,
			      "process.selinuxLabel: SELinux is disabled or not supported on this "
			      "machine");
	return add(p, "SELinux label of new keys", "self/attr/keycreate", label, e);
}

/* Through a procfs of our own, attached nowhere: the container's could be made to be something else
 * (CVE-2019-16884). */
int apply_label(struct self *s, const struct op *o)
{
	int proc = own_proc(s);
	if (proc < 0)
		return proc;
	struct open_how how = { .flags = O_WRONLY | O_CLOEXEC,
				.resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV };
	auto_close int fd = walk_open(proc, o->path, &how);
	if (fd == -ENOENT && strstr(o->path, "apparmor/")) /* before Linux 5.8 */
		fd = walk_open(proc, "self/attr/exec", &how);
	if (fd < 0)
		return fd == -ENOENT || fd == -EINVAL ? -ENOTSUP : fd;
	put_fd(&s->proc, -1);
	/* An empty label is written as one byte: a write of none does nothing. */
	return write(fd, *o->source ? o->source : "\n", *o->source ? strlen(o->source) : 1) < 0
		       ? -errno
		       : 0;
}

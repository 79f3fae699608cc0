/* childfail.c - what a new process could not do, in words. */
#include "box/child.h"
#include "box/hook.h"

#include <string.h>

/* In runc's words, which podman and others match on; with the status that a shell would give. */
static int exec_failure(const struct child_message *m, struct err *e)
{
	const char *name = m->what + strlen("exec: "), *why = strerror(m->error);
	int rc;
	if (m->op == OP_FIND && m->error == ENOENT && !strchr(name, '/'))
		rc = refuse(e, ENOENT, "exec: \"%s\": executable file not found in $PATH", name);
	else if (m->op == OP_FIND && m->error == ENOENT)
		rc = refuse(e, ENOENT, "exec: \"%s\": stat %s: no such file or directory", name,
			    name);
	else
		rc = refuse(e, m->error, m->op == OP_FIND ? "exec: \"%s\": %c%s" : "exec %s: %c%s",
			    name, *why | ' ', why + 1);
	if (e)
		e->status = m->error == ENOENT ? 127 : 126;
	return rc;
}

/* What the kernel keeps from whoever is root of a user namespace alone. */
static const char *mount_hint(const char *what)
{
	static const struct {
		const char *type, *hint;
	} hints[] = {
		{ "(sysfs)", ": a user namespace needs a network namespace of its own for it; "
			     "without one bind /sys" },
		{ "(proc)", ": a user namespace needs a pid namespace of its own for it, and an "
			    "unmasked /proc outside; without them bind /proc" },
		{ "(mqueue)", ": a user namespace needs an ipc namespace of its own for it" },
	};
	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++)
		if (strstr(what, hints[i].type))
			return hints[i].hint;
	return "";
}

/* As above, for what shows the kernel: a link would show it elsewhere. */
static bool needs_directory(const char *what)
{
	return strstr(what, "(proc)") || strstr(what, "(sysfs)");
}

static int op_failure(const struct child_message *m, struct err *e)
{
	if (m->op == OP_LIMIT && m->error == EPERM)
		return refuse(e, EPERM,
			      "%s: above our own hard limit, which needs CAP_SYS_RESOURCE",
			      m->what);
	if (m->op == OP_SCHEDULE && m->error == EPERM)
		return refuse(e, EPERM,
			      "%s: needs CAP_SYS_NICE and, where the kernel schedules real-time by "
			      "cgroup, linux.resources.cpu.realtimeRuntime",
			      m->what);
	if (m->op == OP_HOOK && m->error == ECANCELED)
		return hook_failed(e, m->what, m->words);
	if (m->op == OP_CHDIR && m->error == EXDEV)
		return refuse(e, EPERM, "%s: it is outside the container's root", m->what);
	if (m->op == OP_MOUNT && m->error == ELOOP && needs_directory(m->what))
		return refuse(e, ELOOP,
			      "%s: it must be mounted on ordinary directory, which a link is not",
			      m->what);
	const char *hint = m->op == OP_MOUNT && m->error == EPERM ? mount_hint(m->what) : "";
	if (*hint)
		return refuse(e, EPERM, "%s: Operation not permitted%s", m->what, hint);
	return fail(e, m->error, "%s%s%s", m->what, *m->words ? ": " : "", m->words);
}

int child_failure(const struct child_message *m, struct err *e)
{
	if (m->op == OP_FIND || m->op == OP_EXEC)
		return exec_failure(m, e);
	op_failure(m, e);
	return op_within((enum op_kind)m->op, m->nth, e);
}

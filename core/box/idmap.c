/* idmap.c - mounts whose ids are mapped: by a user namespace made for it, which nobody lives in. */
#include "box/idmap.h"
#include "base/file.h"
#include "base/proc.h"
#include "base/sys.h"
#include "box/userns.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The number before `end`. */
static bool number(const char **p, char end, uint32_t *out)
{
	char *rest;
	errno = 0;
	unsigned long long v = **p >= '0' && **p <= '9' ? strtoull(*p, &rest, 10) : UINT64_MAX;
	if (v > UINT32_MAX || errno || *rest != end)
		return false;
	*out = (uint32_t)v;
	*p = rest + (end != 0);
	return true;
}

bool idmap_parse(const char *text, struct spec_id_mapping *out)
{
	return number(&text, ':', &out->container_id) && number(&text, ':', &out->host_id) &&
	       number(&text, 0, &out->size) && out->size;
}

/* The only purpose of this process is the namespace that it is born in. */
static _Noreturn void live_until_closed(const int pair[2])
{
	char byte;
	close(pair[1]);
	while (read(pair[0], &byte, 1) < 0 && errno == EINTR)
		;
	_exit(0);
}

int idmap_namespace(const struct spec_id_mappings *uids, const struct spec_id_mappings *gids,
		    struct err *e)
{
	const struct spec_linux maps = { .uid_mappings = *uids, .gid_mappings = *gids };
	struct exit_status st;
	char path[32];
	int pair[2], held = -1;
	if (pipe2(pair, O_CLOEXEC) < 0)
		return fail(e, errno, "make a pipe");
	const struct clone_args args = { .flags = CLONE_NEWUSER, .exit_signal = SIGCHLD };
	pid_t pid = proc_clone(&args, &held);
	if (pid == 0)
		live_until_closed(pair);
	int rc = pid < 0 ? fail(e, pid, "make a user namespace for the mapping of ids")
			 : userns_map(pid, &maps, e);
	close(pair[0]);
	snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
	auto_close int fd = rc < 0 ? -1 : openat(-1, path, O_RDONLY | O_CLOEXEC);
	if (rc == 0 && fd < 0)
		rc = fail(e, errno, "open %s", path);
	close(pair[1]);
	if (pid > 0)
		proc_reap(held, &st);
	put_fd(&held, -1);
	return rc < 0 ? rc : take_fd(&fd);
}

static bool same(const struct spec_id_mappings *a, const struct spec_id_mappings *b)
{
	return a && b && a->n == b->n && !memcmp(a->v, b->v, a->n * sizeof(*a->v));
}

static int refused(const struct op *o, int error, struct err *e)
{
	if (error == ENOSYS)
		return refuse(e, ENOTSUP, "%s: id-mapped mounts need Linux 5.12", o->what);
	if (error == EINVAL)
		return refuse(e, ENOTSUP,
			      "%s: this kernel does not map ids on the file system of %s", o->what,
			      o->mount.source);
	if (error == EPERM)
		return refuse(e, EPERM, "%s: id-mapped mounts need the rights of the host's root",
			      o->what);
	return fail(e, error, "%s: map ids", o->what);
}

int idmap_apply(const struct plan *p, const struct op *o, int fd, struct err *e)
{
	const struct op_mount *m = &o->mount;
	struct idmap_last *last = p->last;
	const struct spec_id_mappings *uids = m->uids, *gids = m->gids;
	int ns = p->user_ns;
	if (fd < 0) /* left to the child */
		return refused(o, p->old ? ENOSYS : EPERM, e);
	if (!uids && p->maps) {
		uids = &p->maps->uid_mappings;
		gids = &p->maps->gid_mappings;
	}
	if (uids && !(same(uids, last->uids) && same(gids, last->gids))) {
		int made = idmap_namespace(uids, gids, e);
		if (made < 0)
			return within(e, "%s", o->what);
		put_fd(&last->fd, made);
		last->uids = uids;
		last->gids = gids;
	}
	if (uids)
		ns = last->fd;
	const struct sys_mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP,
					     .userns_fd = (uint64_t)ns };
	unsigned flags = AT_EMPTY_PATH | (m->idmap == IDMAP_RECURSIVE ? AT_RECURSIVE : 0);
	return sys_mount_setattr(fd, "", flags, &attr) < 0 ? refused(o, errno, e) : 0;
}

int idmap_late(const struct plan *p, unsigned nth, int fd, struct err *e)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct op *o = &p->v[i];
		if (o->kind != OP_MOUNT || o->nth != nth || !o->mount.idmap)
			continue;
		int rc = idmap_apply(p, o, fd, e);
		return rc < 0 ? op_within(o->kind, nth, e) : 0;
	}
	return refuse(e, EPROTO, "the new process wants ids mapped for no mount of its plan");
}

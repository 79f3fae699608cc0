/* cgroup_unit.c - a cgroup that is a unit of systemd's: started around a process that keeps it. */
#include "base/file.h"
#include "base/proc.h"
#include "base/sys.h"
#include "box/cgroup_inner.h"
#include "box/keep.h"
#include "box/systemd.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

/* Waits for the end of the pipe, whose other end is ours alone. */
static _Noreturn void keeper_main(int pipe)
{
	char byte;
	struct keep keep = { .n = 0 };
	close(0);
	close(1);
	close(2);
	keep_add(&keep, pipe);
	keep_only(&keep, 0);
	while (read(pipe, &byte, 1) < 0 && errno == EINTR)
		;
	_exit(0);
}

static int keeper_start(struct cgroup_keeper *out, pid_t *pid, struct err *e)
{
	int ends[2], pidfd = -1;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return fail(e, errno, "make a pipe");
	const struct clone_args args = { .exit_signal = SIGCHLD };
	*pid = proc_clone(&args, &pidfd);
	if (*pid == 0)
		keeper_main(ends[0]);
	close(ends[0]);
	if (*pid < 0) {
		close(ends[1]);
		return fail(e, *pid, "clone a process");
	}
	*out = (struct cgroup_keeper){ pidfd, ends[1], NULL };
	return 0;
}

#define PIDS "pids.max"

static int set_room(const struct cgroup_dir *d, const char *n, struct err *e)
{
	int rc = file_put(d->fd, PIDS, n);
	return rc < 0 ? fail(e, rc, "linux.resources.pids.limit: write '%s' to %s/" PIDS, n,
			     d->path)
		      : 0;
}

/* On v1 nobody is born there: one comes in whatever the limit is. */
int cgroup_make_room(const struct cgroup *cg, struct cgroup_keeper *k, struct err *e)
{
	char most[32];
	const struct cgroup_dir *d = cg->v2 && k->pidfd >= 0 ? &cg->v[0] : NULL;
	if (!d || cgroup_get(d->fd, PIDS, most, sizeof(most)) <= 0 || strcmp(most, "1") != 0)
		return 0;
	k->full = d;
	return set_room(d, "2", e);
}

int cgroup_let_go(struct cgroup_keeper *k, struct err *e)
{
	struct exit_status st;
	const struct cgroup_dir *full = k->full;
	k->full = NULL;
	if (k->pidfd >= 0) {
		proc_signal(k->pidfd, SIGKILL);
		proc_reap(k->pidfd, &st);
	}
	put_fd(&k->pidfd, -1);
	put_fd(&k->pipe, -1);
	return full ? set_room(full, "1", e) : 0;
}

/* Whether the process is in the directory. Elsewhere, what we do to the directory we would do to
 * strangers, or to nobody. */
static int check_place(const struct cgroup *cg, pid_t pid, struct err *e)
{
	char line[32];
	auto_buf path = { 0 }, pids = { .max = 1 << 16 };
	const struct cgroup_dir *d = cgroup_unit_dir(cg);
	if (!d)
		return refuse(e, ENOTSUP, "systemd's own cgroup hierarchy is not mounted");
	buf_printf(&path, "%s/cgroup.procs", d->path);
	buf_char(&pids, '\n');
	snprintf(line, sizeof(line), "\n%d\n", (int)pid);
	if (path.failed || file_read(-1, path.p, &pids, NULL) < 0 || !strstr(pids.p, line))
		return refuse(e, ENOTSUP, "systemd did not put unit %s in cgroup %s",
			      cg->unit->name, d->path);
	return 0;
}

int cgroup_start_unit(struct cgroup *cg, const struct spec_resources *r,
		      const struct pairs *annotations, struct cgroup_keeper *out, struct err *e)
{
	pid_t pid = -1;
	const struct systemd_limits l = { .r = r, .v2 = cg->v2, .devices = true };
	struct cgroup_keeper k = { -1, -1, NULL };
	int rc = keeper_start(&k, &pid, e);
	if (rc == 0)
		rc = systemd_start(cg->unit, pid, &l, annotations, e);
	if (rc == 0)
		rc = check_place(cg, pid, e);
	if (rc < 0) {
		cgroup_let_go(&k, NULL);
		return rc;
	}
	cg->unit_is_new = true;
	*out = k;
	return 0;
}

/* criu.c - CRIU: found, run, spoken to. */
#include "box/criu.h"
#include "base/fdpass.h"
#include "base/file.h"
#include "base/pb.h"
#include "base/proc.h"
#include "base/sys.h"
#include "box/mountfd.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define ANSWER_MAX 8192 /* far more than CRIU says at once */

/* A run that goes on. */
struct running {
	const struct criu_call *call;
	struct arena *a;
	const char *program;
	pid_t pid;
	int pidfd, sock;
};

/* In PATH; NULL: nowhere, or no memory. */
static const char *program_find(struct arena *a, const char *program)
{
	const char *path = getenv("PATH");
	for (const char *at = path && *path ? path : "/usr/sbin:/usr/bin:/sbin:/bin"; *at;) {
		size_t n = strcspn(at, ":");
		const char *name = n ? arena_printf(a, "%.*s/%s", (int)n, at, program) : NULL;
		if (name && faccessat(-1, name, X_OK, 0) == 0)
			return name;
		at += n + (at[n] == ':');
	}
	return NULL;
}

bool criu_locks_by_nftables(struct arena *a)
{
	return !program_find(a, "iptables-restore");
}

/* What it or a program of its own says is not the container's output. A job of a shell gets that
 * shell's terminal from it. */
static int take_stdio(const struct criu_call *c)
{
	if (c->opts && c->opts->shell_job)
		return 0;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	return null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0 ? -errno : 0;
}

static int make_readonly(const char *place)
{
	struct stage stage = STAGE_NONE;
	const struct sys_mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };
	auto_close int fd = open(place, O_PATH | O_CLOEXEC);
	stage.old = !mountfd_api();
	return fd < 0 ? -errno : mountfd_set(&stage, fd, &attr, false);
}

/* CRIU wants the root to be a mount: here, where nobody else sees it. */
static int attach_root(const struct criu_call *c)
{
	if (!c->place)
		return 0;
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return -errno;
	int rc = c->root < 0 ? mount(c->root_path, c->place, NULL, MS_BIND | MS_REC, NULL)
			     : sys_move_mount(c->root, "", -1, c->place, MOVE_MOUNT_F_EMPTY_PATH);
	if (rc < 0 || mount(NULL, c->place, NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return -errno;
	return c->readonly ? make_readonly(c->place) : 0;
}

/* Root of a user namespace reads the images as one who is nobody in their directory: here alone, it
 * has another's mode, by an overlay of an empty one. */
static int let_all_in(const struct criu_call *c)
{
	char options[80];
	auto_close int below = open(c->images, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (below < 0 || mount("images", c->images, "tmpfs", 0, "mode=711,size=4k") < 0)
		return -errno;
	auto_close int above = open(c->images, O_PATH | O_DIRECTORY | O_CLOEXEC);
	snprintf(options, sizeof(options), "lowerdir=/proc/self/fd/%d:/proc/self/fd/%d", above,
		 below);
	return mount("images", c->images, "overlay", MS_RDONLY, options) < 0 ? -errno : 0;
}

/* What it opens by a path, and not by a descriptor of the mount namespace that we came from, it can
 * mount on. */
static int open_directories(const struct criu_call *c)
{
	const char *const paths[] = { c->work, c->images };
	const int places[] = { c->opts->work_dir_fd, c->opts->images_dir_fd };
	for (int i = 0; i < 2; i++) {
		if (!paths[i])
			continue;
		int rc = i && c->images_for_all ? let_all_in(c) : 0;
		if (rc < 0)
			return rc;
		int fd = open(paths[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0 || dup2(fd, places[i]) < 0) /* a dup is not closed by execve */
			return -errno;
	}
	return 0;
}

static int keep_open(const struct criu_call *c)
{
	for (size_t i = 0; i < c->nfds; i++)
		if (fcntl(c->fds[i], F_SETFD, 0) < 0)
			return -errno;
	return 0;
}

/* CRIU takes our descriptors from whoever made the socket: that is itself, so that they are of its
 * own mount namespace. */
static int make_socket(int sync)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	int rc = fd_send(sync, "", 1, &pair[0], 1);
	return rc < 0 ? rc : fcntl(pair[1], F_SETFD, 0) < 0 ? -errno : pair[1];
}

/* After the clone: system calls only. */
static _Noreturn void child_main(const struct running *r, int sync)
{
	const struct criu_call *c = r->call;
	char number[12], *argv[] = { (char[]){ "criu" }, (char[]){ "swrk" }, number, NULL };
	signals_reset(NULL);
	int rc = c->cgroup ? cgroup_join(c->cgroup) : 0;
	if (rc == 0)
		rc = attach_root(c);
	if (rc == 0)
		rc = take_stdio(c);
	if (rc == 0)
		rc = fds_close(3, ~0u, CLOSE_RANGE_CLOEXEC);
	if (rc == 0 && c->opts)
		rc = open_directories(c);
	if (rc == 0)
		rc = keep_open(c);
	if (rc == 0 && (rc = make_socket(sync)) >= 0) {
		snprintf(number, sizeof(number), "%d", rc);
		execve(r->program, argv, environ);
		rc = -errno;
	}
	send(sync, &rc, sizeof(rc), MSG_NOSIGNAL);
	_exit(127);
}

/* Its end of the socket, or why there is none. */
static int hear_socket(struct running *r, int sync, struct err *e)
{
	int why = 0, fds[FDPASS_MAX];
	int n = fd_receive(sync, &why, sizeof(why), fds);
	if (n > 0)
		r->sock = take_fd(&fds[0]);
	/* What comes after it is an execve that failed. */
	if (n == 1)
		n = fd_receive(sync, &why, sizeof(why), fds);
	if (n == (int)sizeof(why))
		return fail(e, why, "run %s", r->program);
	return n < 0 ? fail(e, n, "run %s", r->program) : 0;
}

static int begin(struct running *r, struct err *e)
{
	const struct criu_call *c = r->call;
	int pair[2], into = c->cgroup ? cgroup_clone_fd(c->cgroup) : -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return fail(e, errno, "make a socket pair");
	struct clone_args args = {
		.flags = (c->place ? CLONE_NEWNS : 0) | (into >= 0 ? CLONE_INTO_CGROUP : 0),
		.exit_signal = SIGCHLD,
		.cgroup = into >= 0 ? (uint64_t)into : 0,
	};
	r->pid = proc_clone(&args, &r->pidfd);
	if (r->pid == 0)
		child_main(r, pair[1]);
	int rc = r->pid < 0 ? fail(e, r->pid, "run %s", r->program) : 0;
	close(pair[1]);
	if (rc == 0)
		rc = hear_socket(r, pair[0], e);
	close(pair[0]);
	return rc;
}

static int say(struct running *r, CriuReq *m, struct err *e)
{
	size_t n;
	const void *p = pb_encode(m, r->a, &n);
	int rc = p ? fd_send(r->sock, p, n, NULL, 0) : -ENOMEM;
	return rc < 0 ? fail(e, rc, "speak to criu") : 0;
}

static int hear(struct running *r, CriuResp **out, int *fd, struct err *e)
{
	char text[ANSWER_MAX];
	int fds[FDPASS_MAX];
	int n = fd_receive(r->sock, text, sizeof(text), fds);
	if (n < 0)
		return fail(e, n, "hear from criu");
	put_fd(fd, take_fd(&fds[0]));
	for (size_t i = 1; i < FDPASS_MAX; i++)
		put_fd(&fds[i], -1);
	if (n == 0)
		return refuse(e, ECHILD, "criu ended without an answer");
	*out = pb_decode(&criu_resp__descriptor, r->a, text, (size_t)n);
	return *out ? 0 : refuse(e, EPROTO, "criu said something strange");
}

static const char *type_name(CriuReqType t)
{
	static const char *const names[] = {
		[CRIU_REQ_TYPE__DUMP] = "DUMP",
		[CRIU_REQ_TYPE__RESTORE] = "RESTORE",
		[CRIU_REQ_TYPE__PRE_DUMP] = "PRE_DUMP",
		[CRIU_REQ_TYPE__FEATURE_CHECK] = "FEATURE_CHECK",
	};
	const char *name = (size_t)t < sizeof(names) / sizeof(names[0]) ? names[t] : NULL;
	return name ? name : "request";
}

/* "(00.044814) Error (criu/cgroup.c:1337): cg: ...", but not one that only says that it gave
 * up, or what came of that. n is without what ends it. */
static bool is_cause(const char *line, size_t n)
{
	static const char *const given_up[] = { "FAILED.",
						"with -1\n",
						"exited with 1\n",
						"because of failure",
						"cgroupd: recv req error",
						"remove the directory" };
	if (!memmem(line, n, " Error (", 8))
		return false;
	for (size_t i = 0; i < sizeof(given_up) / sizeof(given_up[0]); i++)
		if (memmem(line, n + 1, given_up[i], strlen(given_up[i])))
			return false;
	return true;
}

/* The last error of the log: those before it did not stop CRIU. "" when there is none. */
static void read_cause(const struct criu_call *c, char *out, size_t size)
{
	auto_buf log = { 0 };
	int dir = c->opts->has_work_dir_fd ? c->opts->work_dir_fd : c->opts->images_dir_fd;
	*out = 0;
	if (file_read(dir, c->log, &log, NULL) < 0 || !log.p)
		return;
	for (const char *at = log.p; *at;) {
		size_t n = strcspn(at, "\n");
		const char *from = is_cause(at, n) ? strstr(at, "Error (") : NULL;
		if (from)
			snprintf(out, size, ": %.*s", (int)(n - (size_t)(from - at)), from);
		at += n + (at[n] == '\n');
	}
}

static int failed(const struct running *r, const CriuResp *m, struct err *e)
{
	const struct criu_call *c = r->call;
	char why[512] = "";
	if (!c->opts)
		return refuse(e, EIO, "criu failed: type %s errno %d", type_name(c->type),
			      (int)m->cr_errno);
	read_cause(c, why, sizeof(why));
	return refuse(e, m->cr_errno > 0 ? m->cr_errno : EIO,
		      "criu failed: type %s errno %d%s; log file: %s/%s", type_name(c->type),
		      (int)m->cr_errno, why, c->work ? c->work : c->images, c->log);
}

/* Until it answers our request itself. */
static int attend(struct running *r, CriuReq *request, CriuResp **out, struct err *e)
{
	const struct criu_call *c = r->call;
	auto_close int fd = -1;
	int rc = say(r, request, e);
	while (rc == 0) {
		CriuReq go = CRIU_REQ__INIT;
		rc = hear(r, out, &fd, e);
		if (rc < 0)
			return rc;
		if (!(*out)->success)
			return failed(r, *out, e);
		if ((*out)->type != CRIU_REQ_TYPE__NOTIFY)
			return 0;
		if (c->notified && (*out)->notify)
			rc = c->notified(c->arg, (*out)->notify, &fd, e);
		go.type = CRIU_REQ_TYPE__NOTIFY;
		go.has_notify_success = true;
		go.notify_success = rc == 0;
		int said = say(r, &go, rc < 0 ? NULL : e);
		rc = rc < 0 ? rc : said;
	}
	return rc;
}

/* After a pre-dump it would wait for the next one: the end of the socket is its end. */
static int finish(struct running *r, int rc, struct err *e)
{
	struct exit_status st;
	put_fd(&r->sock, -1);
	if (r->pid > 0 && proc_reap(r->pidfd, &st) == 0 && rc == 0 && st.code &&
	    r->call->type != CRIU_REQ_TYPE__PRE_DUMP)
		rc = refuse(e, ECHILD, "criu ended with status %d", st.code);
	put_fd(&r->pidfd, -1);
	return rc;
}

static int exchange(const struct criu_call *c, CriuReq *request, struct arena *a, CriuResp **out,
		    struct err *e)
{
	struct running r = { .call = c, .a = a, .pidfd = -1, .sock = -1 };
	r.program = program_find(a, "criu");
	if (!r.program)
		return refuse(e, ENOENT,
			      "criu is not installed: no such program in PATH; checkpoint and "
			      "restore need the package 'criu'");
	int rc = begin(&r, e);
	if (rc == 0)
		rc = attend(&r, request, out, e);
	return finish(&r, rc, e);
}

int criu_run(const struct criu_call *c, struct arena *a, pid_t *pid, struct err *e)
{
	CriuReq request = CRIU_REQ__INIT;
	CriuResp *answer = NULL;
	request.type = c->type;
	request.opts = c->opts;
	int rc = exchange(c, &request, a, &answer, e);
	if (rc < 0)
		return rc;
	if (pid && !answer->restore)
		return refuse(e, EPROTO, "criu told no pid");
	if (pid)
		*pid = answer->restore->pid;
	return 0;
}

int criu_features(struct arena *a, CriuFeatures *out, struct err *e)
{
	const struct criu_call call = { .type = CRIU_REQ_TYPE__FEATURE_CHECK, .root = -1 };
	CriuReq request = CRIU_REQ__INIT;
	CriuFeatures wanted = CRIU_FEATURES__INIT;
	CriuResp *answer = NULL;
	wanted.has_mem_track = wanted.mem_track = true;
	wanted.has_lazy_pages = wanted.lazy_pages = true;
	request.type = call.type;
	request.features = &wanted;
	int rc = exchange(&call, &request, a, &answer, e);
	if (rc < 0)
		return rc;
	if (!answer->features)
		return refuse(e, EPROTO, "criu told no features");
	*out = *answer->features;
	return 0;
}

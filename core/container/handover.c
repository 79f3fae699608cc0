/* handover.c - what a new process is given and what others are told of it: terminal, pid file,
 * HOME, OOM score. */
#include "base/fdpass.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "box/child.h"
#include "box/user.h"
#include "box/userns.h"
#include "container/inside.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* The directory of a path, open, and the name in it. */
static int open_parent(const char *path, int flags, const char **name, struct err *e)
{
	char dir[PATH_MAX];
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) + 1 : 0;
	*name = path + n;
	if (n >= sizeof(dir))
		return fail(e, ENAMETOOLONG, "open its directory");
	memcpy(dir, n ? path : ".", n ? n : 1);
	dir[n ? n : 1] = 0;
	int fd = open(dir, flags | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? fail(e, errno, "open its directory") : fd;
}

static int connect_at(const char *path, struct err *e)
{
	const char *name;
	auto_close int at = open_parent(path, O_PATH, &name, e);
	return at < 0 ? take_fd(&at) : unix_connect(at, name, SOCK_STREAM, e);
}

static int socket_send(const char *path, const char *kind, const char *message, int what,
		       struct err *e)
{
	auto_close int sock = connect_at(path, e);
	if (sock < 0)
		return within(e, "%s socket %.200s", kind, path);
	int rc = fd_send(sock, message, strlen(message), &what, 1);
	return rc < 0 ? fail(e, rc, "%s socket %s", kind, path) : 0;
}

int console_send(const char *path, int master, struct err *e)
{
	return socket_send(path, "console", "/dev/pts/ptmx", master, e);
}

int pidfd_send(const char *path, const char *name, int held, struct err *e)
{
	return socket_send(path, "pidfd", name, held, e);
}

/* The spec's ContainerProcessState. */
struct process_state {
	const char *oci_version;
	struct strs fds;
	int pid;
	const char *metadata, *state;
};

static const struct json_field process_state_fields[] = {
	JSON_F(J_STR, process_state, oci_version, "ociVersion", J_KEEP),
	JSON(J_STRS, process_state, fds, "fds"),
	JSON_F(J_INT, process_state, pid, "pid", J_KEEP),
	JSON(J_STR, process_state, metadata, "metadata"),
	JSON(J_RAW, process_state, state, "state"),
	{ 0 },
};

int listener_send(struct container *c, const struct spec_seccomp *s, const struct child *child,
		  int listener, struct err *e)
{
	const char *name = "seccompFd";
	auto_buf state = { 0 }, text = { 0 };
	/* Who may trace the child can have it say anything. */
	if (!s || !s->listener_path)
		return refuse(e, EPROTO, "a seccomp listener that no profile asked for");
	auto_close int sock = connect_at(s->listener_path, e);
	bool gone = sock == -ECONNREFUSED || sock == -ENOENT;
	if (gone && !seccomp_notifies(s)) { /* his socket may be left of him */
		*e = (struct err){ 0 };
		return child_go(child, e);
	}
	if (sock < 0)
		return within(e, "failed to connect with seccomp agent specified in the seccomp "
				 "profile (linux.seccomp.listenerPath)");
	state_write_hook(&c->state, c->state.pid == child->pid ? "creating" : "running", &state);
	const struct process_state p = { .oci_version = SPEC_VERSION,
					 .fds = { &name, 1 },
					 .pid = child->pid,
					 .metadata = s->listener_metadata,
					 .state = state.p };
	json_write(&text, process_state_fields, &p, 0);
	int rc = state.failed || text.failed ? -ENOMEM
					     : fd_send(sock, text.p, text.len, &listener, 1);
	if (rc < 0)
		return fail(e, rc, "send the seccomp listener to %s", s->listener_path);
	return child_go(child, e);
}

int pid_file_write(const char *path, pid_t pid, struct err *e)
{
	char text[16];
	const char *name;
	auto_close int at = open_parent(path, O_RDONLY, &name, e);
	int n = snprintf(text, sizeof(text), "%d", (int)pid);
	int rc = at < 0 ? at : file_swap(at, name, text, (size_t)n, 0644, e);
	return rc < 0 ? within(e, "pid file %.200s", path) : 0;
}

/* The last one counts, and an empty one is none. */
static bool has_home(const struct strs *env)
{
	for (size_t i = env->n; i-- > 0;)
		if (!strncmp(env->v[i], "HOME=", 5))
			return env->v[i][5] != 0;
	return false;
}

/* The size of the terminal that we are at; NULL: of none. */
static struct spec_size *own_size(struct arena *a)
{
	struct winsize w;
	for (int fd = 0; fd < 3; fd++) {
		if (ioctl(fd, TIOCGWINSZ, &w) < 0 || !w.ws_row || !w.ws_col)
			continue;
		struct spec_size *s = arena_alloc(a, sizeof(*s));
		if (s)
			*s = (struct spec_size){ .height = w.ws_row, .width = w.ws_col };
		return s;
	}
	return NULL;
}

int process_on_screen(const struct spec_process *p, bool plain, struct arena *a,
		      const struct spec_process **out, struct err *e)
{
	*out = p;
	if (!p->terminal)
		return 0;
	struct spec_size *size = own_size(a);
	struct spec_process *copy = arena_alloc(a, sizeof(*copy));
	if (!copy)
		return fail(e, E2BIG, "process");
	*copy = *p;
	copy->console_plain = plain;
	if (size)
		copy->console_size = size;
	*out = copy;
	return 0;
}

int process_with_home(const struct spec_process *p, int root, struct arena *a,
		      const struct spec_process **out, struct err *e)
{
	*out = p;
	if (has_home(&p->env))
		return 0;
	struct spec_process *copy = arena_alloc(a, sizeof(*copy));
	const char **env = arena_array(a, p->env.n + 2, sizeof(*env));
	/* Whatever is wrong with its passwd is no reason not to run: it only has no home. */
	const char *home = arena_printf(a, "HOME=%s", user_home(root, p->user.uid, a));
	if (!copy || !env || !home)
		return fail(e, E2BIG, "process.env");
	if (p->env.n)
		memcpy(env, p->env.v, p->env.n * sizeof(*env));
	env[p->env.n] = home;
	*copy = *p;
	copy->env = (struct strs){ env, p->env.n + 1 };
	*out = copy;
	return 0;
}

int preserved_count(int n, struct err *e)
{
	if (n < 0 || n > PRESERVED_MAX)
		return refuse(e, EINVAL, "--preserve-fds: %d is no number of files", n);
	return 0;
}

int preserved_check(int n, struct err *e)
{
	for (int fd = 3; fd - 3 < n; fd++) {
		int flags = fcntl(fd, F_GETFD);
		if (flags < 0 || flags & FD_CLOEXEC) /* ours, then */
			return refuse(e, EBADF, "--preserve-fds %d: file %d is not open", n, fd);
	}
	return preserved_count(n, e);
}

int oom_score_set(pid_t pid, const struct opt_i64 *adj, struct err *e)
{
	char path[48], text[24];
	if (!adj->set)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int)pid);
	snprintf(text, sizeof(text), "%" PRId64, adj->v);
	int rc = file_put(AT_FDCWD, path, text);
	if ((rc == -EACCES || rc == -EPERM) && (!we_are_root() || !userns_first())) {
		log_warn("process.oomScoreAdj: %s is below what one may set without privileges; it "
			 "stays as it is",
			 text);
		return 0;
	}
	if (rc == -EACCES || rc == -EPERM)
		return refuse(e, EPERM,
			      "process.oomScoreAdj: %s is below what this machine allows here; "
			      "lowering it needs CAP_SYS_RESOURCE",
			      text);
	return rc < 0 ? fail(e, rc, "set oom_score_adj to %s", text) : 0;
}

int container_resctrl(const struct spec *s, struct container *c, struct resctrl *out, struct err *e)
{
	const char *root;
	int rc = resctrl_find(c->arena, &root, e);
	return rc == 0 ? resctrl_plan(root, s->linux_->intel_rdt, c->id, c->arena, out, e) : rc;
}

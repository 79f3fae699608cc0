/* hook.c - programs that the spec wants run at points of a container's life. */
#include "box/hook.h"
#include "base/file.h"
#include "base/proc.h"
#include "base/sys.h"

#include <limits.h>
#include <linux/sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

static _Noreturn void hook_main(const struct op_exec *x, int input, int output)
{
	setpgid(0, 0);
	fds_close(3, ~0u, CLOSE_RANGE_CLOEXEC); /* our caller's are none of its business */
	signals_reset(); /* our caller may have blocked some for its own loop */
	/* What our caller was given, for itself or for the container. */
	fds_close(3, ~0u, CLOSE_RANGE_CLOEXEC);
	if (dup2(input, 0) >= 0 && dup2(output, 1) >= 0 && dup2(output, 2) >= 0) {
		execve(x->paths[0], (char *const *)x->argv, (char *const *)x->envp);
		const char *why = strerror(errno);
		write_all(2, why, strlen(why));
	}
	_exit(127);
}

/* The end of what is in the file, blanks for line ends and other control characters. */
static void read_end(int fd, char said[HOOK_SAID])
{
	off_t size = lseek(fd, 0, SEEK_END), from = size > HOOK_SAID - 1 ? size - HOOK_SAID + 1 : 0;
	ssize_t n = size > 0 ? pread(fd, said, HOOK_SAID - 1, from) : 0;
	for (ssize_t i = 0; i < n; i++)
		if ((unsigned char)said[i] < ' ')
			said[i] = ' ';
	while (n > 0 && said[n - 1] == ' ')
		n--;
	said[n > 0 ? n : 0] = 0;
}

static int hook_wait(pid_t pid, int held, int timeout_ms)
{
	struct exit_status st = { 0 };
	int late = timeout_ms > 0 ? proc_wait_end(held, timeout_ms) : 0;
	if (late == -ETIMEDOUT) { /* with all that it has started in its group */
		kill(-pid, SIGKILL);
		proc_signal(held, SIGKILL);
	}
	int rc = proc_reap(held, &st);
	return late < 0 ? late : rc < 0 ? rc : st.code ? -ECANCELED : 0;
}

int hook_run(const struct op_exec *x, char said[HOOK_SAID])
{
	auto_close int input = memfd_create("state", MFD_CLOEXEC);
	auto_close int output = memfd_create("output", MFD_CLOEXEC);
	said[0] = 0;
	if (input < 0 || output < 0)
		return -errno;
	int rc = write_all(input, x->input, x->input_size);
	if (rc < 0 || lseek(input, 0, SEEK_SET) < 0)
		return rc < 0 ? rc : -errno;
	struct clone_args args = { .exit_signal = SIGCHLD };
	auto_close int held = -1;
	pid_t pid = proc_clone(&args, &held);
	if (pid == 0)
		hook_main(x, input, output);
	rc = pid < 0 ? pid : hook_wait(pid, held, x->timeout_ms);
	read_end(output, said);
	return rc;
}

/* In milliseconds; 0: none. */
static int timeout_of(const struct spec_hook *h)
{
	if (!h->timeout.set || h->timeout.v <= 0)
		return 0;
	return h->timeout.v > INT_MAX / 1000 ? INT_MAX : (int)h->timeout.v * 1000;
}

const struct op_exec *hook_exec(const struct spec_hook *h, const char *state, struct arena *a)
{
	struct op_exec *x = arena_alloc(a, sizeof(*x));
	const char **paths = arena_array(a, 2, sizeof(*paths));
	const char **argv = arena_array(a, h->args.n + 2, sizeof(*argv));
	const char **envp = arena_array(a, h->env.n + 1, sizeof(*envp));
	if (!x || !paths || !argv || !envp)
		return NULL;
	paths[0] = argv[0] = h->path;
	if (h->args.n)
		memcpy(argv, h->args.v, h->args.n * sizeof(*argv));
	if (h->env.n)
		memcpy(envp, h->env.v, h->env.n * sizeof(*envp));
	*x = (struct op_exec){
		.name = h->path,
		.paths = paths,
		.argv = argv,
		.envp = envp,
		.input = state,
		.input_size = strlen(state),
		.timeout_ms = timeout_of(h),
	};
	return x;
}

int hook_failed(struct err *e, const char *path, const char *said)
{
	return refuse(e, ECANCELED, "hook %s failed%s%s", path, *said ? ": " : "", said);
}

int hooks_run(const struct spec_hook_list *l, const char *state, struct arena *a, struct err *e)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct op_exec *x = hook_exec(&l->v[i], state, a);
		char said[HOOK_SAID] = "";
		int rc = x ? hook_run(x, said) : -E2BIG;
		if (rc == -ECANCELED)
			return hook_failed(e, l->v[i].path, said);
		if (rc < 0)
			return fail(e, rc, "hook %s", l->v[i].path);
	}
	return 0;
}

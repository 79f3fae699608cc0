/* hook.c - programs that the spec wants run at points of a container's life. */
#include "box/hook.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/sys.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

extern char **environ;

static _Noreturn void hook_main(const struct op_exec *x, int input, int output)
{
	setpgid(0, 0);
	signals_reset(NULL); /* our caller may have blocked some for its own loop */
	/* What our caller was given, for itself or for the container. */
	fds_close(3, ~0u, CLOSE_RANGE_CLOEXEC);
	if (x->dir)
		(void)!chdir(x->dir); /* as good a place as any other, if it is gone */
	int out = x->out[0] ? x->out[0] : output, err = x->out[1] ? x->out[1] : output;
	if (dup2(input, 0) >= 0 && dup2(out, 1) >= 0 && dup2(err, 2) >= 0) {
		execve(x->paths[0], (char *const *)x->argv, (char *const *)x->envp);
		const char *why = strerror(errno);
		write_all(2, why, strlen(why));
	}
	_exit(127);
}

/* How it ended, and the end of what is in the file: blanks for line ends and other control
 * characters. */
static void tell_end(const struct exit_status *st, int fd, char said[HOOK_SAID])
{
	const char *name = strsignal(st->signal); /* "Killed" */
	int begin = st->signal ? snprintf(said, HOOK_SAID, "signal: %c%s: ", *name | ' ', name + 1)
			       : snprintf(said, HOOK_SAID, "exit status %d: ", st->code);
	off_t room = HOOK_SAID - 1 - begin, size = lseek(fd, 0, SEEK_END);
	off_t from = size > room ? size - room : 0;
	ssize_t n = size > 0 ? pread(fd, said + begin, (size_t)room, from) : 0;
	n = begin + (n > 0 ? n : 0);
	text_tame(said + begin, (size_t)(n - begin), ' ');
	while (n > 0 && (said[n - 1] == ' ' || (n <= begin && said[n - 1] == ':')))
		n--;
	said[n] = 0;
}

/* 0, -ETIMEDOUT, or -EINTR: it is to be stopped. */
static int await_end(int held, const struct op_exec *x)
{
	struct pollfd p[] = { { .fd = held, .events = PROC_END },
			      { .fd = x->stop ? x->stop : -1, .events = POLLIN } };
	int n;
	do {
		n = proc_poll(p, 2, x->timeout_ms > 0 ? x->timeout_ms : -1);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n == 0 ? -ETIMEDOUT : p[1].revents ? -EINTR : 0;
}

static int hook_wait(pid_t pid, int held, const struct op_exec *x, struct exit_status *st)
{
	/* Else it is only reaped, which needs no look at /proc: on old kernels that one is not of
	 * the pid namespace that we are in. */
	int late = x->timeout_ms > 0 || x->stop ? await_end(held, x) : 0;
	if (late < 0) { /* with all that it has started in its group */
		kill(-pid, SIGKILL);
		proc_signal(held, SIGKILL);
	}
	int rc = proc_reap(held, st);
	return late < 0 && late != -EINTR ? late : rc < 0 ? rc : st->code ? -ECANCELED : 0;
}

int hook_run(const struct op_exec *x, pid_t *who, char said[HOOK_SAID])
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
	*who = pid;
	struct exit_status st = { 0 };
	rc = pid < 0 ? pid : hook_wait(pid, held, x, &st);
	if (rc == -ECANCELED)
		tell_end(&st, output, said);
	return rc;
}

/* In milliseconds; 0: none. */
static int timeout_of(const struct spec_hook *h)
{
	if (!h->timeout.set || h->timeout.v <= 0)
		return 0;
	return h->timeout.v > INT_MAX / 1000 ? INT_MAX : (int)h->timeout.v * 1000;
}

const struct op_exec *hook_exec(const struct spec_hook *h, const struct hook_stage *stage,
				struct arena *a)
{
	struct op_exec *x = arena_alloc(a, sizeof(*x));
	const char **paths = arena_array(a, 2, sizeof(*paths));
	const char **argv = arena_array(a, h->args.n + 2, sizeof(*argv));
	const struct strs *env = !h->env.n && stage->env ? stage->env : &h->env;
	const char **envp = arena_array(a, env->n + 1, sizeof(*envp));
	if (!x || !paths || !argv || !envp)
		return NULL;
	paths[0] = argv[0] = h->path;
	if (h->args.n)
		memcpy(argv, h->args.v, h->args.n * sizeof(*argv));
	if (env->n)
		memcpy(envp, env->v, env->n * sizeof(*envp));
	*x = (struct op_exec){
		.name = h->path,
		.paths = paths,
		.argv = argv,
		/* Who is given none at all has ours: hooks look for programs in its PATH. */
		.envp = env->v ? envp : (const char *const *)environ,
		.dir = stage->dir,
		.input = stage->state,
		.input_size = strlen(stage->state),
		.timeout_ms = timeout_of(h),
		.stop = stage->stop,
		.out = { stage->out[0], stage->out[1] },
	};
	return x;
}

int hook_files(const struct pairs *annotations, int out[2], struct err *e)
{
	static const char *const notes[] = { "run.oci.hooks.stdout", "run.oci.hooks.stderr" };
	out[0] = out[1] = 0;
	for (int i = 0; i < 2; i++) {
		const char *path = pairs_get(annotations, notes[i]);
		if (!path)
			continue;
		int fd = open(path,
			      O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
			      0600);
		if (fd < 0) {
			int rc = fail(e, errno, "annotations.%s: open %s", notes[i], path);
			hook_files_close(out);
			return rc;
		}
		fcntl(fd, F_SETFL, O_APPEND);
		out[i] = fd;
	}
	return 0;
}

void hook_files_close(int out[2])
{
	for (int i = 0; i < 2; i++) {
		if (out[i])
			close(out[i]);
		out[i] = 0;
	}
}

int hook_failed(struct err *e, const char *what, const char *said)
{
	return refuse(e, ECANCELED, "%s failed: %s", what, said);
}

int hooks_run(const struct spec_hook_list *l, const struct hook_stage *stage, struct arena *a,
	      struct err *e)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct op_exec *x = hook_exec(&l->v[i], stage, a);
		char said[HOOK_SAID] = "", what[512];
		bool tells = log_tells(LOG_DEBUG);
		uint64_t began = tells ? clock_monotonic_ns() : 0;
		pid_t pid = 0;
		int rc = x ? hook_run(x, &pid, said) : -E2BIG;
		snprintf(what, sizeof(what), HOOK_WHAT, stage->name, stage->first + i,
			 l->v[i].path);
		if (tells)
			log_debug("%s hook #%zu, %s: process %d, %u ms", stage->name,
				  stage->first + i, l->v[i].path, (int)pid,
				  (unsigned)((clock_monotonic_ns() - began) / 1000000));
		if (rc == -ECANCELED)
			return hook_failed(e, what, said);
		if (rc < 0)
			return fail(e, rc, "%s", what);
	}
	return 0;
}

/* ps.c - processes as ps(1) shows them. */
#include "container/ps.h"
#include "base/file.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define PS_MAX ((size_t)64 << 20)

extern char **environ;

static int spawn(const char *const *argv, int out, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	int rc = posix_spawn_file_actions_init(&actions);
	if (rc)
		return -rc;
	rc = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	if (!rc)
		rc = posix_spawnp(pid, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv,
				  environ);
	posix_spawn_file_actions_destroy(&actions);
	return -rc;
}

static int run(const char *const *argv, struct buf *out, struct err *e)
{
	int ends[2], status;
	pid_t pid;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return fail(e, errno, "run ps");
	auto_close int in = ends[0];
	int rc = spawn(argv, ends[1], &pid);
	close(ends[1]);
	if (rc == -ENOENT)
		return refuse(e, ENOENT,
			      "ps: executable file not found in $PATH; --format json needs none");
	if (rc < 0)
		return fail(e, rc, "run ps");
	rc = file_read_fd(in, "the output of ps", out, e);
	close(take_fd(&in)); /* one that still writes ends of it */
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (rc == 0 && status)
		rc = refuse(e, EIO, "ps failed with status %d", WEXITSTATUS(status));
	return rc;
}

/* The nth word of a line; NULL: it has fewer. */
static const char *word(const char *line, size_t n)
{
	line += strspn(line, " \t");
	for (; n && *line; n--) {
		line += strcspn(line, " \t");
		line += strspn(line, " \t");
	}
	return *line ? line : NULL;
}

static bool has(const struct u32s *pids, unsigned long pid)
{
	for (size_t i = 0; i < pids->n; i++)
		if (pids->v[i] == pid)
			return true;
	return false;
}

static int pid_column(const char *title, size_t *out)
{
	const char *w;
	for (*out = 0; (w = word(title, *out)); (*out)++)
		if (strcspn(w, " \t") == 3 && !strncmp(w, "PID", 3))
			return 0;
	return -ENOENT;
}

int ps_filter(char *text, const struct u32s *pids, struct buf *out, struct err *e)
{
	size_t column = 0;
	bool title = true;
	for (char *save = NULL, *line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		const char *pid = NULL;
		if (title && pid_column(line, &column) < 0)
			return refuse(e, EINVAL, "couldn't find PID field in ps output");
		if (!title && (!(pid = word(line, column)) || *pid < '0' || *pid > '9'))
			return refuse(e, EINVAL, "unable to get pid from ps output: %.100s", line);
		if (title || has(pids, strtoul(pid, NULL, 10)))
			buf_printf(out, "%s\n", line);
		title = false;
	}
	return title ? refuse(e, EINVAL, "couldn't find PID field in ps output") : 0;
}

int ps_table(const struct u32s *pids, const struct strs *args, struct arena *a, struct buf *out,
	     struct err *e)
{
	const char **argv = arena_array(a, args->n + 3, sizeof(*argv));
	auto_buf text = { .max = PS_MAX };
	if (!argv)
		return fail(e, E2BIG, "ps");
	argv[0] = "ps";
	argv[1] = "-ef";
	if (args->n)
		memcpy(argv + 1, args->v, args->n * sizeof(*argv));
	int rc = run(argv, &text, e);
	return rc < 0 ? rc : ps_filter(text.p ? text.p : (char[]){ "" }, pids, out, e);
}

/* helper.c - a program that keeps logins: asked on its stdin, heard on its stdout, held in bounds.
 */
#include "image/helper.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/proc.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

#define ANSWER_MAX ((size_t)64 << 10)

struct login {
	const char *user, *secret;
};
static const struct json_field login_fields[] = {
	JSON(J_STR, login, user, "Username"),
	JSON(J_STR, login, secret, "Secret"),
	{ 0 },
};

/* In the child. */
static void become(const char *program, int in, int out)
{
	const char *const argv[] = { program, "get", NULL };
	if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0)
		_exit(126);
	execvp(program, (char *const *)(uintptr_t)argv);
	_exit(errno == ENOENT ? 127 : 126);
}

/* Everything that it says, until it closes its stdout. */
static int listen_to(int fd, int timeout_ms, struct buf *b, struct err *e)
{
	const uint64_t ms = 1000000, end = clock_monotonic_ns() + (uint64_t)timeout_ms * ms;
	char chunk[4096];
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		uint64_t now = clock_monotonic_ns();
		int n = now < end ? poll(&p, 1, (int)((end - now) / ms) + 1) : 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0)
			return refuse(e, ETIMEDOUT, "it did not answer in %d ms", timeout_ms);
		ssize_t got = n < 0 ? -1 : read(fd, chunk, sizeof(chunk));
		if (got < 0)
			return fail(e, errno, "listen to it");
		if (got == 0)
			return 0;
		if (b->len + (size_t)got > ANSWER_MAX)
			return refuse(e, E2BIG, "it says more than %zu bytes", ANSWER_MAX);
		buf_add(b, chunk, (size_t)got);
	}
}

static int run(const char *program, const char *server, int timeout_ms, struct buf *b,
	       struct exit_status *status, struct err *e)
{
	int in[2], out[2];
	if (pipe2(in, O_CLOEXEC) < 0)
		return fail(e, errno, "make a pipe");
	auto_close int in_read = in[0];
	auto_close int in_write = in[1];
	if (pipe2(out, O_CLOEXEC) < 0)
		return fail(e, errno, "make a pipe");
	auto_close int out_read = out[0];
	auto_close int out_write = out[1];
	/* The pipe has room for it: nobody waits, and a helper that does not read is none the
	 * worse. */
	int rc = write_all(in_write, server, strlen(server));
	if (rc < 0)
		return fail(e, rc, "tell it the server");
	put_fd(&in_write, -1);
	pid_t pid = fork();
	if (pid < 0)
		return fail(e, errno, "fork");
	if (pid == 0)
		become(program, in_read, out_write);
	put_fd(&out_write, -1);
	auto_close int held = proc_hold(pid);
	rc = held < 0 ? fail(e, held, "hold it") : listen_to(out_read, timeout_ms, b, e);
	if (rc == 0 && proc_wait_end(held, timeout_ms) < 0)
		rc = refuse(e, ETIMEDOUT, "it does not end");
	if (rc < 0)
		kill(pid, SIGKILL); /* not reaped, so the pid is still its own */
	int end = held < 0 ? held : proc_reap(held, status);
	return rc == 0 && end < 0 ? fail(e, end, "wait for its end") : rc;
}

static int read_login(struct buf *b, struct arena *a, struct credentials *out, struct err *e)
{
	struct login l = { 0 };
	int rc = json_read(b->p ? b->p : "", b->len, login_fields, &l, a, e);
	if (rc < 0)
		return rc;
	if (!l.user || !l.secret)
		return refuse(e, EPROTO, "it gives no Username and Secret");
	if (!strcmp(l.user, "<token>")) {
		out->identity = l.secret;
		return 0;
	}
	const char *pair = arena_printf(a, "%s:%s", l.user, l.secret);
	return pair ? credentials_encode(pair, a, &out->basic, e)
		    : fail(e, E2BIG, "keep the login");
}

static int ask(const char *program, const char *server, int timeout_ms, struct arena *a,
	       struct credentials *out, struct err *e)
{
	auto_buf b = { .max = ANSWER_MAX + 1 };
	struct exit_status status = { 0 };
	int rc = run(program, server, timeout_ms, &b, &status, e);
	if (rc < 0)
		return rc;
	if (status.code == 0)
		return read_login(&b, a, out, e);
	if (status.code == 127 && !b.len)
		return refuse(e, ENOENT, "it is not in the PATH");
	/* The words by which a helper says that it has none. */
	if (b.len && strstr(b.p, "credentials not found"))
		return 0;
	int line = b.len ? (int)strcspn(b.p, "\r\n") : 0;
	return refuse(e, EIO, "it failed (%s %d)%s%.*s", status.signal ? "signal" : "status",
		      status.signal ? status.signal : status.code, line ? ": " : "",
		      line < 300 ? line : 300, b.p ? b.p : "");
}

int helper_get(const char *name, const char *server, int timeout_ms, struct arena *a,
	       struct credentials *out, struct err *e)
{
	*out = (struct credentials){ 0 };
	if (!*name || *name == '.' ||
	    name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")])
		return refuse(e, EINVAL, "%.40s is not the name of a credential helper", name);
	const char *program = arena_printf(a, "docker-credential-%s", name);
	if (!program)
		return fail(e, E2BIG, "ask a credential helper");
	int rc = ask(program, server, timeout_ms, a, out, e);
	return rc < 0 ? within(e, "%.100s for %.200s", program, server) : 0;
}

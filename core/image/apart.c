/* apart.c - foreign bytes that are made sense of by a process which can do nothing else. */
#include "image/apart.h"
#include "base/file.h"
#include "image/confine.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* In memory that both share. */
struct verdict {
	bool spoken;
	struct err e;
};

static void apart_main(const struct apart *a, int out, pid_t parent,
		       int (*run)(void *arg, int out, struct err *e), void *arg)
{
	const struct confinement nothing = { .write = -1, .read = -1 };
	struct err *e = &a->verdict->e;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(1);
	int rc = confine(&nothing, e);
	if (rc == 0)
		rc = run(arg, out, e);
	if (rc < 0 && !e->code)
		fail(e, rc, "read %.300s", a->what);
	a->verdict->spoken = true;
	_exit(0);
}

/* Its end of the pipe is closed: it has ended, or is another's by now. */
static int judge(struct apart *a, struct err *e)
{
	int status = 0;
	kill(a->pid, SIGKILL); /* not reaped, so the pid is still its own */
	while (waitpid(a->pid, &status, 0) < 0 && errno == EINTR)
		;
	a->pid = 0;
	struct verdict v = *a->verdict;
	v.e.msg[sizeof(v.e.msg) - 1] = 0;
	if (!v.spoken)
		return refuse(e, EIO, "the process that read %.300s %s %d", a->what,
			      WIFEXITED(status) ? "ended with status" : "was killed by signal",
			      WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
	return v.e.code > 0 ? refuse(e, v.e.code, "%s", v.e.msg) : 0;
}

static ssize_t apart_read(struct source *s, const void **p, struct err *e)
{
	struct apart *a = (struct apart *)s;
	ssize_t n = a->pid ? source_read(&a->file.source, p, e) : 0;
	return n == 0 && a->pid ? judge(a, e) : n;
}

int apart_begin(struct apart *a, const char *what, int (*run)(void *arg, int out, struct err *e),
		void *arg, struct err *e)
{
	int ends[2];
	a->source.read = apart_read;
	a->what = what;
	file_source_init(&a->file, -1);
	a->verdict = mmap(NULL, sizeof(*a->verdict), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (a->verdict == MAP_FAILED || pipe2(ends, O_CLOEXEC) < 0)
		return fail(e, errno, "read %.300s", what);
	a->file.fd = ends[0];
	auto_close int out = ends[1];
	pid_t parent = getpid();
	a->pid = fork();
	if (a->pid == 0)
		apart_main(a, out, parent, run, arg);
	if (a->pid > 0)
		return 0;
	a->pid = 0;
	return fail(e, errno, "fork to read %.300s", what);
}

void apart_end(struct apart *a)
{
	struct err ignored;
	if (!a->verdict)
		return;
	if (a->pid)
		judge(a, &ignored);
	put_fd(&a->file.fd, -1);
	if (a->verdict != MAP_FAILED)
		munmap(a->verdict, sizeof(*a->verdict));
}

/* subid.c - a user namespace with all the ids that a user has. */
#include "box/subid.h"
#include "base/arena.h"
#include "base/file.h"
#include "base/proc.h"
#include "base/sys.h"
#include "box/ns.h"
#include "box/user.h"
#include "box/userns.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define MARK   "_CORACLE_USER" /* of the environment: the user whose root we are, "ID[:alone]" */
#define MEMORY ((size_t)4 << 20)
#define RANGES 64
#define SUBIDS ((size_t)1 << 20)

bool subid_inside(void)
{
	return getenv(MARK) != NULL;
}

bool subid_alone(void)
{
	const char *mark = getenv(MARK);
	return mark && strchr(mark, ':');
}

void subid_parse(char *text, const char *name, const char *number, size_t room,
		 struct spec_id_mappings *out)
{
	char *save = NULL;
	const struct spec_id_mapping *last = out->n ? &out->v[out->n - 1] : NULL;
	uint32_t next = last ? last->container_id + last->size : 0;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		unsigned long long first, count;
		size_t n = strcspn(line, ":");
		bool his = (n == strlen(number) && !strncmp(line, number, n)) ||
			   (name && n == strlen(name) && !strncmp(line, name, n));
		if (!his || out->n == room ||
		    sscanf(line + n, ":%19llu:%19llu", &first, &count) != 2)
			continue;
		if (first >= UINT32_MAX) /* which is no id, nor is what follows */
			continue;
		if (count > UINT32_MAX - first)
			count = UINT32_MAX - first;
		if (count > UINT32_MAX - next)
			count = UINT32_MAX - next;
		if (!count)
			continue;
		out->v[out->n++] = (struct spec_id_mapping){ next, (uint32_t)first,
							     (uint32_t)count };
		next += (uint32_t)count;
	}
}

static int read_ids(const char *file, unsigned long own, const char *name, const char *number,
		    struct arena *a, struct spec_id_mappings *out)
{
	auto_buf text = { .max = SUBIDS };
	out->v = arena_array(a, RANGES, sizeof(*out->v));
	if (!out->v)
		return -ENOMEM;
	out->v[0] = (struct spec_id_mapping){ 0, (uint32_t)own, 1 };
	out->n = 1;
	if (file_read(-1, file, &text, NULL) == 0 && text.p)
		subid_parse(text.p, name, number, RANGES, out);
	return 0;
}

int subid_ids(struct arena *a, struct spec_linux *out, struct err *e)
{
	auto_close int root = openat(-1, "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	unsigned long uid = getauxval(AT_EUID), gid = getauxval(AT_EGID);
	const char *name = user_name(root, (uint32_t)uid, a);
	const char *number = arena_printf(a, "%lu", uid);
	if (!number || read_ids("/etc/subuid", uid, name, number, a, &out->uid_mappings) < 0 ||
	    read_ids("/etc/subgid", gid, name, number, a, &out->gid_mappings) < 0)
		return fail(e, ENOMEM, "read the subordinate ids");
	bool no_helpers = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 || !userns_has_tools();
	if (out->uid_mappings.n == 1 || out->gid_mappings.n == 1 || no_helpers)
		out->uid_mappings.n = out->gid_mappings.n = 1; /* either alone is of no use */
	return 0;
}

/* What the two processes share while one maps the ids of the other. */
struct shared {
	struct err why;
	int rc;
};

static struct shared *share(void)
{
	void *p = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

/* Waits until its parent is in its new namespace, which is when the pipe ends. */
static _Noreturn void map_parent(pid_t parent, int pipe[2], const struct spec_linux *l,
				 struct shared *s)
{
	char byte;
	close(pipe[1]);
	if (read(pipe[0], &byte, 1) == 1)
		s->rc = userns_map(parent, l, &s->why);
	_exit(0);
}

static int become_root(bool alone, struct err *e)
{
	char text[32];
	if (syscall(SYS_setresgid, 0, 0, 0) < 0 || syscall(SYS_setresuid, 0, 0, 0) < 0)
		return fail(e, errno, "become root of a user namespace");
	snprintf(text, sizeof(text), "%lu%s", getauxval(AT_EUID), alone ? ":alone" : "");
	return setenv(MARK, text, 1) < 0 ? fail(e, errno, "set the environment") : 0;
}

static int move(struct err *e)
{
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0)
		return 0;
	return fail(e, errno,
		    "make a user namespace (user.max_user_namespaces and other settings of the "
		    "kernel may forbid it)");
}

static int enter_with(struct shared *s, const struct spec_linux *l, struct err *e)
{
	int pipe[2];
	struct clone_args args = { .exit_signal = SIGCHLD };
	pid_t self = getpid();
	if (pipe2(pipe, O_CLOEXEC) < 0)
		return fail(e, errno, "make a pipe");
	pid_t pid = proc_clone(&args, NULL);
	if (pid == 0)
		map_parent(self, pipe, l, s);
	close(pipe[0]);
	int rc = pid < 0 ? fail(e, pid, "clone a process") : move(e);
	if (rc == 0 && write(pipe[1], "m", 1) != 1)
		rc = fail(e, errno, "tell the process that maps the ids");
	close(pipe[1]);
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (rc == 0 && s->rc < 0) {
		*e = s->why;
		rc = s->rc;
	}
	return rc < 0 ? rc : become_root(l->uid_mappings.n == 1, e);
}

void subid_drop_groups(void)
{
	syscall(SYS_setgroups, 0, NULL); /* where it is denied they stay */
}

int subid_enter(struct err *e)
{
	bool root = we_are_root();
	int rc = subid_enter_grouped(e);
	if (rc == 0 && !root)
		subid_drop_groups();
	return rc;
}

int subid_enter_grouped(struct err *e)
{
	struct spec_linux l = { 0 };
	if (we_are_root())
		return 0;
	struct shared *s = share();
	auto_arena *a = arena_new(MEMORY);
	if (!a || !s)
		return fail(e, ENOMEM, "enter a user namespace");
	s->rc = refuse(&s->why, EIO, "the process that was to map the ids died");
	int rc = subid_ids(a, &l, e);
	if (rc == 0)
		rc = enter_with(s, &l, e);
	munmap(s, sizeof(*s));
	return rc;
}

/* Of those that it is in, one in another, that which was made in ours. */
static int outermost(int inner)
{
	struct stat own, st;
	auto_close int ns = fcntl(inner, F_DUPFD_CLOEXEC, 0);
	if (ns < 0 || ns_own(CLONE_NEWUSER, &own) < 0)
		return -errno;
	for (;;) {
		auto_close int above = ioctl(ns, NS_GET_PARENT);
		if (above < 0 || fstat(above, &st) < 0)
			return -errno;
		if (st.st_ino == own.st_ino)
			return take_fd(&ns);
		put_fd(&ns, take_fd(&above));
	}
}

int subid_join(int inner, struct err *e)
{
	auto_buf map = { 0 };
	auto_close int ns = outermost(inner);
	if (ns < 0)
		return fail(e, ns, "look at its user namespace");
	if (setns(ns, CLONE_NEWUSER) < 0 || unshare(CLONE_NEWNS) < 0)
		return fail(e, errno, "enter its user namespace");
	int rc = file_read(-1, "/proc/self/uid_map", &map, e);
	const char *next = map.p ? strchr(map.p, '\n') : NULL;
	return rc < 0 ? rc : become_root(!next || !next[1], e);
}

struct called {
	int (*call)(void *arg, struct err *e);
	void *arg;
};

static int call_inside(void *arg, struct err *e)
{
	const struct called *c = arg;
	int rc = subid_enter(e);
	return rc < 0 ? rc : c->call(c->arg, e);
}

int subid_call(int (*call)(void *arg, struct err *e), void *arg, struct err *e)
{
	struct called c = { call, arg };
	return we_are_root() ? call(arg, e) : proc_call(call_inside, &c, e);
}

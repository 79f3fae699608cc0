/* kin.c - the processes that no cgroup tells: who is in a container's namespaces, and a process's
 * children. */
#include "box/kin.h"
#include "base/file.h"
#include "base/proc.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MEMORY	 ((size_t)16 << 20)
#define KILL_MS	 10000
#define ROUNDS	 100 /* of signals, for what is born meanwhile */
#define KIN_MOST 65536

struct one {
	pid_t pid, parent;
	bool there, kin;
};

/* Init's namespaces: which process is in the same. 0: does not count. */
struct identity {
	ino_t pid, user;
};

static ino_t namespace_of(pid_t pid, const char *kind)
{
	char path[48];
	struct stat st;
	snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, kind);
	return stat(path, &st) < 0 ? 0 : st.st_ino;
}

/* False: it has ended. */
static bool look_at(struct one *o)
{
	char path[32], text[512], state;
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)o->pid);
	auto_close int fd = openat(-1, path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return false;
	text[n] = 0;
	char *p = strrchr(text, ')'); /* the name before it may hold anything */
	return p && sscanf(p + 1, " %c %d", &state, &o->parent) == 2 && state != 'Z' &&
	       state != 'X';
}

static int by_pid(const void *a, const void *b)
{
	pid_t x = ((const struct one *)a)->pid, y = ((const struct one *)b)->pid;
	return x < y ? -1 : x > y;
}

/* All processes in sight. */
static int read_all(struct arena *a, struct one **out, size_t *count)
{
	DIR *d = opendir("/proc");
	struct one *v = arena_array(a, KIN_MOST, sizeof(*v));
	size_t n = 0;
	for (struct dirent *de; d && v && n < KIN_MOST && (de = readdir(d));)
		if (isdigit((unsigned char)de->d_name[0]))
			v[n++].pid = (pid_t)strtol(de->d_name, NULL, 10);
	if (d)
		closedir(d);
	if (n)
		qsort(v, n, sizeof(*v), by_pid);
	*out = v;
	*count = n;
	return d && v ? 0 : -ENOMEM;
}

static bool is_kin(const struct one *o, const struct identity *id)
{
	return (id->pid && namespace_of(o->pid, "pid") == id->pid) ||
	       (id->user && namespace_of(o->pid, "user") == id->user);
}

/* Children of kin are kin, whatever namespaces they made for themselves. */
static void spread(struct one *v, size_t n)
{
	for (bool more = true; more;) {
		more = false;
		for (size_t i = 0; i < n; i++) {
			const struct one key = { .pid = v[i].parent };
			const struct one *parent = v[i].kin || !v[i].there
							   ? NULL
							   : bsearch(&key, v, n, sizeof(*v),
								     by_pid);
			if (parent && parent->kin)
				more = v[i].kin = true;
		}
	}
}

static struct identity identify(pid_t init, const struct strs *own)
{
	return (struct identity){ strs_has(own, "pid") ? namespace_of(init, "pid") : 0,
				  strs_has(own, "user") ? namespace_of(init, "user") : 0 };
}

int kin_pids(pid_t init, const struct strs *own, struct arena *a, struct u32s *out, struct err *e)
{
	struct one *v;
	size_t n;
	*out = (struct u32s){ 0 };
	if (init <= 0)
		return 0;
	const struct identity id = identify(init, own);
	if (read_all(a, &v, &n) < 0)
		return fail(e, ENOMEM, "list the processes");
	uint32_t *pids = arena_array(a, n, sizeof(*pids));
	if (!pids)
		return fail(e, ENOMEM, "list the processes");
	for (size_t i = 0; i < n; i++) {
		v[i].there = look_at(&v[i]);
		v[i].kin = v[i].there && (v[i].pid == init || is_kin(&v[i], &id));
	}
	spread(v, n);
	for (size_t i = 0; i < n; i++)
		if (v[i].kin)
			pids[out->n++] = (uint32_t)v[i].pid;
	out->v = pids;
	return 0;
}

static bool lists(const struct u32s *l, pid_t pid)
{
	for (size_t i = 0; i < l->n; i++)
		if ((pid_t)l->v[i] == pid)
			return true;
	return false;
}

/* The number may be somebody else's by now: who is still kin once we hold a pidfd is the one that
 * was meant. */
static int signal_one(pid_t pid, const struct identity *id, const struct u32s *kin, int sig)
{
	struct one o = { .pid = pid };
	auto_close int fd = proc_hold(pid);
	if (fd >= 0 && (!look_at(&o) || (!is_kin(&o, id) && !lists(kin, o.parent))))
		return 0;
	int rc = fd < 0 ? fd : proc_signal(fd, sig);
	if (rc < 0)
		return rc == -ESRCH || rc == -EINVAL ? 0 : rc;
	return sig == SIGKILL ? proc_wait_end(fd, KILL_MS) : 0;
}

/* One round: how many were there besides init. */
static int signal_round(pid_t init, const struct strs *own, int sig, struct err *e)
{
	struct u32s pids;
	auto_arena *a = arena_new(MEMORY);
	int rc = a ? kin_pids(init, own, a, &pids, e) : fail(e, ENOMEM, "list the processes");
	int others = 0;
	const struct identity id = identify(init, own);
	for (size_t i = 0; rc >= 0 && i < pids.n; i++) {
		if ((pid_t)pids.v[i] == init)
			continue;
		others++;
		rc = signal_one((pid_t)pids.v[i], &id, &pids, sig);
		if (rc < 0)
			return fail(e, rc, "signal process %u", pids.v[i]);
	}
	return rc < 0 ? rc : others;
}

int kin_signal(pid_t init, int init_pidfd, const struct strs *own, int sig, struct err *e)
{
	int others = 0;
	/* The end of a pid namespace's init is the end of all in it. */
	if (sig != SIGKILL || !strs_has(own, "pid"))
		for (int i = 0; i < ROUNDS && (!i || (sig == SIGKILL && others > 0)); i++)
			if ((others = signal_round(init, own, sig, e)) < 0)
				return others;
	int rc = proc_signal(init_pidfd, sig);
	if (rc < 0 && rc != -ESRCH)
		return fail(e, rc, "signal process %d", (int)init);
	rc = sig == SIGKILL ? proc_wait_end(init_pidfd, KILL_MS) : 0;
	return rc < 0 ? fail(e, rc, "wait for the end of process %d", (int)init) : 0;
}

int kin_kill(pid_t pid, int pidfd, struct err *e)
{
	static const struct strs none;
	int others = 0, before = -1;
	int rc = proc_signal(pidfd, SIGSTOP);
	for (int i = 0; rc == 0 && i < ROUNDS && others > before; i++) {
		before = others;
		others = signal_round(pid, &none, SIGSTOP, e);
		rc = others < 0 ? others : 0;
	}
	return rc < 0 && rc != -ESRCH ? rc : kin_signal(pid, pidfd, &none, SIGKILL, e);
}

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
	unsigned long long start; /* with the number, whom it means */
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
	return p &&
	       sscanf(p + 1, " %c %d %*d%*d%*d%*d%*u%*u%*u%*u%*u%*u%*u%*d%*d%*d%*d%*d%*d %llu",
		      &state, &o->parent, &o->start) == 3 &&
	       state != 'Z' && state != 'X';
}

/* Whether that number still means the same. */
static bool still(const struct one *o)
{
	struct one now = { .pid = o->pid };
	return look_at(&now) && now.start == o->start;
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

/* Children of kin are kin, whatever namespaces they made for themselves. Who named his parent did
 * so before we look at that one again: it was the same all the time. */
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
			if (parent && parent->kin && still(parent))
				more = v[i].kin = true;
		}
	}
}

static struct identity identify(pid_t init, const struct strs *own)
{
	return (struct identity){ strs_has(own, "pid") ? namespace_of(init, "pid") : 0,
				  strs_has(own, "user") ? namespace_of(init, "user") : 0 };
}

/* Adds the children of one, as each of its threads has them: those that say so themselves, if it is
 * still the same then. False: this kernel does not list them. */
static bool add_children(struct one *v, size_t of, size_t *n)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/task", (int)v[of].pid);
	DIR *d = opendir(path);
	bool listed = true;
	size_t before = *n;
	for (struct dirent *de; d && (de = readdir(d));) {
		auto_buf text = { 0 };
		if (!isdigit((unsigned char)de->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "%.20s/children", de->d_name);
		int rc = file_read(dirfd(d), path, &text, NULL);
		if (rc == -ENOENT && faccessat(dirfd(d), de->d_name, F_OK, 0) == 0)
			listed = false;
		for (char *at = text.p; at && isdigit((unsigned char)*at) && *n < KIN_MOST;) {
			struct one o = { .pid = (pid_t)strtol(at, &at, 10) };
			at += *at == ' ';
			if (look_at(&o) && o.parent == v[of].pid)
				v[(*n)++] = o;
		}
	}
	if (d)
		closedir(d);
	if (!still(&v[of]))
		*n = before;
	return listed;
}

/* Who descends from init, without a look at all other processes. -ENOSYS: this kernel does not
 * tell. */
static int descendants(pid_t init, struct arena *a, struct one **out, size_t *count)
{
	struct one *v = arena_array(a, KIN_MOST, sizeof(*v));
	if (!v)
		return -ENOMEM;
	v[0] = (struct one){ .pid = init };
	size_t n = look_at(&v[0]);
	for (size_t i = 0; i < n; i++)
		if (!add_children(v, i, &n))
			return -ENOSYS;
	if (n)
		qsort(v, n, sizeof(*v), by_pid);
	*out = v;
	*count = n;
	return 0;
}

/* Whoever has init's number when that is gone is not meant. */
static int find_kin(const struct kin_of *of, struct arena *a, struct one **out, size_t *count)
{
	const pid_t init = of->init;
	struct one *v;
	size_t n, kin = 0;
	*count = 0;
	if (init <= 0)
		return 0;
	const struct identity id = identify(init, of->own);
	if (!id.pid && !id.user && descendants(init, a, out, count) == 0) {
		*count = proc_signal(of->held, 0) == -ESRCH ? 0 : *count;
		return 0;
	}
	if (proc_signal(of->held, 0) == -ESRCH)
		return 0;
	if (read_all(a, &v, &n) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		v[i].there = look_at(&v[i]);
		v[i].kin = v[i].there && (v[i].pid == init || (is_kin(&v[i], &id) && still(&v[i])));
	}
	spread(v, n);
	for (size_t i = 0; i < n; i++)
		if (v[i].kin)
			v[kin++] = v[i];
	*out = v;
	*count = kin;
	return 0;
}

int kin_pids(const struct kin_of *of, struct arena *a, struct u32s *out, struct err *e)
{
	struct one *v = NULL;
	size_t n = 0;
	*out = (struct u32s){ 0 };
	uint32_t *pids = find_kin(of, a, &v, &n) < 0 ? NULL : arena_array(a, n, sizeof(*pids));
	if (!pids)
		return fail(e, ENOMEM, "list the processes");
	for (size_t i = 0; i < n; i++)
		pids[i] = (uint32_t)v[i].pid;
	*out = (struct u32s){ pids, n };
	return 0;
}

/* Start times are too coarse to tell a child that ended at once from who has its number then. But
 * its parent tells, unless that has ended meanwhile, of our signal. */
static bool is_meant(const struct one *now, const struct one *meant)
{
	struct one parent = { .pid = meant->parent };
	return now->start == meant->start && (now->parent == meant->parent || !look_at(&parent));
}

/* The number may be somebody else's by now. */
static int signal_one(const struct one *meant, int sig)
{
	struct one o = { .pid = meant->pid };
	auto_close int fd = proc_hold(o.pid);
	if (fd >= 0 && (!look_at(&o) || !is_meant(&o, meant)))
		return 0;
	int rc = fd < 0 ? fd : proc_signal(fd, sig);
	if (rc < 0)
		return rc == -ESRCH || rc == -EINVAL ? 0 : rc;
	return sig == SIGKILL ? proc_wait_end(fd, KILL_MS) : 0;
}

/* One round: how many were there besides init. */
static int signal_round(const struct kin_of *of, int sig, struct err *e)
{
	struct one *v = NULL;
	size_t n = 0;
	int others = 0;
	auto_arena *a = arena_new(MEMORY);
	if (!a || find_kin(of, a, &v, &n) < 0)
		return fail(e, ENOMEM, "list the processes");
	for (size_t i = 0; i < n; i++) {
		if (v[i].pid == of->init)
			continue;
		others++;
		int rc = signal_one(&v[i], sig);
		if (rc < 0)
			return fail(e, rc, "signal process %d", (int)v[i].pid);
	}
	return others;
}

int kin_signal(const struct kin_of *of, int sig, struct err *e)
{
	int others = 0;
	/* The end of a pid namespace's init is the end of all in it. */
	if (sig != SIGKILL || !strs_has(of->own, "pid"))
		for (int i = 0; i < ROUNDS && (!i || (sig == SIGKILL && others > 0)); i++)
			if ((others = signal_round(of, sig, e)) < 0)
				return others;
	int rc = proc_signal(of->held, sig);
	if (rc < 0 && rc != -ESRCH)
		return fail(e, rc, "signal process %d", (int)of->init);
	rc = sig == SIGKILL ? proc_wait_end(of->held, KILL_MS) : 0;
	return rc < 0 ? fail(e, rc, "wait for the end of process %d", (int)of->init) : 0;
}

int kin_kill(pid_t pid, int pidfd, struct err *e)
{
	static const struct strs none;
	const struct kin_of of = { pid, pidfd, &none };
	int others = 0, before = -1;
	int rc = proc_signal(pidfd, SIGSTOP);
	for (int i = 0; rc == 0 && i < ROUNDS && others > before; i++) {
		before = others;
		others = signal_round(&of, SIGSTOP, e);
		rc = others < 0 ? others : 0;
	}
	return rc < 0 && rc != -ESRCH ? rc : kin_signal(&of, SIGKILL, e);
}

/* userns.c - user namespaces: which ids are mapped, who may map them, and the helpers that may. */
#include "box/userns.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/sys.h"
#include "box/hook.h"
#include "box/ns.h"
#include "box/subid.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define HELPER_MS     10000
#define HELPER_MEMORY ((size_t)1 << 20)

bool we_are_root(void)
{
	return getauxval(AT_EUID) == 0 || subid_inside();
}

/* It is not allocated as others are: its number, 0xeffffffd, is the same everywhere. */
#define FIRST "user:[4026531837]"

bool userns_first(void)
{
	char own[32] = "";
	ssize_t n = readlink("/proc/self/ns/user", own, sizeof(own) - 1);
	return n < 0 || !strcmp(own, FIRST);
}

int64_t userns_outside(const struct spec_id_mappings *m, uint32_t id)
{
	for (size_t i = 0; i < m->n; i++)
		if (id >= m->v[i].container_id && id - m->v[i].container_id < m->v[i].size)
			return (int64_t)m->v[i].host_id + (id - m->v[i].container_id);
	return -1;
}

bool userns_maps(const struct spec_id_mappings *m, uint32_t id)
{
	return userns_outside(m, id) >= 0;
}

/* Anybody may show his own id as another one, and nothing else. */
static bool ours_alone(const struct spec_id_mappings *m, unsigned long own)
{
	return m->n == 1 && m->v[0].size == 1 && m->v[0].host_id == own;
}

bool userns_denies_groups(const struct spec_linux *l)
{
	return !we_are_root() && ours_alone(&l->gid_mappings, getauxval(AT_EGID));
}

/* The mappings that the configuration tells; NULL: no user namespace, or one that exists. */
static const struct spec_linux *told(const struct spec *s)
{
	const struct spec_namespace *user = spec_namespace(s, "user");
	return user && !(user->path && *user->path) && s->linux_->uid_mappings.n ? s->linux_ : NULL;
}

int userns_check_user(const struct spec *s, const struct spec_user *u, struct err *e)
{
	static const char words[] = "to unmapped user in user namespace: the container has no id";
	const struct spec_linux *l = told(s);
	if (!l)
		return 0;
	if (!userns_maps(&l->uid_mappings, u->uid))
		return refuse(e, EINVAL, "process.user.uid: cannot set uid %s %" PRIu32, words,
			      u->uid);
	if (!userns_maps(&l->gid_mappings, u->gid))
		return refuse(e, EINVAL, "process.user.gid: cannot set gid %s %" PRIu32, words,
			      u->gid);
	if (u->additional_gids.n && userns_denies_groups(l))
		return refuse(e, EPERM,
			      "process.user.additionalGids: cannot set any additional groups in a "
			      "rootless container that has one gid alone");
	for (size_t i = 0; i < u->additional_gids.n; i++)
		if (!userns_maps(&l->gid_mappings, u->additional_gids.v[i]))
			return refuse(e, EINVAL,
				      "process.user.additionalGids[%zu]: cannot set gid %s "
				      "%" PRIu32,
				      i, words, u->additional_gids.v[i]);
	return 0;
}

void userns_root(const struct spec *s, const struct spec_user *u, uid_t *uid, gid_t *gid)
{
	const struct spec_linux *l = told(s);
	*uid = !l || userns_maps(&l->uid_mappings, 0) ? 0 : u->uid;
	*gid = !l || userns_maps(&l->gid_mappings, 0) ? 0 : u->gid;
}

int userns_check_option(const struct spec *s, const char *option, const char *what, struct err *e)
{
	unsigned id;
	bool uid = sscanf(option, "uid=%10u", &id) == 1;
	if (!uid && sscanf(option, "gid=%10u", &id) != 1)
		return 0;
	const struct spec_linux *l = told(s);
	if (!l || userns_maps(uid ? &l->uid_mappings : &l->gid_mappings, id))
		return 0;
	const char *name = uid ? "uid" : "gid";
	return refuse(e, EINVAL,
		      "%s: cannot specify %s= mount options for unmapped %s in rootless "
		      "containers: the container has no id %u",
		      what, name, name, id);
}

/* One kind of id. */
struct kind {
	const char *file, *tool, *field;
};
static const struct kind uids = { "uid_map", "newuidmap", "linux.uidMappings" };
static const struct kind gids = { "gid_map", "newgidmap", "linux.gidMappings" };

static int write_map(int proc, const struct kind *k, const struct spec_id_mappings *m,
		     struct err *e)
{
	bool gid = k == &gids;
	auto_buf text = { 0 };
	for (size_t i = 0; i < m->n; i++)
		buf_printf(&text, "%" PRIu32 " %" PRIu32 " %" PRIu32 "\n", m->v[i].container_id,
			   m->v[i].host_id, m->v[i].size);
	int rc = text.failed ? -ENOMEM : file_put(proc, k->file, text.p);
	if (rc == -EPERM)
		return refuse(e, EPERM,
			      "%s: the kernel does not let us map these ids: a range is not within "
			      "one of our own user namespace's, or CAP_SET%.1sID or CAP_SETFCAP is "
			      "missing",
			      k->field, gid ? "G" : "U");
	if (rc == -EINVAL)
		return refuse(e, EINVAL,
			      "%s: the kernel refuses them: ranges overlap, or are too many",
			      k->field);
	return rc < 0 ? fail(e, rc, "%s: write %s", k->field, k->file) : 0;
}

/* Where a distribution puts its privileged programs, whatever our caller's PATH is. */
static const char *find_tool(const struct kind *k, struct arena *a)
{
	static const char *const places[] = { "/usr/bin", "/bin",	    "/usr/sbin",
					      "/sbin",	  "/usr/local/bin", "/run/wrappers/bin" };
	struct stat st;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		const char *path = arena_printf(a, "%s/%s", places[i], k->tool);
		if (path && stat(path, &st) == 0 && S_ISREG(st.st_mode))
			return path;
	}
	return NULL;
}

bool userns_has_tools(void)
{
	auto_arena *a = arena_new(HELPER_MEMORY);
	return a && find_tool(&uids, a) && find_tool(&gids, a);
}

static int run_tool(pid_t pid, const struct kind *k, const struct spec_id_mappings *m,
		    struct arena *a, struct err *e)
{
	static const char *const nothing[] = { NULL };
	char said[HOOK_SAID];
	const char *path = find_tool(k, a);
	const char **argv = arena_array(a, 3 * m->n + 3, sizeof(*argv));
	if (!path)
		return refuse(e, ENOENT,
			      "%s: to map more than one's own id, %s is needed (of the package "
			      "uidmap), and it is not installed",
			      k->field, k->tool);
	size_t n = 0;
	bool full = !argv || !(argv[n++] = path) || !(argv[n++] = arena_printf(a, "%d", (int)pid));
	for (size_t i = 0; !full && i < m->n; i++) {
		const uint32_t v[] = { m->v[i].container_id, m->v[i].host_id, m->v[i].size };
		for (size_t j = 0; j < 3; j++)
			full |= !(argv[n++] = arena_printf(a, "%" PRIu32, v[j]));
	}
	if (full)
		return fail(e, E2BIG, "%s", k->field);
	const struct op_exec x = {
		.name = path, .paths = &path, .argv = argv, .envp = nothing, .timeout_ms = HELPER_MS
	};
	pid_t tool;
	int rc = hook_run(&x, &tool, said);
	if (rc == -ECANCELED)
		return refuse(e, EPERM,
			      "%s: %s failed%s%s (the ids that a user may map are in "
			      "/etc/sub%.3s)",
			      k->field, path, *said ? ": " : "", said, k->file);
	return rc < 0 ? fail(e, rc, "%s: %s", k->field, path) : 0;
}

static int map(pid_t pid, int proc, const struct kind *k, const struct spec_id_mappings *m,
	       struct err *e)
{
	bool gid = k == &gids;
	unsigned long own = getauxval(gid ? AT_EGID : AT_EUID);
	if (!we_are_root() && !ours_alone(m, own)) {
		auto_arena *a = arena_new(HELPER_MEMORY);
		return a ? run_tool(pid, k, m, a, e) : fail(e, ENOMEM, "%s", k->field);
	}
	if (gid && !we_are_root())
		file_put(proc, "setgroups", "deny"); /* Linux 3.19 asks for it */
	return write_map(proc, k, m, e);
}

int userns_map(pid_t pid, const struct spec_linux *l, struct err *e)
{
	char path[32];
	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	auto_close int proc = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (proc < 0)
		return fail(e, errno, "open %s", path);
	int rc = map(pid, proc, &uids, &l->uid_mappings, e);
	return rc == 0 ? map(pid, proc, &gids, &l->gid_mappings, e) : rc;
}

static int read_map(int proc, const struct kind *k, struct arena *a, struct spec_id_mappings *out,
		    struct err *e)
{
	auto_buf text = { 0 };
	int rc = file_read(proc, k->file, &text, e);
	*out = (struct spec_id_mappings){ 0 };
	for (const char *p = rc < 0 ? NULL : text.p; p && *p;
	     p += strcspn(p, "\n"), p += *p == '\n') {
		struct spec_id_mapping m, *to;
		if (sscanf(p, "%" SCNu32 " %" SCNu32 " %" SCNu32, &m.container_id, &m.host_id,
			   &m.size) != 3)
			return refuse(e, EBADMSG, "%s of /proc is no map of ids", k->file);
		if (!(to = LIST_ADD(a, out)))
			return fail(e, E2BIG, "read %s", k->file);
		*to = m;
	}
	if (rc == 0 && !out->n)
		return refuse(e, EINVAL, "its %s is empty: nobody has given it ids yet", k->file);
	return rc;
}

int userns_read(int held, struct arena *a, struct spec_linux *out, struct err *e)
{
	auto_close int proc = proc_dir(held);
	if (proc < 0)
		return fail(e, proc, "look at the process");
	int rc = read_map(proc, &uids, a, &out->uid_mappings, e);
	return rc < 0 ? rc : read_map(proc, &gids, a, &out->gid_mappings, e);
}

/* Says whether it is in the namespace, and is there until it has been looked at. */
static _Noreturn void live_in(int ns, const int pair[2])
{
	int error = setns(ns, CLONE_NEWUSER) < 0 ? errno : 0;
	close(pair[0]);
	if (write(pair[1], &error, sizeof(error)) == sizeof(error))
		while (read(pair[1], &error, sizeof(error)) < 0 && errno == EINTR)
			;
	_exit(0);
}

int userns_look(int ns, struct arena *a, struct spec_linux *out, struct err *e)
{
	const struct clone_args args = { .exit_signal = SIGCHLD };
	struct exit_status st;
	int pair[2], held = -1, error = 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return fail(e, errno, "make a socket");
	pid_t pid = proc_clone(&args, &held);
	if (pid == 0)
		live_in(ns, pair);
	close(pair[1]);
	ssize_t n = pid < 0 ? -1 : read(pair[0], &error, sizeof(error));
	int rc = pid < 0		       ? fail(e, pid, "clone a process")
		 : n != (ssize_t)sizeof(error) ? refuse(e, EIO, "the process in it died")
		 : error		       ? fail(e, error, "enter it")
					       : userns_read(held, a, out, e);
	close(pair[0]);
	if (pid > 0)
		proc_reap(held, &st);
	put_fd(&held, -1);
	return rc;
}

/* In whatever order. */
static bool same(const struct spec_id_mappings *one, const struct spec_id_mappings *other)
{
	size_t found = 0;
	for (size_t i = 0; i < one->n; i++)
		for (size_t k = 0; k < other->n; k++)
			found += !memcmp(&one->v[i], &other->v[k], sizeof(one->v[i]));
	return one->n == other->n && found == one->n;
}

int userns_settle(struct arena *a, const struct spec **spec, struct err *e)
{
	const struct spec_namespace *user = spec_namespace(*spec, "user");
	const char *path = user && user->path && *user->path ? user->path : NULL;
	auto_close int fd = path ? open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) : -1;
	struct spec_linux maps = { 0 };
	if (!user || (!path && (*spec)->linux_->uid_mappings.n))
		return 0;
	if (path && (fd < 0 || userns_look(fd, a, &maps, NULL) < 0))
		return 0; /* who joins it says what is wrong with it */
	int rc = path ? 0 : subid_ids(a, &maps, e);
	if (rc < 0)
		return rc;
	struct spec *copy = arena_alloc(a, sizeof(*copy));
	struct spec_linux *l = arena_alloc(a, sizeof(*l));
	if (!copy || !l)
		return fail(e, E2BIG, "linux.namespaces");
	*copy = **spec;
	*l = *copy->linux_;
	bool uids_differ = l->uid_mappings.n && !same(&l->uid_mappings, &maps.uid_mappings);
	if (uids_differ || (l->gid_mappings.n && !same(&l->gid_mappings, &maps.gid_mappings)))
		return refuse(e, EINVAL,
			      "linux.%s: the user namespace %s, which is joined, has others; leave "
			      "them out, or the path",
			      uids_differ ? "uidMappings" : "gidMappings", path);
	if (l->uid_mappings.n || l->gid_mappings.n)
		log_warn("config.json has both a userns path to join and a matching userns mapping "
			 "specified -- you may only provide one");
	l->uid_mappings = maps.uid_mappings;
	l->gid_mappings = maps.gid_mappings;
	copy->linux_ = l;
	*spec = copy;
	return 0;
}

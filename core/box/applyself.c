/* applyself.c - the child changes itself: namespaces, session, limits, credentials, and at last its
 * program. */
#include "base/file.h"
#include "base/sys.h"
#include "base/walk.h"
#include "box/apply.h"
#include "box/hook.h"
#include "box/ns.h"
#include "oci/capability.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

int apply_join(struct self *s, const struct op *o)
{
	(void)s;
	return o->flags ? ns_join(o->fd, o->flags) : 0;
}

/* One by one if they are not to be had together: which it is that there is not tells nobody. */
int apply_unshare(struct self *s, const struct op *o)
{
	int rc = unshare((int)o->flags) < 0 ? -errno : 0;
	for (uint64_t left = rc < 0 ? o->flags : 0; left; left &= left - 1) {
		uint64_t one = left & -left;
		if (unshare((int)one) == 0)
			continue;
		rc = -errno;
		snprintf(s->words, sizeof(s->words), "%s", ns_type(one));
		return rc;
	}
	return 0;
}

/* The system calls themselves: the C library's functions would look for threads. */
int apply_become_root(struct self *s, const struct op *o)
{
	(void)s;
	const struct op_ids *r = &o->ids;
	if (syscall(SYS_setresgid, r->gid, r->gid, r->gid) < 0 ||
	    syscall(SYS_setresuid, r->uid, r->uid, r->uid) < 0)
		return -errno;
	if (!r->keep_groups)
		syscall(SYS_setgroups, 0, NULL); /* not allowed without a privileged mapping, and
						  * then there are none */
	return 0;
}

int apply_session(struct self *s, const struct op *o)
{
	(void)s;
	if (setsid() < 0 && errno != EPERM)
		return -errno;
	/* A keyring less is no reason to fail: old kernels, filters and quotas. */
	long ring = o->path ? syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, o->path) : -1;
	if (ring >= 0 && o->flags) /* others of the container may join it */
		syscall(SYS_keyctl, KEYCTL_SETPERM, ring, o->flags);
	return 0;
}

int apply_stdio(struct self *s, const struct op *o)
{
	(void)o;
	int high[3];
	for (int i = 0; i < 3; i++) {
		int fd = s->setup->stdio[i];
		high[i] = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
		if (fd >= 0 && high[i] < 0)
			return -errno;
	}
	for (int i = 0; i < 3; i++)
		if (high[i] >= 0 && dup2(high[i], i) < 0)
			return -errno;
	return 0;
}

int apply_loopback(struct self *s, const struct op *o)
{
	(void)s;
	(void)o;
	return ns_loopback_up();
}

int apply_hostname(struct self *s, const struct op *o)
{
	(void)s;
	return sethostname(o->path, strlen(o->path)) < 0 ? -errno : 0;
}

int apply_domainname(struct self *s, const struct op *o)
{
	(void)s;
	return setdomainname(o->path, strlen(o->path)) < 0 ? -errno : 0;
}

/* A filter is there already that may deny it to us. */
static int limited_by_starter(struct self *s, int resource, const struct rlimit *l)
{
	struct child_message m = { .kind = CHILD_LIMIT, .error = resource };
	memcpy(m.what, l, sizeof(*l));
	return write(s->starter, &m, sizeof(m)) < 0 ? -errno : await_go(s->starter);
}

int apply_limit(struct self *s, const struct op *o)
{
	const struct op_limit *want = &o->limit;
	struct rlimit l;
	/* Later it may only be lowered. */
	if (want->again && getrlimit((unsigned)want->resource, &l) == 0 && l.rlim_max >= want->hard)
		return 0;
	l = (struct rlimit){ .rlim_cur = want->again ? want->hard : want->soft,
			     .rlim_max = want->hard };
	if (want->filtered)
		return limited_by_starter(s, want->resource, &l);
	return setrlimit((unsigned)want->resource, &l) < 0 ? -errno : 0;
}

int apply_umask(struct self *s, const struct op *o)
{
	(void)s;
	umask((mode_t)o->flags);
	return 0;
}

int apply_bound(struct self *s, const struct op *o)
{
	(void)s;
	for (int i = 0; i < 64; i++) {
		if (o->caps.bounding & (1ull << i) || prctl(PR_CAPBSET_DROP, i, 0, 0, 0) == 0)
			continue;
		if (errno == EINVAL)
			break; /* the kernel knows no more */
		if (prctl(PR_CAPBSET_READ, i, 0, 0, 0) != 0)
			return -EPERM;
	}
	return 0;
}

/* The workload may reopen its own stdio: pipes and its terminal become its user's. In the place of
 * the host's null device, whose mode its root could change, is the container's own. */
int apply_own_stdio(struct self *s, const struct op *o)
{
	auto_close int null = -1;
	for (int i = 0; i < 3; i++) {
		struct stat st;
		if (fstat(i, &st) < 0)
			continue;
		bool owned = S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode) || s->terminal >= 0;
		if (owned && st.st_uid != o->flags)
			(void)!fchown(i, (uid_t)o->flags, (gid_t)-1);
		if (!o->path || !stat_is_null(&st))
			continue;
		if (null < 0)
			null = open(o->path, O_RDWR | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC);
		if (null >= 0 && fd_is_null(null) && dup2(null, i) < 0)
			return -errno;
	}
	return 0;
}

/* In a user namespace that may not set groups at all there are none to be kept either, as runc has
 * it. */
static bool groups_denied(struct self *s)
{
	char word[4] = "";
	int proc = own_proc(s);
	auto_close int fd = proc < 0 ? -1 : openat(proc, "self/setgroups", O_RDONLY | O_CLOEXEC);
	bool denied = fd >= 0 && read(fd, word, sizeof(word)) == sizeof(word) &&
		      !memcmp(word, "deny", sizeof(word));
	put_fd(&s->proc, -1);
	return denied;
}

/* In runc's words, for a user namespace that was made by others. */
static int unmapped(struct self *s, const char *kind)
{
	if (errno == EINVAL)
		snprintf(s->words, sizeof(s->words),
			 "cannot set %s to unmapped user in user namespace", kind);
	return -errno;
}

/* Who was executed as root, and is in no other user namespace, is root already. */
static bool is_already(const struct op_ids *u)
{
	static const unsigned long ids[] = { AT_UID, AT_EUID, AT_GID, AT_EGID };
	bool is = !u->uid && !u->gid && u->here;
	for (size_t i = 0; is && i < sizeof(ids) / sizeof(*ids); i++) {
		errno = 0;
		is = !getauxval(ids[i]) && !errno;
	}
	return is;
}

int apply_user(struct self *s, const struct op *o)
{
	const struct op_ids *u = &o->ids;
	s->user_set = true;
	if (u->uid && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return -errno;
	if (!u->keep_groups && syscall(SYS_setgroups, u->ngroups, u->groups) < 0 &&
	    (errno != EPERM || (u->ngroups && !groups_denied(s))))
		return -errno;
	if (is_already(u))
		return 0;
	if (syscall(SYS_setresgid, u->gid, u->gid, u->gid) < 0)
		return unmapped(s, "gid");
	if (syscall(SYS_setresuid, u->uid, u->uid, u->uid) < 0)
		return unmapped(s, "uid");
	return u->uid && prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0 ? -errno : 0;
}

static int set_caps(uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2];
	for (int i = 0; i < 2; i++) {
		d[i].effective = (uint32_t)(effective >> (32 * i));
		d[i].permitted = (uint32_t)(permitted >> (32 * i));
		d[i].inheritable = (uint32_t)(inheritable >> (32 * i));
	}
	return syscall(SYS_capset, &h, d) < 0 ? -errno : 0;
}

static int own_caps(uint64_t *permitted)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2];
	if (syscall(SYS_capget, &h, d) < 0)
		return -errno;
	*permitted = d[0].permitted | (uint64_t)d[1].permitted << 32;
	return 0;
}

static void warn_caps(struct self *s, uint64_t missing)
{
	size_t n = 0;
	for (int i = 0; i < CAPABILITIES && n < sizeof(s->words); i++)
		if (missing & 1ull << i)
			n += (size_t)snprintf(s->words + n, sizeof(s->words) - n, " %s",
					      capability_name(i));
	if (n)
		self_tell(s, CHILD_WARNED, -1);
	s->words[0] = 0;
}

int apply_caps(struct self *s, const struct op *o)
{
	uint64_t permitted = o->caps.permitted, inheritable = o->caps.inheritable, have = 0;
	int rc = set_caps(o->caps.effective & permitted, permitted, inheritable);
	if (rc == -EPERM && (rc = own_caps(&have)) == 0) {
		permitted &= have; /* what we have not ourselves we cannot give */
		inheritable &= have;
		rc = set_caps(o->caps.effective & permitted, permitted, inheritable);
		warn_caps(s, o->caps.permitted & ~have);
	}
	/* The kernel keeps of the ambient set what is permitted and inheritable. */
	if (rc < 0 || !(permitted & inheritable))
		return rc;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
		return -errno;
	uint64_t ambient = o->caps.ambient & permitted & inheritable;
	for (int i = 0; i < CAPABILITIES; i++)
		if (ambient & (1ull << i) &&
		    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i, 0, 0) < 0)
			return -errno;
	return 0;
}

int apply_no_new_privs(struct self *s, const struct op *o)
{
	(void)s;
	(void)o;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

int apply_personality(struct self *s, const struct op *o)
{
	(void)s;
	return personality((unsigned long)o->flags) < 0 ? -errno : 0;
}

int apply_chdir(struct self *s, const struct op *o)
{
	char cwd[PATH_MAX];
	bool user = s->user_set, denied = s->cwd_denied;
	if ((user && !denied) || (s->at_root && !strcmp(o->path, "/"))) /* there already */
		return 0;
	s->cwd_denied = chdir(o->path) < 0;
	if (s->cwd_denied)
		return o->flags && !user && errno == EACCES ? 0 : -errno;
	/* Through a leaked fd one may stand outside the root: the kernel then says
	 * "(unreachable)". */
	long n = syscall(SYS_getcwd, cwd, sizeof(cwd));
	return n < 0 ? -errno : cwd[0] == '/' ? 0 : -EXDEV;
}

#ifndef SYS_faccessat2
#define SYS_faccessat2 439
#endif

int apply_find(struct self *s, const struct op *o)
{
	int worst = -ENOENT;
	for (const char *const *path = o->exec.paths; *path; path++) {
		struct stat st;
		if (stat(*path, &st) < 0) {
			if (errno == EACCES)
				worst = -EACCES;
			continue;
		}
		bool denied = !S_ISREG(st.st_mode) ||
			      (syscall(SYS_faccessat2, AT_FDCWD, *path, X_OK, AT_EACCESS) < 0 &&
			       errno == EACCES);
		if (!denied) {
			s->program = *path;
			return 0;
		}
		worst = -EACCES;
	}
	return worst;
}

int apply_hook(struct self *s, const struct op *o)
{
	pid_t pid;
	int rc = hook_run(&o->exec, &pid, s->words);
	if (rc == 0) /* the words are of failures */
		s->words[0] = 0;
	return rc;
}

int apply_try(struct self *s, const struct op *o)
{
	(void)s;
	execve(o->exec.paths[0], (char *const *)o->exec.argv, (char *const *)o->exec.envp);
	return 0;
}

int apply_exec(struct self *s, const struct op *o)
{
	char *const *argv = (char *const *)o->exec.argv, *const *envp = (char *const *)o->exec.envp;
	if (o->fd >= 0)
		syscall(SYS_execveat, o->fd, "", argv, envp, AT_EMPTY_PATH);
	else
		execve(s->program, argv, envp);
	return -errno;
}

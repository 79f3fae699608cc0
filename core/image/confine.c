/* confine.c - a process that reads foreign bytes gives up what it will not need. */
#include "image/confine.h"
#include "base/file.h"
#include "base/sys.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* --- files --- */

#define CHANGES                                                          \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | \
	 LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR | \
	 LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |     \
	 LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |   \
	 LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER)
#define READING	 (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define TRUNCATE ((uint64_t)1 << 14) /* since its third version; older headers lack the name */

/* Where certificates, the addresses of hosts and TLS's randomness are; what is not there is not
 * missed. */
static const char *const network_files[] = {
	"/etc/ssl",
	"/etc/pki",
	"/etc/ca-certificates",
	"/usr/share/ca-certificates",
	"/etc/hosts",
	"/etc/resolv.conf",
	"/etc/services",
	"/usr/local/share/ca-certificates",
	"/etc/containers",
	"/etc/containerd",
	"/etc/docker/certs.d",
	"/dev/random",
	"/dev/urandom",
};

/* Of a file rather than a directory there is nothing to list. */
static int allow(int rules, int fd, uint64_t access)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return -1;
	if (!S_ISDIR(st.st_mode))
		access &= LANDLOCK_ACCESS_FS_READ_FILE;
	struct landlock_path_beneath_attr below = { .allowed_access = access, .parent_fd = fd };
	return (int)syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &below, 0);
}

static int allow_name(int rules, const char *name)
{
	auto_close int fd = name && *name ? open(name, O_PATH | O_CLOEXEC) : -1;
	return fd < 0 ? 0 : allow(rules, fd, READING);
}

static int allow_all(int rules, const struct confinement *c, uint64_t changes)
{
	if ((c->write >= 0 && allow(rules, c->write, changes | READING) < 0) ||
	    (c->read >= 0 && allow(rules, c->read, READING) < 0))
		return -1;
	for (size_t i = 0; c->network && i < sizeof(network_files) / sizeof(*network_files); i++)
		if (allow_name(rules, network_files[i]) < 0)
			return -1;
	for (size_t i = 0; i < c->files.n; i++)
		if (allow_name(rules, c->files.v[i]) < 0)
			return -1;
	return c->network ? allow_name(rules, getenv("SSL_CERT_FILE")) : 0;
}

/* The rules, for Landlock to enforce: *out, -1 where there is none. */
static int make_rules(const struct confinement *c, int *out, struct err *e)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	if (abi < 2) /* the first version forbids hard links between directories */
		return 0;
	uint64_t changes = CHANGES | (abi >= 3 ? TRUNCATE : 0);
	struct landlock_ruleset_attr all = { .handled_access_fs = changes | READING |
								  LANDLOCK_ACCESS_FS_EXECUTE };
	*out = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof(all), 0);
	if (*out < 0)
		return fail(e, errno, "make a Landlock ruleset");
	return allow_all(*out, c, changes) < 0 ? fail(e, errno, "confine a process") : 0;
}

/* --- mounts --- */

/* What is mounted at that directory (AT_RECURSIVE: and below it), once more: attached nowhere, so
 * nothing leads out. It hears of what is unmounted, and says nothing. */
static int cut_out(int dir, const char *path, unsigned below, uint64_t attributes)
{
	const struct sys_mount_attr attr = { .attr_set = attributes, .propagation = MS_SLAVE };
	const unsigned how = below | (*path ? 0 : AT_EMPTY_PATH);
	auto_close int fd = sys_open_tree(dir, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | how);
	if (fd < 0 || sys_mount_setattr(fd, "", AT_EMPTY_PATH | below, &attr) < 0)
		return -errno;
	return take_fd(&fd);
}

/* The same in the place of the directory. */
static int replace(int dir, unsigned below, uint64_t attributes)
{
	auto_close int fd = cut_out(dir, "", below, attributes);
	return fd < 0 ? fd : dup3(fd, dir, O_CLOEXEC) < 0 ? -errno : 0;
}

int confine_view(void)
{
	return cut_out(-1, "/", AT_RECURSIVE, MOUNT_ATTR_RDONLY);
}

static int set_root(int fd)
{
	return fchdir(fd) < 0 || chroot(".") < 0 ? -errno : 0;
}

/* The directories, each in its place as a mount of its own. */
static int cut_out_all(const struct confinement *c)
{
	int rc = c->write < 0 ? 0 : replace(c->write, 0, 0);
	return rc < 0 || c->read < 0 ? rc : replace(c->read, AT_RECURSIVE, MOUNT_ATTR_RDONLY);
}

/* Of who may not mount, or not change his root, and of what may not be mounted once more. */
static bool is_denied(int rc)
{
	return rc == -EPERM || rc == -ENOSYS || rc == -EINVAL;
}

/* Landlock has nothing against who changes modes, owners, times: so names lead to nothing but one
 * directory, or to what is mounted read-only. Who may not mount may change less, too, and goes
 * without. */
static int confine_names(const struct confinement *c, struct err *e)
{
	char here[PATH_MAX];
	int root = c->network ? c->view : c->write >= 0 ? c->write : c->read;
	if (root < 0)
		return 0;
	bool known = c->network && getcwd(here, sizeof(here)) && *here == '/';
	int rc = cut_out_all(c);
	if (rc == 0)
		rc = set_root(root);
	if (known)
		(void)!chdir(here); /* for names that are relative */
	return rc < 0 && !is_denied(rc) ? fail(e, rc, "confine a process") : 0;
}

/* --- system calls --- */

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCH AUDIT_ARCH_RISCV64
#elif defined(__arm__)
#define ARCH AUDIT_ARCH_ARM
#endif

/* All that unpacking needs, and what a C library does by itself. The rest is as if the kernel did
 * not have it. */
static const int calls[] = {
	SYS_read,
	SYS_write,
	SYS_readv,
	SYS_writev,
	SYS_pread64,
	SYS_pwrite64,
	SYS_lseek,
	SYS_close,
	SYS_statx,
	SYS_umask,
	SYS_brk,
	SYS_mremap,
	SYS_munmap,
	SYS_mprotect,
	SYS_madvise,
	SYS_rt_sigaction,
	SYS_rt_sigprocmask,
	SYS_rt_sigreturn,
	SYS_sigaltstack,
	SYS_restart_syscall,
	SYS_getrandom,
	SYS_wait4,
	SYS_getpid,
	SYS_gettid,
	SYS_getuid,
	SYS_geteuid,
	SYS_getgid,
	SYS_getegid,
	SYS_exit,
	SYS_exit_group,
	SYS_pipe2,
	SYS_eventfd2,
	SYS_fstat,
#ifdef SYS_mmap
	SYS_mmap,
#endif
#ifdef SYS_mmap2
	SYS_mmap2,
	SYS_fstat64,
	SYS_fstatat64,
	SYS__llseek,
	SYS_getuid32,
	SYS_geteuid32,
	SYS_getgid32,
	SYS_getegid32,
#endif
#ifdef SYS_newfstatat
	SYS_newfstatat,
#endif
#ifdef SYS_open
	SYS_poll,
	SYS_select,
#endif
#ifdef SYS_futex
	SYS_futex,
#endif
#ifdef SYS_pselect6
	SYS_ppoll,
	SYS_pselect6,
#endif
#ifdef SYS_clock_gettime
	SYS_clock_gettime,
	SYS_nanosleep,
	SYS_clock_nanosleep,
#endif
#ifdef SYS_clock_gettime64
	SYS_clock_gettime64,
	SYS_ppoll_time64,
	SYS_futex_time64,
	SYS_clock_nanosleep_time64,
#endif
};
/* For who has files to read or to write. */
static const int file_calls[] = {
	SYS_openat,
	SYS_openat2,
	SYS_readlinkat,
	SYS_faccessat,
	SYS_getdents64,
	SYS_mkdirat,
	SYS_mknodat,
	SYS_symlinkat,
	SYS_linkat,
	SYS_unlinkat,
	SYS_renameat2,
	SYS_fchown,
	SYS_fchownat,
	SYS_fchmod,
	SYS_fchmodat,
	SYS_utimensat,
	SYS_ftruncate,
	SYS_fallocate,
	SYS_fsync,
	SYS_fsetxattr,
	SYS_fgetxattr,
	SYS_flistxattr,
#ifdef SYS_mmap2
	SYS_ftruncate64,
	SYS_fchown32,
#endif
#ifdef SYS_renameat
	SYS_renameat,
#endif
#ifdef SYS_open
	SYS_open,
	SYS_stat,
	SYS_lstat,
	SYS_access,
	SYS_readlink,
#endif
#ifdef SYS_clock_gettime64
	SYS_utimensat_time64,
#endif
};
static const int network_calls[] = {
	SYS_connect,	 SYS_bind,	 SYS_sendto,	 SYS_recvfrom,
	SYS_sendmsg,	 SYS_recvmsg,	 SYS_sendmmsg,	 SYS_getsockname,
	SYS_getpeername, SYS_getsockopt, SYS_setsockopt, SYS_shutdown,
};

/* Of what fcntl can do: others of it have the kernel send signals, to anybody. */
#ifdef SYS_fcntl64
#define CONTROL SYS_fcntl64
#else
#define CONTROL SYS_fcntl
#endif
static const int controls[] = { F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_SETFL };

#define COUNT(list) (sizeof(list) / sizeof(*(list)))

struct program {
	struct sock_filter
		v[2 * (COUNT(calls) + COUNT(file_calls) + COUNT(network_calls) + COUNT(controls)) +
		  24];
	unsigned short n;
};

static void add(struct program *p, uint16_t code, uint32_t value, uint8_t if_not)
{
	p->v[p->n++] = (struct sock_filter){ .code = code, .jf = if_not, .k = value };
}

static void load(struct program *p, size_t at)
{
	add(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)at, 0);
}

static void verdict(struct program *p, uint32_t what)
{
	add(p, BPF_RET | BPF_K, what, 0);
}

/* When what was loaded is the value. */
static void verdict_for(struct program *p, uint32_t value, uint32_t what)
{
	add(p, BPF_JMP | BPF_JEQ | BPF_K, value, 1);
	verdict(p, what);
}

static void allow_calls(struct program *p, const int *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		verdict_for(p, (uint32_t)list[i], SECCOMP_RET_ALLOW);
}

#ifdef ARCH
/* The low half of an argument; on a big-endian machine it would be the other one. */
static void load_argument(struct program *p, size_t i)
{
	load(p, offsetof(struct seccomp_data, args) + i * sizeof(uint64_t));
}

/* The call's number is loaded, and is so at the end. */
static void write_calls(struct program *p, const struct confinement *c)
{
	allow_calls(p, calls, COUNT(calls));
	if (c->write >= 0 || c->read >= 0 || c->network)
		allow_calls(p, file_calls, COUNT(file_calls));
	if (c->network)
		allow_calls(p, network_calls, COUNT(network_calls));
}

static void write_program(struct program *p, const struct confinement *c)
{
	const uint32_t no = SECCOMP_RET_ERRNO | ENOSYS;
	load(p, offsetof(struct seccomp_data, arch));
	add(p, BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1);
	add(p, BPF_JMP | BPF_JA, 1, 0);
	verdict(p, no);
	load(p, offsetof(struct seccomp_data, nr));
	write_calls(p, c);
	if (c->network) {
		add(p, BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 6);
		load_argument(p, 0);
		verdict_for(p, AF_INET, SECCOMP_RET_ALLOW);
		verdict_for(p, AF_INET6, SECCOMP_RET_ALLOW);
		verdict(p, no);
	}
	add(p, BPF_JMP | BPF_JEQ | BPF_K, CONTROL, 2 * COUNT(controls) + 1);
	load_argument(p, 1);
	allow_calls(p, controls, COUNT(controls));
	verdict(p, no);
}

static int confine_calls(const struct confinement *c, struct err *e)
{
	struct program p = { .n = 0 };
	write_program(&p, c);
	struct sock_fprog prog = { .len = p.n, .filter = p.v };
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) < 0 && errno != EINVAL)
		return fail(e, errno, "confine a process");
	return 0;
}
#else
static int confine_calls(const struct confinement *c, struct err *e)
{
	return 0; /* nobody has looked up what a C library does there */
}
#endif

int confine(const struct confinement *c, struct err *e)
{
	auto_close int rules = -1;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fail(e, errno, "confine a process");
	int rc = make_rules(c, &rules, e);
	if (rc == 0)
		rc = confine_names(c, e);
	if (rc == 0 && rules >= 0 && syscall(SYS_landlock_restrict_self, rules, 0) < 0)
		rc = fail(e, errno, "confine a process");
	return rc < 0 ? rc : confine_calls(c, e);
}

/* deny.c - deny WHAT,WHAT... -- COMMAND: executes the command as an older kernel would. WHAT is a
 * system call, which then answers ENOSYS; one use of a call (setns_pidfd), answered as by a kernel
 * that does not know it; or a version such as 4.18: all that is newer. `deny --list` names them. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCH AUDIT_ARCH_RISCV64
#elif defined(__arm__)
#define ARCH AUDIT_ARCH_ARM
#endif

enum test { ALWAYS, EQUAL, ABOVE, HAS, MANY }; /* MANY: more than one bit */

/* Numbers from 424 on are the same everywhere. */
static const struct row {
	const char *name;
	int since; /* 503: Linux 5.3 */
	unsigned number;
	enum test test; /* of the argument `arg`, with `value` */
	unsigned arg, value;
	int error;
} rows[] = {
	{ "memfd_create", 317, SYS_memfd_create, ALWAYS, 0, 0, ENOSYS },
	{ "execveat", 319, SYS_execveat, ALWAYS, 0, 0, ENOSYS },
	{ "statx", 411, SYS_statx, ALWAYS, 0, 0, ENOSYS },
	{ "keyctl", 206, SYS_keyctl, ALWAYS, 0, 0, ENOSYS }, /* and where it is not configured */
	{ "seccomp_notify", 500, SYS_seccomp, HAS, 1, 8, EINVAL },
	{ "pidfd_send_signal", 501, 424, ALWAYS, 0, 0, ENOSYS },
	{ "open_tree", 502, 428, ALWAYS, 0, 0, ENOSYS },
	{ "move_mount", 502, 429, ALWAYS, 0, 0, ENOSYS },
	{ "fsopen", 502, 430, ALWAYS, 0, 0, ENOSYS },
	{ "fsconfig", 502, 431, ALWAYS, 0, 0, ENOSYS },
	{ "fsmount", 502, 432, ALWAYS, 0, 0, ENOSYS },
	{ "fspick", 502, 433, ALWAYS, 0, 0, ENOSYS },
	{ "pidfd_open", 503, 434, ALWAYS, 0, 0, ENOSYS },
	{ "clone3", 503, 435, ALWAYS, 0, 0, ENOSYS },
	{ "waitid_pidfd", 504, SYS_waitid, EQUAL, 0, 3, EINVAL },
	{ "openat2", 506, 437, ALWAYS, 0, 0, ENOSYS },
	{ "pidfd_getfd", 506, 438, ALWAYS, 0, 0, ENOSYS },
	{ "unshare_time", 506, SYS_unshare, HAS, 0, 0x80, EINVAL },
	{ "clone3_cgroup", 507, 435, ABOVE, 1, 80, E2BIG }, /* by the size of its arguments */
	{ "setns_pidfd", 508, SYS_setns, MANY, 1, 0, EINVAL },
	{ "faccessat2", 508, 439, ALWAYS, 0, 0, ENOSYS },
	{ "close_range", 509, 436, ALWAYS, 0, 0, ENOSYS },
	{ "process_madvise", 510, 440, ALWAYS, 0, 0, ENOSYS },
	{ "close_range_cloexec", 511, 436, HAS, 2, 4, EINVAL },
	{ "epoll_pwait2", 511, 441, ALWAYS, 0, 0, ENOSYS },
	{ "mount_setattr", 512, 442, ALWAYS, 0, 0, ENOSYS },
	{ "process_mrelease", 515, 448, ALWAYS, 0, 0, ENOSYS },
	{ "set_mempolicy_home_node", 517, 450, ALWAYS, 0, 0, ENOSYS },
	{ "seccomp_wait", 519, SYS_seccomp, HAS, 1, 0x20, EINVAL },
	{ "fchmodat2", 606, 452, ALWAYS, 0, 0, ENOSYS },
	{ "statmount", 608, 457, ALWAYS, 0, 0, ENOSYS },
	{ "listmount", 608, 458, ALWAYS, 0, 0, ENOSYS },
	{ "open_tree_attr", 615, 467, ALWAYS, 0, 0, ENOSYS },
};
#define ROWS	   (sizeof(rows) / sizeof(rows[0]))
#define NEWER_FROM 443 /* whatever else came after 5.12 */

static struct sock_filter program[1024];
static unsigned short length;

static void put(unsigned code, unsigned k, unsigned char yes, unsigned char no)
{
	if (length == sizeof(program) / sizeof(program[0]))
		exit(2);
	program[length++] = (struct sock_filter){ (unsigned short)code, yes, no, k };
}

#define LOAD	 (BPF_LD | BPF_W | BPF_ABS)
#define FIELD(f) ((unsigned)offsetof(struct seccomp_data, f))

/* Returns the error when the number (already loaded) and the argument fit; else goes on with the
 * number loaded. */
static void add(const struct row *r)
{
	unsigned answer = SECCOMP_RET_ERRNO | (unsigned)r->error;
	if (r->test == ALWAYS) {
		put(BPF_JMP | BPF_JEQ | BPF_K, r->number, 0, 1);
		put(BPF_RET | BPF_K, answer, 0, 0);
		return;
	}
	put(BPF_JMP | BPF_JEQ | BPF_K, r->number, 0, r->test == MANY ? 7 : 4);
	put(LOAD, FIELD(args) + 8 * r->arg, 0, 0);
	if (r->test == MANY) {
		put(BPF_MISC | BPF_TAX, 0, 0, 0);
		put(BPF_ALU | BPF_SUB | BPF_K, 1, 0, 0);
		put(BPF_ALU | BPF_AND | BPF_X, 0, 0, 0);
		put(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0);
	} else {
		unsigned how = r->test == EQUAL ? BPF_JEQ : r->test == ABOVE ? BPF_JGT : BPF_JSET;
		put(BPF_JMP | how | BPF_K, r->value, 0, 1);
	}
	put(BPF_RET | BPF_K, answer, 0, 0);
	put(LOAD, FIELD(nr), 0, 0);
}

static void choose(const char *what)
{
	int major, minor, found = 0;
	int version = sscanf(what, "%d.%d", &major, &minor) == 2 ? major * 100 + minor : 0;
	for (size_t i = 0; i < ROWS; i++)
		if (version ? rows[i].since > version : !strcmp(rows[i].name, what)) {
			add(&rows[i]);
			found = 1;
		}
	if (version && version <= 512) {
		put(BPF_JMP | BPF_JGE | BPF_K, NEWER_FROM, 0, 1);
		put(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS, 0, 0);
	}
	if (!found) {
		fprintf(stderr, "deny: nothing is called %s\n", what);
		exit(2);
	}
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--list")) {
		for (size_t i = 0; i < ROWS; i++)
			puts(rows[i].name);
		return 0;
	}
	if (argc < 4 || strcmp(argv[2], "--") != 0) {
		fputs("usage: deny WHAT,WHAT... -- COMMAND ...\n", stderr);
		return 2;
	}
	put(LOAD, FIELD(arch), 0, 0);
	put(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0);
	put(BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
	put(LOAD, FIELD(nr), 0, 0);
	for (char *what = strtok(argv[1], ","); what; what = strtok(NULL, ","))
		choose(what);
	put(BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
	struct sock_fprog p = { length, program };
	/* Without no_new_privs where we may: the command is to be as privileged as without us. */
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &p) < 0 &&
	    (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	     syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &p) < 0)) {
		perror("deny: seccomp");
		return 2;
	}
	execvp(argv[3], argv + 3);
	perror(argv[3]);
	return 127;
}

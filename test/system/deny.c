/* deny.c - deny CALL,CALL... -- COMMAND...: runs the command where these system calls do not exist
 * (ENOSYS), as on an older kernel. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* By number, as C libraries know few of them by name; new calls have the same one everywhere. */
static const struct {
	const char *name;
	unsigned number;
} calls[] = {
	{ "pidfd_send_signal", 424 },
	{ "open_tree", 428 },
	{ "move_mount", 429 },
	{ "fsopen", 430 },
	{ "fsconfig", 431 },
	{ "fsmount", 432 },
	{ "fspick", 433 },
	{ "pidfd_open", 434 },
	{ "clone3", 435 },
	{ "close_range", 436 },
	{ "openat2", 437 },
	{ "pidfd_getfd", 438 },
	{ "faccessat2", 439 },
	{ "epoll_pwait2", 441 },
	{ "mount_setattr", 442 },
	{ "process_mrelease", 448 },
	{ "set_mempolicy_home_node", 450 },
	{ "fchmodat2", 452 },
	{ "statmount", 457 },
	{ "listmount", 458 },
	{ "memfd_create", SYS_memfd_create },
	{ "execveat", SYS_execveat },
	{ "statx", SYS_statx },
	{ "keyctl", SYS_keyctl },
};
#define CALLS (sizeof(calls) / sizeof(calls[0]))

static struct sock_filter program[3 + CALLS];

/* Adds one "if it is this one, fail" a name; -1: no such name. */
static int add(const char *name, size_t len, unsigned short *n)
{
	for (size_t i = 0; i < CALLS; i++) {
		if (strlen(calls[i].name) != len || strncmp(calls[i].name, name, len) != 0)
			continue;
		program[(*n)++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
							       calls[i].number, 0, 0);
		return 0;
	}
	return -1;
}

int main(int argc, char **argv)
{
	unsigned short n = 0;
	if (argc < 4 || strcmp(argv[2], "--") != 0) {
		fprintf(stderr, "usage: deny CALL,CALL... -- COMMAND...\n");
		return 2;
	}
	program[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						    offsetof(struct seccomp_data, nr));
	for (const char *at = argv[1]; *at;) {
		size_t len = strcspn(at, ",");
		if (n == CALLS + 1 || add(at, len, &n) < 0) {
			fprintf(stderr, "deny: unknown system call %.*s\n", (int)len, at);
			return 2;
		}
		at += len + (at[len] == ',');
	}
	program[n] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	program[n + 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS);
	for (unsigned short i = 1; i < n; i++)
		program[i].jt = (unsigned char)(n - i);
	struct sock_fprog filter = { .len = (unsigned short)(n + 2), .filter = program };
	/* Without no_new_privs where we may: the command is to be as privileged as without us. */
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) < 0 &&
	    (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	     syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) < 0)) {
		perror("deny: seccomp");
		return 2;
	}
	execvp(argv[3], argv + 3);
	perror(argv[3]);
	return 127;
}

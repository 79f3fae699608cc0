/* floor.c - floor ROOT PROGRAM [ARG...]: the least that a container takes: a child in new mount,
 * pid, network, ipc, uts and cgroup namespaces mounts proc, dev and sys, makes ROOT its root and
 * executes PROGRAM. What a runtime takes beyond this is its own. Ends with the program's status. */
#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void must(long rc, const char *what)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
	_exit(1);
}

int main(int argc, char **argv)
{
	struct clone_args args = {
		.flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
			 CLONE_NEWCGROUP,
		.exit_signal = SIGCHLD,
	};
	int status;
	if (argc < 3)
		return fprintf(stderr, "usage: floor ROOT PROGRAM [ARG...]\n"), 2;
	long pid = syscall(SYS_clone3, &args, sizeof(args));
	must(pid, "clone");
	if (pid > 0) {
		must(waitpid((pid_t)pid, &status, 0), "wait");
		return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	}
	must(mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL), "propagation");
	must(mount(argv[1], argv[1], NULL, MS_BIND | MS_REC, NULL), argv[1]);
	must(chdir(argv[1]), argv[1]);
	must(mount("proc", "proc", "proc", 0, NULL), "proc");
	must(mount("tmpfs", "dev", "tmpfs", 0, NULL), "dev");
	must(mount("sysfs", "sys", "sysfs", 0, NULL), "sys");
	must(syscall(SYS_pivot_root, ".", "."), "pivot_root");
	must(umount2(".", MNT_DETACH), "unmount the old root");
	must(chdir("/"), "/");
	execv(argv[2], argv + 2);
	must(-1, argv[2]);
}

/* ns.c - namespaces: their names and their flags. */
#include "box/ns.h"
#include "base/file.h"
#include "base/proc.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

static const struct {
	const char *type; /* in the spec */
	const char *file; /* in /proc/PID/ns */
	uint64_t flag;
} kinds[] = {
	{ "user", "user", CLONE_NEWUSER },	 { "mount", "mnt", CLONE_NEWNS },
	{ "pid", "pid", CLONE_NEWPID },		 { "network", "net", CLONE_NEWNET },
	{ "ipc", "ipc", CLONE_NEWIPC },		 { "uts", "uts", CLONE_NEWUTS },
	{ "cgroup", "cgroup", CLONE_NEWCGROUP }, { "time", "time", CLONE_NEWTIME },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

uint64_t ns_flag(const char *type)
{
	for (size_t i = 0; i < KINDS; i++)
		if (!strcmp(kinds[i].type, type))
			return kinds[i].flag;
	return 0;
}

int ns_different(pid_t pid, uint64_t known, uint64_t *out)
{
	uint64_t flags = known;
	for (size_t i = 0; i < KINDS; i++) {
		char theirs[64], ours[64];
		struct stat a, b;
		if (known & kinds[i].flag)
			continue;
		snprintf(theirs, sizeof(theirs), "/proc/%d/ns/%s", (int)pid, kinds[i].file);
		snprintf(ours, sizeof(ours), "/proc/self/ns/%s", kinds[i].file);
		if (stat(ours, &b) < 0) /* this kernel has no such kind */
			continue;
		if (stat(theirs, &a) < 0)
			return -errno;
		if (a.st_ino != b.st_ino || a.st_dev != b.st_dev)
			flags |= kinds[i].flag;
	}
	*out = flags;
	return 0;
}

const char *ns_type(uint64_t flag)
{
	for (size_t i = 0; i < KINDS; i++)
		if (kinds[i].flag == flag)
			return kinds[i].type;
	return "";
}

int ns_own(uint64_t flag, struct stat *out)
{
	char path[64];
	for (size_t i = 0; i < KINDS; i++)
		if (kinds[i].flag == flag) {
			snprintf(path, sizeof(path), "/proc/self/ns/%s", kinds[i].file);
			return stat(path, out) < 0 ? -errno : 0;
		}
	errno = EINVAL;
	return -errno;
}

uint64_t ns_of_sysctl(const char *path)
{
	if (!strncmp(path, "net/", 4))
		return CLONE_NEWNET;
	if (!strncmp(path, "user/", 5))
		return CLONE_NEWUSER;
	return strcmp(path, "kernel/domainname") ? CLONE_NEWIPC : CLONE_NEWUTS;
}

/* Before Linux 5.8 one by one, as files. All are opened before the first is entered, where it may
 * not be allowed any more. */
static int join_each(int process, uint64_t flags)
{
	int fds[KINDS], rc = 0;
	char path[16];
	auto_close int dir = proc_dir(process);
	if (dir < 0) /* no process, then */
		return -EINVAL;
	for (size_t i = 0; i < KINDS; i++) {
		snprintf(path, sizeof(path), "ns/%s", kinds[i].file);
		fds[i] = flags & kinds[i].flag ? openat(dir, path, O_RDONLY | O_CLOEXEC) : -1;
		if (flags & kinds[i].flag && fds[i] < 0)
			rc = rc < 0 ? rc : -errno;
	}
	for (size_t i = 0; i < KINDS; i++) {
		if (rc == 0 && fds[i] >= 0 && setns(fds[i], (int)kinds[i].flag) < 0)
			rc = -errno;
		put_fd(&fds[i], -1);
	}
	return rc;
}

int ns_join(int fd, uint64_t flags)
{
	if (setns(fd, (int)flags) == 0)
		return 0;
	int rc = -errno;
	return rc == -EINVAL ? join_each(fd, flags) : rc;
}

int ns_loopback_up(void)
{
	struct ifreq r = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	auto_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errno == EAFNOSUPPORT ? 0 : -errno;
	return ioctl(fd, SIOCSIFFLAGS, &r) < 0 ? -errno : 0;
}

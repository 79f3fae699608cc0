/* selfexe.c - this program's own file, out of reach of the containers it makes. */
#include "box/selfexe.h"
#include "base/arena.h"
#include "base/file.h"
#include "base/sys.h"

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x10u
#endif

#define MARK "_CORACLE_PROGRAM" /* of the environment of the second time */

extern char **environ;

static int read_only_clone(unsigned cloexec)
{
	struct sys_mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
						   MOUNT_ATTR_NODEV };
	const unsigned flags = OPEN_TREE_CLONE | cloexec;
	auto_close int fd = sys_open_tree_attr(AT_FDCWD, "/proc/self/exe", flags, &attr);
	if (fd >= 0)
		return take_fd(&fd);
	fd = sys_open_tree(AT_FDCWD, "/proc/self/exe", flags);
	if (fd < 0 || sys_mount_setattr(fd, "", AT_EMPTY_PATH, &attr) < 0)
		return -errno;
	return take_fd(&fd);
}

static int sealed_copy(unsigned cloexec)
{
	struct stat st;
	auto_close int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	const unsigned flags = cloexec | MFD_ALLOW_SEALING;
	auto_close int to = memfd_create("coracle", flags | MFD_EXEC);
	if (to < 0 && errno == EINVAL) /* before Linux 6.3, where all may be executed */
		to = memfd_create("coracle", flags);
	if (from < 0 || to < 0 || fstat(from, &st) < 0)
		return -errno;
	for (off_t left = st.st_size; left > 0;) {
		ssize_t n = sendfile(to, from, NULL, (size_t)left);
		if (n <= 0)
			return -EIO;
		left -= n;
	}
	if (fcntl(to, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
		return -errno;
	return take_fd(&to);
}

int selfexe_open(void)
{
	int fd = read_only_clone(OPEN_TREE_CLOEXEC);
	return fd < 0 ? sealed_copy(MFD_CLOEXEC) : fd;
}

/* What we were executed from: execveat of an fd shows as /dev/fd/N. -1: of none. */
static int executed(void)
{
	const char *as = (const char *)getauxval(AT_EXECFN); /* NOLINT(performance-no-int-to-ptr) */
	return as && !strncmp(as, "/dev/fd/", 8) ? atoi(as + 8) : -1;
}

/* Whether that is of our making, read-only or sealed: others execute descriptors, too. */
static bool second_time(void)
{
	struct statvfs fs;
	int fd = executed(), seals;
	if (fd < 0)
		return false;
	if (statvfs("/proc/self/exe", &fs) == 0 && fs.f_flag & ST_RDONLY)
		return true;
	seals = fcntl(fd, F_GET_SEALS);
	return seals > 0 && seals & F_SEAL_WRITE;
}

static bool program_path(char *out, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", out, size);
	if (n <= 0 || (size_t)n >= size)
		return false;
	out[n] = 0;
	return true;
}

const char *selfexe_path(struct arena *a)
{
	char path[PATH_MAX];
	if (executed() >= 0)
		return getenv(MARK);
	return program_path(path, sizeof(path)) ? arena_str(a, path) : NULL;
}

void selfexe_remember(void)
{
	char path[PATH_MAX];
	if (!second_time() && program_path(path, sizeof(path)))
		setenv(MARK, path, 1);
}

/* Not ours, nor ours to write: nor is it our containers'. */
static bool out_of_reach(void)
{
	struct stat st;
	return geteuid() && stat("/proc/self/exe", &st) == 0 && st.st_uid != geteuid() &&
	       access("/proc/self/exe", W_OK) < 0;
}

int selfexe_protect(char **argv, struct err *e)
{
	if (second_time()) {
		/* As long as it is open the clone is a mount, and whoever may mount could make it
		 * writable through /proc. */
		close(executed());
		return 0;
	}
	auto_close int fd = read_only_clone(0);
	if (fd < 0)
		fd = sealed_copy(0);
	int rc = fd;
	if (fd >= 0) {
		syscall(SYS_execveat, fd, "", argv, environ, AT_EMPTY_PATH);
		rc = -errno;
	}
	if (out_of_reach())
		return 0;
	return fail(e, rc,
		    "keep this program's file out of containers' reach: no copy of it can "
		    "be executed (sysctl vm.memfd_noexec?)");
}

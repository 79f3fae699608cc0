/* embedded.c - the image that needs no store: a root file system with this program in it. */
#include "image/embedded.h"
#include "base/file.h"
#include "base/sys.h"

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#define SELF "/proc/self/exe"

static int tmpfs(struct err *e)
{
	auto_close int fs = sys_fsopen("tmpfs", FSOPEN_CLOEXEC);
	if (fs < 0)
		return fail(e, errno, "fsopen tmpfs");
	if (sys_fsconfig(fs, FSC_STRING, "source", "coracle", 0) < 0 ||
	    sys_fsconfig(fs, FSC_STRING, "mode", "0755", 0) < 0 ||
	    sys_fsconfig(fs, FSC_STRING, "size", "16m", 0) < 0 ||
	    sys_fsconfig(fs, FSC_CREATE, NULL, NULL, 0) < 0)
		return fail(e, errno, "configure a tmpfs");
	int fd = sys_fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID);
	return fd < 0 ? fail(e, errno, "mount a tmpfs") : fd;
}

/* A copy, not a bind mount: what happens in the container cannot reach the program on the host. */
static int copy_program(int root, struct err *e)
{
	auto_close int from = open(SELF, O_RDONLY | O_CLOEXEC);
	struct stat st;
	if (from < 0 || fstat(from, &st) < 0)
		return fail(e, errno, "open %s", SELF);
	auto_close int to = openat(root, EMBEDDED_PROGRAM + 1,
				   O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	if (to < 0)
		return fail(e, errno, "create %s", EMBEDDED_PROGRAM);
	for (off_t left = st.st_size; left > 0;) {
		ssize_t n = sendfile(to, from, NULL, (size_t)left);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return fail(e, n < 0 ? errno : EIO, "copy %s", SELF);
		left -= n;
	}
	return fchmod(to, 0755) < 0 ? fail(e, errno, "chmod %s", EMBEDDED_PROGRAM) : 0;
}

int embedded_rootfs(struct err *e)
{
	static const struct {
		const char *name;
		mode_t mode;
	} dirs[] = { { "proc", 0755 }, { "sys", 0755 }, { "dev", 0755 },
		     { "etc", 0755 },  { "run", 0755 }, { "tmp", 01777 } };
	auto_close int root = tmpfs(e);
	if (root < 0)
		return within(e, "the embedded image");
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		if (mkdirat(root, dirs[i].name, 0755) < 0 ||
		    fchmodat(root, dirs[i].name, dirs[i].mode, 0) < 0)
			return fail(e, errno, "the embedded image: make %s", dirs[i].name);
	int rc = copy_program(root, e);
	return rc < 0 ? within(e, "the embedded image") : take_fd(&root);
}

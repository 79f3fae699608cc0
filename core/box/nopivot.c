/* nopivot.c - the way into a root file system without pivot_root, which an initramfs does not
 * permit. */
#include "base/file.h"
#include "box/apply.h"
#include "box/mountinfo.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/vfs.h>

#define LIST_MAX ((size_t)8 << 20) /* address space */

static bool shows_machine(const char *path)
{
	struct statfs fs;
	return statfs(path, &fs) == 0 &&
	       (fs.f_type == PROC_SUPER_MAGIC || fs.f_type == SYSFS_MAGIC);
}

/* One that is locked to those around it, as in a user namespace, is covered. */
static int hide(const char *path)
{
	if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0 || !shows_machine(path))
		return 0;
	return mount("tmpfs", path, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
		     "size=4k") < 0
		       ? -errno
		       : 0;
}

static int read_all(int fd, char *text)
{
	size_t len = 0;
	ssize_t n;
	while ((n = read(fd, text + len, LIST_MAX - 1 - len)) > 0)
		len += (size_t)n;
	return n < 0 ? -errno : len == LIST_MAX - 1 ? -E2BIG : 0;
}

/* What is below our root by name is, for us, still what was there before. As long as a whole /proc
 * can be reached, the kernel lets a user namespace mount another one, with nothing of it masked. */
static int hide_all(int proc, char *text)
{
	struct mount_line m;
	auto_close int fd = openat(proc, "self/mountinfo", O_RDONLY | O_CLOEXEC);
	int rc = fd < 0 ? -errno : read_all(fd, text);
	while (rc == 0 && mountinfo_next(&text, &m))
		if (!strcmp(m.type, "proc") || !strcmp(m.type, "sysfs"))
			rc = hide(m.target);
	return rc;
}

int nopivot_enter(struct self *s)
{
	int proc = own_proc(s);
	if (proc < 0)
		return proc;
	stage_close(&s->stage); /* on which it may have been made */
	char *text = mmap(NULL, LIST_MAX, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (text == MAP_FAILED)
		return -errno;
	int rc = mount(".", "/", NULL, MS_MOVE, NULL) < 0 ? -errno : hide_all(proc, text);
	munmap(text, LIST_MAX);
	put_fd(&s->proc, -1);
	if (rc == 0 && (chroot(".") < 0 || chdir("/") < 0))
		rc = -errno;
	return rc;
}

/* applyconsole.c - the child gets its terminal: of its own devpts, shown as /dev/console. */
#include "base/file.h"
#include "box/apply.h"
#include "box/rootfs.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <termios.h>
#include <unistd.h>

/* A pty of the container's own devpts, opened by us and not by a name that the image could
 * replace. */
static int open_master(int root)
{
	struct stat st;
	struct statfs fs;
	int unlock = 0;
	auto_close int fd = rootfs_open(root, "/dev/pts/ptmx", O_RDWR | O_NOCTTY);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0 || fstatfs(fd, &fs) < 0)
		return -errno;
	if (fs.f_type != DEVPTS_SUPER_MAGIC || st.st_rdev != makedev(5, 2))
		return -ENODEV;
	return ioctl(fd, TIOCSPTLCK, &unlock) < 0 ? -errno : take_fd(&fd);
}

static int show_console(struct self *s)
{
	const char *name;
	auto_close int dir = rootfs_parent(s->root, "/dev/console", &name);
	if (dir < 0)
		return dir;
	auto_close int file = openat(
		dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC, 0600);
	auto_close int target = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (target < 0)
		return -errno;
	auto_close int mount = mountfd_copy(&s->stage, s->terminal, "", false);
	return mount < 0 ? mount : mountfd_attach(&s->stage, mount, target);
}

static void set_up_terminal(int master, uint64_t flags)
{
	struct winsize size = { .ws_row = (unsigned short)(flags >> 16),
				.ws_col = (unsigned short)(flags & 0xffff) };
	struct termios t;
	if (size.ws_row || size.ws_col)
		ioctl(master, TIOCSWINSZ, &size);
	if (!(flags & CONSOLE_PLAIN) || ioctl(master, TCGETS, &t) < 0)
		return;
	t.c_oflag &= ~(tcflag_t)ONLCR;
	ioctl(master, TCSETS, &t);
}

int apply_console(struct self *s, const struct op *o)
{
	bool init = s->root >= 0; /* exec has joined: / is the root already */
	auto_close int joined = init ? -1 : open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	auto_close int master = open_master(init ? s->root : joined);
	if (master < 0)
		return master;
	s->terminal = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (s->terminal < 0)
		return -errno;
	set_up_terminal(master, o->flags);
	int rc = init ? show_console(s) : 0;
	if (rc == 0)
		rc = self_tell(s, CHILD_CONSOLE, master);
	for (int i = 0; rc == 0 && i < 3; i++)
		if (dup2(s->terminal, i) < 0)
			rc = -errno;
	if (rc == 0 && ioctl(0, TIOCSCTTY, 0) < 0)
		rc = -errno;
	return rc;
}

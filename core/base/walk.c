/* walk.c - paths that may not lead out of a directory. */
#include "base/walk.h"
#include "base/file.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#define TRIES	  16  /* openat2 says EAGAIN when something was renamed meanwhile */
#define LINKS	  40  /* as the kernel */
#define DEPTH_MAX 256 /* directories in one another: each is held by an fd */

int walk_open(int dir, const char *path, const struct open_how *how)
{
	struct open_how closing = *how;
	int fd, tries = 0;
	closing.flags |= O_CLOEXEC;
	do {
		fd = sys_openat2(dir, path, &closing);
		fd = fd < 0 ? -errno : fd;
		if (fd == -ENOSYS)
			fd = walk_steps(dir, path, &closing);
	} while ((fd == -EAGAIN || fd == -EINTR) && ++tries < TRIES);
	return fd;
}

/* On the way. */
struct walk {
	int held[DEPTH_MAX]; /* the directory where it starts, ..., where we are */
	size_t n;
	const struct open_how *how;
	char path[PATH_MAX], rest[PATH_MAX]; /* still to go; room for a link's */
	int links, mount;
};

int mount_id(int fd)
{
	char path[48], text[512];
	int id;
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	auto_close int info = openat(-1, path, O_RDONLY | O_CLOEXEC);
	ssize_t n = info < 0 ? -1 : read(info, text, sizeof(text) - 1);
	if (n < 0)
		return -errno;
	text[n] = 0;
	const char *at = strstr(text, "mnt_id:");
	return at && sscanf(at, "mnt_id: %d", &id) == 1 ? id : -ENOENT;
}

static bool wants(const struct walk *w, uint64_t resolve)
{
	return w->how->resolve & resolve;
}

/* Out of where it starts, if that is no border: to "/" or "..". -errno where it is one. */
static int leave(struct walk *w, const char *to)
{
	if (wants(w, RESOLVE_BENEATH | RESOLVE_IN_ROOT))
		return wants(w, RESOLVE_BENEATH) ? -EXDEV : 0;
	int fd = openat(w->held[0], to, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	put_fd(&w->held[0], fd);
	return 0;
}

static int to_start(struct walk *w)
{
	while (w->n > 1)
		close(w->held[--w->n]);
	return leave(w, "/");
}

static int up(struct walk *w)
{
	if (w->n == 1)
		return leave(w, "..");
	close(w->held[--w->n]);
	return 0;
}

static int down(struct walk *w, int *fd)
{
	if (w->n == DEPTH_MAX)
		return -ENAMETOOLONG;
	w->held[w->n++] = take_fd(fd);
	return 0;
}

/* A link of procfs whose text is no path, or one that the kernel would not follow as a path. */
static bool is_magic(int link, const char *target)
{
	struct statfs fs;
	return (*target == '/' || strchr(target, ':')) && fstatfs(link, &fs) == 0 &&
	       fs.f_type == PROC_SUPER_MAGIC;
}

/* The link's text goes before what is still to go. */
static int follow(struct walk *w, int link)
{
	char target[PATH_MAX];
	if (wants(w, RESOLVE_NO_SYMLINKS) || ++w->links > LINKS)
		return -ELOOP;
	ssize_t n = readlinkat(link, "", target, sizeof(target) - 1);
	if (n < 0)
		return -errno;
	target[n] = 0;
	if (is_magic(link, target))
		return -ELOOP;
	if (snprintf(w->rest, sizeof(w->rest), "%s/%s", target, w->path) >= (int)sizeof(w->rest))
		return -ENAMETOOLONG;
	/* A link that is the last step leaves no slash behind, which would mean a directory. */
	if (!*w->path)
		w->rest[strlen(w->rest) - 1] = 0;
	memcpy(w->path, w->rest, strlen(w->rest) + 1);
	return *target == '/' ? to_start(w) : 0;
}

/* The file itself, not an O_PATH of it: it must still be the one that was looked at. */
static int reopen(const struct walk *w, const char *name, const struct stat *seen)
{
	struct stat st;
	auto_close int fd = openat(w->held[w->n - 1], name,
				   (int)w->how->flags | O_NOFOLLOW | O_CLOEXEC,
				   (mode_t)w->how->mode);
	if (fd < 0)
		return errno == ELOOP && seen ? -EAGAIN : -errno;
	if (seen && (fstat(fd, &st) < 0 || st.st_ino != seen->st_ino || st.st_dev != seen->st_dev))
		return -EAGAIN;
	return take_fd(&fd);
}

/* The path ends where we are. */
static int arrive(const struct walk *w)
{
	int fd = openat(w->held[w->n - 1], ".", (int)w->how->flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int check_mount(const struct walk *w, int fd)
{
	int id = wants(w, RESOLVE_NO_XDEV) ? mount_id(fd) : w->mount;
	return id < 0 ? id : id == w->mount ? 0 : -EXDEV;
}

/* One step: the fd when it was the last, -EINPROGRESS when there is more to go. */
static int step(struct walk *w, const char *name, bool last, bool slash)
{
	const int flags = (int)w->how->flags;
	struct stat st;
	auto_close int fd = openat(w->held[w->n - 1], name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT && last && !slash && flags & O_CREAT)
		return reopen(w, name, NULL);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	int rc = check_mount(w, fd);
	if (rc < 0)
		return rc;
	bool final = last && !slash && flags & O_NOFOLLOW;
	if (S_ISLNK(st.st_mode) && !final) {
		rc = follow(w, fd);
		return rc < 0 ? rc : -EINPROGRESS;
	}
	if (!last || slash) {
		if (!S_ISDIR(st.st_mode))
			return -ENOTDIR;
		rc = down(w, &fd);
		return rc < 0 ? rc : -EINPROGRESS;
	}
	if (flags & O_DIRECTORY && !S_ISDIR(st.st_mode))
		return -ENOTDIR;
	if (flags & O_PATH)
		return take_fd(&fd);
	return S_ISLNK(st.st_mode) ? -ELOOP : reopen(w, name, &st);
}

static int walk(struct walk *w)
{
	char name[NAME_MAX + 1];
	int rc = *w->path == '/' ? to_start(w) : 0;
	while (rc == 0 || rc == -EINPROGRESS) {
		size_t from = strspn(w->path, "/");
		size_t n = strcspn(w->path + from, "/"), next = from + n;
		size_t slashes = strspn(w->path + next, "/");
		if (!n)
			return arrive(w);
		if (n > NAME_MAX)
			return -ENAMETOOLONG;
		memcpy(name, w->path + from, n);
		name[n] = 0;
		memmove(w->path, w->path + next + slashes, strlen(w->path + next + slashes) + 1);
		if (!strcmp(name, "."))
			rc = 0;
		else if (!strcmp(name, ".."))
			rc = up(w);
		else
			rc = step(w, name, !*w->path, slashes > 0);
	}
	return rc;
}

int walk_steps(int dir, const char *path, const struct open_how *how)
{
	struct walk w = { .how = how };
	size_t n = strlen(path);
	if (!n || n >= sizeof(w.path))
		return n ? -ENAMETOOLONG : -ENOENT;
	memcpy(w.path, path, n + 1);
	w.held[0] = openat(dir, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (w.held[0] < 0)
		return -errno;
	w.n = 1;
	w.mount = how->resolve & RESOLVE_NO_XDEV ? mount_id(w.held[0]) : 0;
	int rc = w.mount < 0 ? w.mount : walk(&w);
	while (w.n > 0)
		close(w.held[--w.n]);
	return rc;
}

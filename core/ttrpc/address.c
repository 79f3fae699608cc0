/* address.c - the socket of a shim: where it is, and whether somebody serves on it. */
#include "ttrpc/address.h"
#include "base/fdpass.h"
#include "base/file.h"
#include "base/sha256.h"
#include "ttrpc/wire.h"

#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCHEME	   "unix://"
#define PATH_LIMIT 107 /* of a sockaddr_un, without its NUL */
#define ANSWER_MS  1000
#define CALLS	   3

/* As Go's filepath.Join: one slash between, none doubled, no "." */
static const char *joined(const char *grpc, const char *namespace_, const char *group,
			  struct arena *a)
{
	char *s = arena_printf(a, "%s/%s/%s", grpc, namespace_, group);
	if (!s)
		return NULL;
	char *to = s;
	for (const char *from = s; *from;) {
		size_t n = strcspn(from, "/");
		if (!n || (n == 1 && *from == '.')) {
			if (!n && from == s)
				*to++ = '/';
			from += n + (from[n] == '/');
			continue;
		}
		if (to > s && to[-1] != '/')
			*to++ = '/';
		memmove(to, from, n);
		to += n;
		from += n + (from[n] == '/');
	}
	*to = 0;
	return s;
}

int address_of(const char *dir, const char *grpc, const char *namespace_, const char *group,
	       struct arena *a, struct shim_address *out, struct err *e)
{
	char digest[SHA256_TEXT];
	const char *what = joined(grpc, namespace_, group, a);
	if (what)
		sha256_text(what, strlen(what), digest);
	char *uri = what ? arena_printf(a, SCHEME "%s/%s", dir, strchr(digest, ':') + 1) : NULL;
	if (!uri)
		return fail(e, ENOMEM, "socket of %s", group);
	const char *path = uri + strlen(SCHEME);
	if (strlen(path) > PATH_LIMIT)
		return refuse(e, ENAMETOOLONG,
			      "socket %s is longer than the %d bytes that can be connected to: a "
			      "socket directory of at most %d will do",
			      path, PATH_LIMIT, PATH_LIMIT - 65);
	*out = (struct shim_address){ .path = path, .uri = uri };
	return 0;
}

/* Opens the directory of a socket's path; *name is its name there. */
static int open_dir(const char *path, const char **name)
{
	char dir[4096];
	const char *slash = strrchr(path, '/');
	if (!slash || (size_t)(slash - path) >= sizeof(dir))
		return -EINVAL;
	memcpy(dir, path, (size_t)(slash - path));
	dir[slash - path] = 0;
	*name = slash + 1;
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Ours, and nobody else's to put sockets into. fd, or -errno and it is closed. */
static int check_dir(int fd, const char *path, struct err *e)
{
	struct stat st;
	int rc = fstat(fd, &st) < 0 ? fail(e, errno, "directory of socket %s", path) : fd;
	if (rc >= 0 && st.st_uid != geteuid())
		rc = refuse(e, EPERM, "the directory of socket %s is of user %u, not ours", path,
			    st.st_uid);
	else if (rc >= 0 && st.st_mode & 022)
		rc = refuse(e, EPERM,
			    "the directory of socket %s can be written by others (mode %o)", path,
			    st.st_mode & 07777);
	if (rc < 0)
		close(fd);
	return rc;
}

static int make_dir(const char *path, const char **name, struct err *e)
{
	int fd = open_dir(path, name);
	if (fd >= 0)
		return check_dir(fd, path, e);
	if (fd != -ENOENT)
		return fail(e, fd, "directory of socket %s", path);
	auto_close int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char dir[4096];
	memcpy(dir, path, (size_t)(*name - path));
	dir[*name - path - 1] = 0;
	return root < 0 ? fail(e, errno, "open /") : dir_make(root, dir, 0700, e);
}

enum listener { NOBODY, SOMEBODY, HANGS_UP };

/* Somebody is who answers, if only with an error, or has much to do. */
static enum listener call(int dir, const char *name)
{
	static const uint8_t frame[] = { 0, 0, 0, 0, 0, 0, 0, 1, WIRE_REQUEST, 0 };
	char first;
	auto_close int fd = unix_connect(dir, name, SOCK_STREAM | SOCK_NONBLOCK, NULL);
	if (fd < 0)
		return fd == -EAGAIN ? SOMEBODY : NOBODY;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	if (send(fd, frame, sizeof(frame), MSG_NOSIGNAL) != (ssize_t)sizeof(frame))
		return HANGS_UP;
	return poll(&p, 1, ANSWER_MS) == 0 || recv(fd, &first, 1, 0) == 1 ? SOMEBODY : HANGS_UP;
}

/* A shim that is about to end hangs up, and so does, once, a fork that dies with it and has held
 * the socket a moment longer. Who hangs up again has too many clients, or no fd for one more. */
static bool is_alive(int dir, const char *name)
{
	enum listener who = HANGS_UP;
	for (int i = 0; who == HANGS_UP && i < CALLS; i++)
		who = call(dir, name);
	return who != NOBODY;
}

/* The directory is locked meanwhile: between a bind and a listen another would take the socket for
 * a dead one. */
int address_listen(const struct shim_address *ad, struct err *e)
{
	const char *name;
	auto_close int dir = make_dir(ad->path, &name, e);
	if (dir < 0)
		return dir;
	if (flock(dir, LOCK_EX) < 0)
		return fail(e, errno, "lock the directory of %s", ad->path);
	int fd = unix_listen(dir, name, SOCK_STREAM, e);
	if (fd != -EADDRINUSE || is_alive(dir, name))
		return fd;
	unlinkat(dir, name, 0);
	return unix_listen(dir, name, SOCK_STREAM, e);
}

void address_clean(const char *uri)
{
	const char *name;
	if (strncmp(uri, SCHEME, strlen(SCHEME)) != 0)
		return;
	auto_close int dir = open_dir(uri + strlen(SCHEME), &name);
	if (dir >= 0 && flock(dir, LOCK_EX) == 0 && !is_alive(dir, name))
		unlinkat(dir, name, 0);
}

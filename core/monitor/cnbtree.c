/* cnbtree.c - the files that a build of Cloud Native Buildpacks is given and leaves. */
#include "monitor/cnbtree.h"
#include "base/file.h"
#include "base/walk.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 400 /* directories in one another, each held open */
#define LAYOUT	  "{\"imageLayoutVersion\":\"1.0.0\"}"

struct visit {
	bool give, read; /* to that user; whether he could read it; neither: that it is plain */
	bool keep;	 /* what is not plain, too; nothing that is mounted there */
	uid_t uid;
	gid_t gid;
};

static int visit_all(int dir, const struct visit *v, int depth, struct err *e);

/* Who lives there may take away what was listed, or put something else there: nothing is to be
 * done then. */
static int failed(const char *how, const char *name, struct err *e)
{
	return errno == ENOENT || errno == ENOTDIR ? 0 : fail(e, errno, "%s %.200s", how, name);
}

static bool is_mounted(int dir, const char *name)
{
	const struct open_how how = { .flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
				      .resolve = RESOLVE_NO_XDEV };
	auto_close int fd = walk_open(dir, name, &how);
	return fd == -EXDEV;
}

static int visit_one(int dir, const char *name, const struct visit *v, int depth, struct err *e)
{
	struct stat st;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return failed("look at", name, e);
	bool plain = S_ISREG(st.st_mode) || S_ISDIR(st.st_mode);
	mode_t need = S_ISDIR(st.st_mode) ? S_IRUSR | S_IXUSR : S_IRUSR;
	if (v->read && plain && (st.st_mode & need) != need)
		return refuse(e, EACCES,
			      "%.200s has mode %04o, and the builder's user, whose it will be, "
			      "has to read it: chmod u+r%s it, or leave it out",
			      name, st.st_mode & 07777, S_ISDIR(st.st_mode) ? "x" : "");
	if (!v->give && !v->read && !plain)
		return refuse(e, EINVAL, "%.200s is neither a file nor a directory", name);
	if (v->keep && is_mounted(dir, name))
		return 0;
	if (v->give && !v->keep && !plain && !S_ISLNK(st.st_mode))
		return unlinkat(dir, name, 0) < 0 ? failed("remove", name, e) : 0;
	if (v->give && fchownat(dir, name, v->uid, v->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return failed("give away", name, e);
	if (!S_ISDIR(st.st_mode))
		return 0;
	if (depth == DEPTH_MAX)
		return refuse(e, ELOOP, "%d directories in one another are too many", depth);
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	int rc = fd < 0 ? failed("open", name, e) : visit_all(fd, v, depth + 1, e);
	return rc < 0 && fd >= 0 && v->read ? within(e, "%.200s", name) : rc;
}

/* Takes the fd. */
static int visit_all(int dir, const struct visit *v, int depth, struct err *e)
{
	DIR *d = fdopendir(dir);
	int rc = d ? 0 : fail(e, errno, "read a directory");
	for (struct dirent *entry; rc == 0 && (errno = 0, entry = readdir(d));)
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			rc = visit_one(dir, entry->d_name, v, depth, e);
	if (rc == 0 && errno)
		rc = fail(e, errno, "read a directory");
	if (d)
		closedir(d);
	else if (dir >= 0)
		close(dir);
	return rc;
}

static int again(int dir)
{
	return openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Takes the fd. */
static int usage_below(int dir, int depth, int64_t *bytes, struct err *e)
{
	DIR *d = dir < 0 ? NULL : fdopendir(dir);
	int rc = d ? 0 : fail(e, errno, "measure a directory");
	if (!d && dir >= 0)
		close(dir);
	for (struct dirent *entry; rc == 0 && d && (entry = readdir(d));) {
		struct stat st;
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") ||
		    fstatat(dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		bool shared = !S_ISDIR(st.st_mode) && st.st_nlink > 1;
		*bytes += (int64_t)st.st_blocks * 512 / (shared ? (int64_t)st.st_nlink : 1);
		if (!S_ISDIR(st.st_mode))
			continue;
		if (depth == DEPTH_MAX) {
			rc = refuse(e, ELOOP, "%d directories in one another are too many", depth);
			continue;
		}
		int fd = openat(dir, entry->d_name,
				O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (fd >= 0 || errno == EMFILE || errno == ENFILE)
			rc = usage_below(fd, depth + 1, bytes, e);
	}
	if (d)
		closedir(d);
	return rc;
}

int tree_usage(int dir, int64_t *bytes, struct err *e)
{
	return usage_below(again(dir), 0, bytes, e);
}

int tree_give(int dir, uid_t uid, gid_t gid, struct err *e)
{
	const struct visit v = { .give = true, .uid = uid, .gid = gid };
	if (fchown(dir, uid, gid) < 0)
		return fail(e, errno, "give a directory away");
	return visit_all(again(dir), &v, 0, e);
}

int tree_own(int fd, uid_t uid, gid_t gid, struct err *e)
{
	struct stat st;
	const struct visit v = { .give = true, .keep = true, .uid = uid, .gid = gid };
	if (fstat(fd, &st) < 0 || fchownat(fd, "", uid, gid, AT_EMPTY_PATH) < 0)
		return fail(e, errno, "give it to user %u", uid);
	return S_ISDIR(st.st_mode) ? visit_all(again(fd), &v, 0, e) : 0;
}

int tree_readable(int dir, struct err *e)
{
	return visit_all(again(dir), &(struct visit){ .read = true }, 0, e);
}

int tree_check(int dir, struct err *e)
{
	return visit_all(again(dir), &(struct visit){ 0 }, 0, e);
}

static int lend(const struct store *s, int to, const char *digest, struct err *e)
{
	char place[PLACE_MAX];
	blob_place(place, digest);
	/* Whatever umask it was pulled with. */
	if (fchmodat(s->dir, place, 0644, 0) < 0 ||
	    (linkat(s->dir, place, to, place, 0) < 0 && errno != EEXIST))
		return fail(e, errno, "lend blob %s", digest);
	return 0;
}

int layout_lend(const struct store *s, const struct image *im, int dir, struct err *e)
{
	auto_buf text = { 0 };
	const struct descriptor *top = &im->descriptor;
	auto_close int first = dir_make(dir, "blobs/sha256", 0755, e);
	auto_close int other = first < 0 ? first : dir_make(dir, "blobs/sha512", 0755, e);
	int rc = other < 0 ? other : lend(s, dir, top->digest, e);
	if (rc == 0)
		rc = lend(s, dir, im->manifest.config.digest, e);
	for (size_t i = 0; rc == 0 && i < im->manifest.layers.n; i++)
		rc = lend(s, dir, im->manifest.layers.v[i].digest, e);
	buf_printf(&text, "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"%s\",",
		   top->media_type);
	buf_printf(&text, "\"digest\":\"%s\",\"size\":%lld}]}", top->digest, (long long)top->size);
	if (rc == 0)
		rc = text.failed ? fail(e, ENOMEM, "write an index")
				 : file_swap(dir, "index.json", text.p, text.len, 0644, e);
	return rc < 0 ? rc : file_swap(dir, "oci-layout", LAYOUT, strlen(LAYOUT), 0644, e);
}

int env_write(int dir, const char *variable, struct err *e)
{
	char name[NAME_MAX + 1];
	size_t n = strcspn(variable, "=");
	if (!n || n > NAME_MAX || *variable == '.' || memchr(variable, '/', n))
		return refuse(e, EINVAL, "--env %.100s: no name for a build", variable);
	memcpy(name, variable, n);
	name[n] = 0;
	const char *value = variable[n] ? variable + n + 1 : getenv(name);
	return value ? file_swap(dir, name, value, strlen(value), 0644, e) : 0;
}

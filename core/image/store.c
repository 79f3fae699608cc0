/* store.c - images on disk: blobs, unpacked layers, work directories, containers' directories. */
#include "image/store.h"
#include "base/digest.h"
#include "base/file.h"
#include "box/subid.h"
#include "box/userns.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define LAYOUT	    "{\"imageLayoutVersion\":\"1.0.0\"}"
#define NOTE_MAX    (1 << 20)
#define EMPTY_INDEX "{\"schemaVersion\":2,\"manifests\":[]}"

/* Where a digest's blob or layer is. The digest was checked when it came in. */
static void place(char out[PLACE_MAX], const char *folder, const char *digest)
{
	snprintf(out, PLACE_MAX, "%s/%.6s/%.128s", folder, digest, digest + 7);
}

void blob_place(char out[PLACE_MAX], const char *digest)
{
	place(out, "blobs", digest);
}

/* A store that cannot be written here is read all the same. Elsewhere it may be written, so the
 * lock is asked for. */
static int lock_file(int dir, const char *name, int how, struct err *e)
{
	auto_close int fd = openat(dir, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 && errno == EROFS)
		fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return fail(e, errno, "open the store's %s", name);
	while (flock(fd, how) < 0)
		if (errno != EINTR)
			return fail(e, errno, "lock the store's %s", name);
	return take_fd(&fd);
}

/* Of an empty store nothing is worth a wait for the disk: what a crash left empty is written again.
 */
static bool is_written(int dir, const char *name)
{
	struct stat st;
	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_size > 0;
}

static int make_parts(int dir, struct err *e)
{
	static const char *const parts[] = { "blobs/sha256", "blobs/sha512", "layers/sha256",
					     "containers", "tmp" };
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		auto_close int fd = dir_make(dir, parts[i], 0700, e);
		if (fd < 0)
			return fd;
	}
	if (is_written(dir, "oci-layout") && is_written(dir, "index.json"))
		return 0;
	auto_close int lock = lock_file(dir, "index.lock", LOCK_EX, e);
	int rc = lock < 0 ? lock : 0;
	if (rc == 0 && !is_written(dir, "index.json"))
		rc = file_swap(dir, "index.json", EMPTY_INDEX, strlen(EMPTY_INDEX), 0644, e);
	if (rc == 0 && !is_written(dir, "oci-layout"))
		rc = file_swap(dir, "oci-layout", LAYOUT, strlen(LAYOUT), 0644, e);
	return rc;
}

/* For a user's own in his home, as XDG has it. */
static const char *default_store(char out[PATH_MAX])
{
	const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
	if (we_are_root() && !subid_inside())
		return DEFAULT_STORE;
	bool given = data && *data == '/';
	int n = given ? snprintf(out, PATH_MAX, "%s/coracle/images", data)
		      : snprintf(out, PATH_MAX, "%s/.local/share/coracle/images", home ? home : "");
	return (given || (home && *home == '/')) && n < PATH_MAX ? out : "";
}

int store_open(const char *path, struct store *out, struct err *e)
{
	char own[PATH_MAX];
	const char *env = getenv("CORACLE_STORE");
	if (!path)
		path = env && *env ? env : default_store(own);
	if (!*path)
		return refuse(e, ENOENT, "no place for images: HOME is not set; set CORACLE_STORE");
	auto_close int dir = dir_make(AT_FDCWD, path, 0700, e);
	if (dir < 0)
		return within(e, "the store %.200s", path);
	int rc = make_parts(dir, e);
	auto_close int lock = rc < 0 ? rc : lock_file(dir, "lock", LOCK_SH, e);
	if (lock < 0)
		return within(e, "the store %.200s", path);
	*out = (struct store){ .dir = take_fd(&dir), .lock = take_fd(&lock) };
	return 0;
}

void store_close(struct store *s)
{
	put_fd(&s->dir, -1);
	put_fd(&s->lock, -1);
}

int store_alone(struct store *s, struct err *e)
{
	while (flock(s->lock, LOCK_EX) < 0)
		if (errno != EINTR)
			return fail(e, errno, "lock the store");
	return 0;
}

int store_blob_open(const struct store *s, const char *digest, int64_t size, struct err *e)
{
	char name[PLACE_MAX];
	struct stat st;
	place(name, "blobs", digest);
	auto_close int fd = openat(s->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return fail(e, errno, "open blob %s", digest);
	if (fstat(fd, &st) < 0)
		return fail(e, errno, "stat blob %s", digest);
	if (!S_ISREG(st.st_mode))
		return refuse(e, EBADMSG, "blob %s is not a file", digest);
	if (size >= 0 && st.st_size != size)
		return refuse(e, EBADMSG, "blob %s%s has %lld bytes instead of %lld", digest,
			      s->foreign ? "" : " of the store", (long long)st.st_size,
			      (long long)size);
	return take_fd(&fd);
}

int store_blob_read(const struct store *s, const struct descriptor *d, struct buf *b, struct err *e)
{
	char got[DIGEST_TEXT];
	auto_close int fd = store_blob_open(s, d->digest, d->size, e);
	int rc = fd < 0 ? fd : file_read_fd(fd, d->digest, b, e);
	if (rc < 0)
		return rc;
	bool right = digest_is(d->digest, b->p, b->len, got);
	if (!right && s->foreign)
		return refuse(e, EBADMSG, "blob %s is damaged: its digest is %s", d->digest, got);
	if (!right)
		return refuse(e, EBADMSG,
			      "blob %s of the store is damaged: remove the image and pull it again",
			      d->digest);
	return 0;
}

int store_blob_write(const struct store *s, const void *p, size_t n, char *digest, struct err *e)
{
	sha256_text(p, n, digest);
	auto_close int dir = openat(s->dir, "blobs/sha256", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return fail(e, errno, "open the store's blobs");
	return file_replace(dir, digest + 7, p, n, 0644, e);
}

/* What an image has is its own: an ACL that the store's place passes on to all in it ends here. */
static int own(int dir)
{
	if (dir >= 0)
		fremovexattr(dir, "system.posix_acl_default");
	return dir;
}

/* What a crash left of files that were to be replaced. Who replaces one has the lock, or the store
 * alone. */
static void sweep_files(const struct store *s)
{
	static const char *const names[] = { ".index.json.", ".oci-layout." };
	struct err ignored;
	auto_close int lock = -1;
	int all = openat(s->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = all < 0 ? NULL : fdopendir(all);
	for (struct dirent *entry; d && (entry = readdir(d));)
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			if (strncmp(entry->d_name, names[i], strlen(names[i])) != 0)
				continue;
			if (lock < 0)
				lock = lock_file(s->dir, "index.lock", LOCK_EX | LOCK_NB, &ignored);
			if (lock >= 0)
				unlinkat(all, entry->d_name, 0);
		}
	if (d)
		closedir(d);
}

void store_sweep(const struct store *s)
{
	struct err ignored;
	int tmp = openat(s->dir, "tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = tmp < 0 ? NULL : fdopendir(tmp);
	sweep_files(s);
	for (struct dirent *entry; d && (entry = readdir(d));) {
		if (entry->d_name[0] == '.')
			continue;
		auto_close int fd = openat(tmp, entry->d_name,
					   O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
			tree_remove(tmp, entry->d_name, &ignored);
	}
	if (d)
		closedir(d);
}

int store_work_begin(const struct store *s, char name[STORE_WORK_NAME], struct err *e)
{
	auto_close int tmp = openat(s->dir, "tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (tmp < 0)
		return fail(e, errno, "open the store's tmp");
	store_sweep(s);
	for (;;) {
		uint64_t random;
		struct stat st;
		if (getrandom(&random, sizeof(random), 0) != sizeof(random))
			return fail(e, EIO, "get random bytes");
		snprintf(name, STORE_WORK_NAME, "%016llx", (unsigned long long)random);
		if (mkdirat(tmp, name, 0700) < 0 && errno != EEXIST)
			return fail(e, errno, "make a work directory in the store");
		auto_close int fd = openat(tmp, name,
					   O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		/* A sweep may have been here between mkdir and lock: then it is gone, and another
		 * is made. */
		if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && fstatat(tmp, name, &st, 0) == 0)
			return own(take_fd(&fd));
		if (errno != ENOENT && errno != EWOULDBLOCK) {
			int why = errno;
			unlinkat(tmp, name, AT_REMOVEDIR);
			return fail(e, why, "open a work directory of the store");
		}
	}
}

void store_work_end(const struct store *s, int work, const char *name)
{
	struct err ignored; /* what is left is swept by the next who begins */
	auto_close int tmp = openat(s->dir, "tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_close int held = work;
	if (tmp >= 0)
		tree_remove(tmp, name, &ignored);
}

int store_blob_commit(const struct store *s, int work, const char *file, const char *digest,
		      struct err *e)
{
	char to[PLACE_MAX];
	place(to, "blobs", digest);
	if (renameat(work, file, s->dir, to) < 0)
		return fail(e, errno, "store blob %s", digest);
	return 0;
}

int store_layer_commit(const struct store *s, int work, const char *tree, const char *chain,
		       struct err *e)
{
	char to[PLACE_MAX];
	place(to, "layers", chain);
	if (renameat(work, tree, s->dir, to) < 0 && errno != EEXIST && errno != ENOTEMPTY)
		return fail(e, errno, "store layer %s", chain);
	return 0;
}

int store_layer_open(const struct store *s, const char *chain, struct err *e)
{
	char name[PLACE_MAX];
	place(name, "layers", chain);
	int fd = openat(s->dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? fail(e, errno, "open the unpacked layer %s", chain) : fd;
}

static int containers(const struct store *s, struct err *e)
{
	int fd = openat(s->dir, "containers", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? fail(e, errno, "open the store's containers") : fd;
}

/* The id names a directory: nothing that leads elsewhere. */
static int check_id(const char *id, struct err *e)
{
	if (!*id || *id == '.' || strchr(id, '/') || strlen(id) > NAME_MAX)
		return refuse(e, EINVAL, "%.100s cannot be a container's id", id);
	return 0;
}

int store_container_make(const struct store *s, const char *id, struct err *e)
{
	int rc = check_id(id, e);
	auto_close int all = rc < 0 ? rc : containers(s, e);
	if (all < 0)
		return all;
	if (mkdirat(all, id, 0700) < 0)
		return fail(e, errno, "make the directory of container %s in the store", id);
	int fd = own(openat(all, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
	return fd < 0 ? fail(e, errno, "open the directory of container %s in the store", id) : fd;
}

int store_container_open(const struct store *s, const char *id, struct err *e)
{
	int rc = check_id(id, e);
	auto_close int all = rc < 0 ? rc : containers(s, e);
	if (all < 0)
		return all;
	int fd = openat(all, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? fail(e, errno, "open the directory of container %s in the store", id) : fd;
}

int store_container_remove(const struct store *s, const char *id, struct err *e)
{
	int rc = check_id(id, e);
	auto_close int all = rc < 0 ? rc : containers(s, e);
	return all < 0 ? all : tree_remove(all, id, e);
}

/* What is noted nowhere is removed: only what is not there has no note, not what cannot be seen. */
static int read_note(int all, const char *id, const char *file, struct buf *b, struct err *e)
{
	struct err why = { 0 };
	auto_close int dir = openat(all, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	int rc = dir < 0 ? fail(&why, errno, "open it") : file_read(dir, file, b, &why);
	if (rc == -ENOENT || rc == -ENOTDIR)
		return 0;
	if (rc < 0)
		return refuse(e, -rc, "the store's containers/%s: %s", id, why.msg);
	if (b->len && b->p[b->len - 1] == '\n')
		b->p[--b->len] = 0;
	return rc;
}

int store_notes_each(const struct store *s, const char *file,
		     int (*each)(void *arg, const char *id, char *text, struct err *e), void *arg,
		     struct err *e)
{
	int all = openat(s->dir, "containers", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = all < 0 ? NULL : fdopendir(all);
	int rc = 0;
	if (!d)
		return fail(e, errno, "read the store's containers");
	for (struct dirent *entry; rc == 0 && (errno = 0, entry = readdir(d));) {
		auto_buf b = { .max = NOTE_MAX };
		if (entry->d_name[0] != '.')
			rc = read_note(all, entry->d_name, file, &b, e);
		if (rc == 0 && b.len)
			rc = each(arg, entry->d_name, b.p, e);
	}
	if (rc == 0 && errno)
		rc = fail(e, errno, "read the store's containers");
	closedir(d);
	return rc;
}

/* names.c - the store's index.json: which name means which image. */
#include "base/file.h"
#include "base/loop.h"
#include "image/store.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define REF_NAME    "org.opencontainers.image.ref.name"
#define INDEX_ARENA ((size_t)32 << 20)

const char *descriptor_name(const struct descriptor *d)
{
	return pairs_get(&d->annotations, REF_NAME);
}

int store_name_new(const char *text, struct arena *a, const char **out, struct err *e)
{
	struct ref r;
	int rc = ref_parse(text, a, &r, e);
	if (rc < 0)
		return rc;
	if (ref_is_place(&r))
		return refuse(e, EINVAL, "%.200s: a new name is [HOST[:PORT]/]NAME[:TAG]", text);
	if (r.digest)
		return refuse(e, EINVAL, "%.200s: a new name has a tag, not a digest", text);
	*out = ref_text(&r, a);
	return *out ? 0 : fail(e, E2BIG, "name %.200s", text);
}

/* Another's may be anything: it is not waited for. */
static int read_names(const struct store *s, struct buf *b, struct err *e)
{
	struct stat st;
	auto_close int fd = openat(s->dir, "index.json",
				   O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0)
		return fail(e, errno, "open index.json");
	return S_ISREG(st.st_mode) ? file_read_fd(fd, "index.json", b, e)
				   : refuse(e, EINVAL, "index.json is not a file");
}

int store_names(const struct store *s, struct arena *a, struct index *out, struct err *e)
{
	auto_buf b = { .max = MANIFEST_MAX };
	int rc = read_names(s, &b, e);
	if (rc == 0 && index_parse(b.p, b.len, a, out, e) < 0)
		rc = within(e, "index.json");
	return rc < 0 && !s->foreign ? within(e, "the store") : rc;
}

int store_names_open(const struct store *s, struct err *e)
{
	int fd = openat(s->dir, "index.lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	return fd < 0 ? fail(e, errno, "open the store's index.lock") : fd;
}

static int lock_names(const struct store *s, struct err *e)
{
	auto_close int fd = store_names_open(s, e);
	if (fd < 0)
		return fd;
	while (flock(fd, LOCK_EX) < 0)
		if (errno != EINTR)
			return fail(e, errno, "lock the store's index.lock");
	return take_fd(&fd);
}

static int save(const struct index *ix, int dir,
		int (*write)(int, const char *, const void *, size_t, mode_t, struct err *),
		struct err *e)
{
	auto_buf b = { .max = MANIFEST_MAX };
	json_write(&b, index_fields, ix, 2);
	if (b.failed)
		return refuse(e, E2BIG,
			      "the store has too many images: remove some with coracle rmi");
	sigset_t was;
	signals_hold(&was);
	int rc = write(dir, "index.json", b.p, b.len, 0644, e);
	sigprocmask(SIG_SETMASK, &was, NULL);
	return rc;
}

int store_names_save(const struct store *s, const struct index *ix, struct err *e)
{
	return save(ix, s->dir, file_replace, e);
}

/* Drops the entries of that name; whether there was one. */
static bool drop(struct index *ix, const char *name)
{
	size_t kept = 0;
	for (size_t i = 0; i < ix->manifests.n; i++) {
		const char *has = descriptor_name(&ix->manifests.v[i]);
		if (!has || strcmp(has, name))
			ix->manifests.v[kept++] = ix->manifests.v[i];
	}
	bool any = kept < ix->manifests.n;
	ix->manifests.n = kept;
	return any;
}

static bool is_named(const struct index *ix, const char *name, const struct descriptor *d)
{
	for (size_t i = 0; i < ix->manifests.n; i++) {
		const char *has = descriptor_name(&ix->manifests.v[i]);
		if (has && !strcmp(has, name) && !strcmp(ix->manifests.v[i].digest, d->digest))
			return true;
	}
	return false;
}

/* The index with one name more in a directory, the store's own or a work directory; whether it was
 * written. */
static int put_name(const struct store *s, const char *name, const struct descriptor *d, int work,
		    struct err *e)
{
	struct index ix;
	auto_arena *a = arena_new(INDEX_ARENA);
	int rc = a ? store_names(s, a, &ix, e) : fail(e, ENOMEM, "read the store's index.json");
	if (rc < 0 || is_named(&ix, name, d))
		return rc;
	drop(&ix, name);
	struct pair ref = { REF_NAME, name };
	struct descriptor *to = LIST_ADD(a, &ix.manifests);
	if (!to)
		return fail(e, E2BIG, "write the store's index.json");
	*to = (struct descriptor){ .media_type = d->media_type,
				   .digest = d->digest,
				   .size = d->size,
				   .annotations = { &ref, 1 } };
	ix.schema_version = 2;
	rc = save(&ix, work, work == s->dir ? file_replace : file_swap, e);
	return rc < 0 ? rc : 1;
}

int store_name_put(const struct store *s, const char *name, const struct descriptor *d,
		   struct err *e)
{
	auto_close int lock = lock_names(s, e);
	int rc = lock < 0 ? lock : put_name(s, name, d, s->dir, e);
	return rc < 0 ? rc : 0;
}

int store_name_stage(const struct store *s, const char *name, const struct descriptor *d, int work,
		     struct err *e)
{
	return put_name(s, name, d, work, e);
}

int store_name_commit(const struct store *s, int work, struct err *e)
{
	if (renameat(work, "index.json", s->dir, "index.json") < 0)
		return fail(e, errno, "replace the store's index.json");
	return 0;
}

int store_name_remove(const struct store *s, const char *name, struct err *e)
{
	struct index ix;
	auto_arena *a = arena_new(INDEX_ARENA);
	if (!a)
		return fail(e, ENOMEM, "read the store's index.json");
	auto_close int lock = lock_names(s, e);
	int rc = lock < 0 ? lock : store_names(s, a, &ix, e);
	if (rc < 0)
		return rc;
	if (!drop(&ix, name))
		return refuse(e, ENOENT, "no image in the store is called %.200s", name);
	return store_names_save(s, &ix, e);
}

/* load.c - what images a tar file or a layout has. */
#include "image/load.h"
#include "base/file.h"
#include "base/json.h"
#include "image/limits.h"
#include "image/ref.h"
#include "image/store.h"
#include "image/tarfile.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define CONTAINERD "io.containerd.image.name"

struct entry {
	struct strs tags;
};
struct entries {
	struct {
		struct entry *v;
		size_t n;
	} images;
};
static const struct json_field entry_fields[] = {
	JSON(J_STRS, entry, tags, "RepoTags"),
	{ 0 },
};
static const struct json_field entries_fields[] = {
	JSON_SUB(J_LIST, entries, images, "images", entry_fields, entry),
	{ 0 },
};

static int no_room(struct err *e)
{
	return fail(e, E2BIG, "list the images");
}

static int add(struct loadables *l, const char *text, const struct strs *names, struct arena *a,
	       struct err *e)
{
	struct strs good = { arena_array(a, names->n + 1, sizeof(char *)), 0 };
	if (!text || !good.v)
		return no_room(e);
	for (size_t i = 0; i < names->n; i++) {
		const char *name;
		struct err unfit; /* as if it had none */
		if (store_name_new(names->v[i], a, &name, &unfit) == 0 && !strs_has(&good, name))
			good.v[good.n++] = name;
	}
	l->v[l->n++] = (struct loadable){ text, good };
	return 0;
}

/* Containerd and docker write the whole name beside the tag, podman in its place. A tag alone is
 * none: two images of an archive may have the same. */
static int add_indexed(struct loadables *l, const char *transport, const char *path,
		       const struct index *ix, struct arena *a, struct err *e)
{
	int rc = 0;
	l->v = arena_array(a, ix->manifests.n + 1, sizeof(*l->v));
	if (!l->v)
		return no_room(e);
	for (size_t i = 0; rc == 0 && i < ix->manifests.n; i++) {
		const char *own = descriptor_name(&ix->manifests.v[i]);
		const char *name = pairs_get(&ix->manifests.v[i].annotations, CONTAINERD);
		if (!name && own && strpbrk(own, ":/"))
			name = own;
		const struct strs names = { &name, name ? 1 : 0 };
		rc = add(l, arena_printf(a, "%s%s:@%zu", transport, path, i), &names, a, e);
	}
	return rc;
}

static int add_docker(struct loadables *l, const char *path, const struct entries *all,
		      struct arena *a, struct err *e)
{
	int rc = 0;
	l->v = arena_array(a, all->images.n + 1, sizeof(*l->v));
	if (!l->v)
		return no_room(e);
	for (size_t i = 0; rc == 0 && i < all->images.n; i++)
		rc = add(l, arena_printf(a, "docker-archive:%s:@%zu", path, i),
			 &all->images.v[i].tags, a, e);
	return rc;
}

static int read_member(const struct tarfile *t, const struct tarmember *m, struct buf *b,
		       struct err *e)
{
	struct reading *r;
	int rc = reading_begin(t, m, &r, e);
	if (rc < 0)
		return rc;
	rc = source_append(reading_source(r), b, e);
	reading_end(r);
	return rc < 0 ? within(e, "%.200s", m->name) : 0;
}

static int list_docker(const struct tarfile *t, const char *path, const struct tarmember *m,
		       struct arena *a, struct loadables *out, struct err *e)
{
	auto_buf b = { .max = MANIFEST_MAX };
	struct entries all = { 0 };
	buf_str(&b, "{\"images\":"); /* a list is no document of its own to the reader of JSON */
	int rc = read_member(t, m, &b, e);
	buf_char(&b, '}');
	if (rc == 0)
		rc = json_read(b.p, b.len, entries_fields, &all, a, e);
	return rc < 0 ? within(e, "manifest.json") : add_docker(out, path, &all, a, e);
}

static int list_tar(const struct tarfile *t, const char *path, struct arena *a,
		    struct loadables *out, struct err *e)
{
	auto_buf b = { .max = MANIFEST_MAX };
	const struct tarmember *m;
	struct index *ix = arena_alloc(a, sizeof(*ix));
	struct err absent;
	if (!ix)
		return no_room(e);
	bool layout = tarfile_find(t, "oci-layout", a, &m, &absent) == 0;
	if (!layout && tarfile_find(t, "manifest.json", a, &m, &absent) == 0)
		return list_docker(t, path, m, a, out, e);
	if (!layout)
		return refuse(e, EBADMSG,
			      "no images: neither oci-layout nor manifest.json is in it");
	int rc = tarfile_find(t, "index.json", a, &m, e);
	if (rc == 0)
		rc = read_member(t, m, &b, e);
	if (rc == 0 && index_parse(b.len ? b.p : "", b.len, a, ix, e) < 0)
		rc = within(e, "index.json");
	return rc < 0 ? rc : add_indexed(out, "oci-archive:", path, ix, a, e);
}

static int list_directory(const char *path, int dir, struct arena *a, struct loadables *out,
			  struct err *e)
{
	struct index *ix = arena_alloc(a, sizeof(*ix));
	if (!ix)
		return no_room(e);
	const struct store layout = { .dir = dir, .lock = -1, .foreign = true };
	if (faccessat(dir, "oci-layout", F_OK, 0) < 0)
		return refuse(e, ENOENT, "no OCI layout: it has no file oci-layout");
	int rc = store_names(&layout, a, ix, e);
	return rc < 0 ? rc : add_indexed(out, "oci:", path, ix, a, e);
}

/* Names first: what has none is there by itself only when nothing has one. */
static void drop_nameless(struct loadables *l)
{
	size_t kept = 0, named = 0;
	for (size_t i = 0; i < l->n; i++)
		named += l->v[i].names.n > 0;
	for (size_t i = 0; named && i < l->n; i++)
		if (l->v[i].names.n)
			l->v[kept++] = l->v[i];
	l->n = named ? kept : l->n;
}

int load_list(const char *path, struct arena *a, struct loadables *out, struct err *e)
{
	struct tarfile t = { .fd = -1 };
	struct loadables l = { 0 };
	struct stat st;
	const char *whole = path_absolute(a, path);
	auto_close int fd = whole ? open(whole, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) : -1;
	if (fd < 0 || fstat(fd, &st) < 0)
		return fail(e, errno, "open it");
	int rc;
	if (S_ISDIR(st.st_mode))
		rc = list_directory(whole, fd, a, &l, e);
	else {
		rc = tarfile_open(whole, &LIMITS_DEFAULT, a, &t, e);
		if (rc == 0)
			rc = list_tar(&t, whole, a, &l, e);
		tarfile_close(&t);
	}
	if (rc == 0 && !l.n)
		rc = refuse(e, ENOENT, "there are no images in it");
	drop_nameless(&l);
	if (rc == 0)
		*out = l;
	return rc;
}

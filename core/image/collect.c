/* collect.c - what no name and no container needs any more is removed from the store. */
#include "base/digest.h"
#include "base/file.h"
#include "image/image.h"
#include "image/store.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define INDEX_DEPTH 4

/* Digests, one after the other, sorted before they are looked up. */
struct set {
	struct buf all;
};

struct marks {
	const struct store *s;
	struct set blobs, layers;
};

static void set_add(struct set *set, const char *digest)
{
	char padded[DIGEST_TEXT] = "";
	memcpy(padded, digest, strlen(digest));
	buf_add(&set->all, padded, sizeof(padded));
}

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

static bool set_has(const struct set *set, const char *digest)
{
	return set->all.len &&
	       bsearch(digest, set->all.p, set->all.len / DIGEST_TEXT, DIGEST_TEXT, by_text);
}

static void set_sort(struct set *set)
{
	if (set->all.len)
		qsort(set->all.p, set->all.len / DIGEST_TEXT, DIGEST_TEXT, by_text);
}

static int mark_image(struct marks *m, const struct descriptor *d, struct arena *a, struct err *e)
{
	struct image im;
	int rc = image_read(m->s, d, a, &im, e);
	if (rc < 0)
		return rc;
	set_add(&m->blobs, im.manifest.config.digest);
	for (size_t i = 0; i < im.manifest.layers.n; i++)
		set_add(&m->blobs, im.manifest.layers.v[i].digest);
	for (size_t i = 0; i < im.chains.n; i++)
		set_add(&m->layers, im.chains.v[i]);
	return 0;
}

static int mark(struct marks *m, const struct descriptor *d, int depth, struct err *e)
{
	auto_arena *a = arena_new(ARENA_IMAGE);
	auto_buf b = { .max = MANIFEST_MAX };
	struct index ix;
	if (!a)
		return fail(e, ENOMEM, "read an image");
	set_add(&m->blobs, d->digest);
	int rc = store_blob_read(m->s, d, &b, e);
	if (rc == -ENOENT) /* the machine went before the disk had it */
		return 0;
	int kind = rc < 0 ? rc : document_kind(b.p, b.len, d->media_type, e);
	if (kind < 0)
		return kind;
	if (kind == DOC_MANIFEST)
		return mark_image(m, d, a, e);
	if (depth == INDEX_DEPTH)
		return refuse(e, ELOOP, "index %s: too deep", d->digest);
	rc = index_parse(b.p, b.len, a, &ix, e);
	for (size_t i = 0; rc == 0 && i < ix.manifests.n; i++) {
		struct err absent;
		auto_close int fd = store_blob_open(m->s, ix.manifests.v[i].digest, -1, &absent);
		if (fd >= 0) /* of an index only the part for this machine need be here */
			rc = mark(m, &ix.manifests.v[i], depth + 1, e);
	}
	return rc;
}

static int mark_container(void *arg, const char *id, char *layers, struct err *e)
{
	struct marks *m = arg;
	char *save = NULL;
	for (char *line = strtok_r(layers, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (digest_check(line, e) == 0)
			set_add(&m->layers, line);
		else
			return within(e, "containers/%s/layers", id);
	return 0;
}

static int sweep(const struct store *s, const char *folder, const struct set *keep,
		 struct store_gc *out, struct err *e)
{
	int dir = openat(s->dir, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = dir < 0 ? NULL : fdopendir(dir);
	int rc = 0;
	if (!d)
		return fail(e, errno, "read the store's %s", folder);
	for (struct dirent *entry; rc == 0 && (entry = readdir(d));) {
		struct stat st;
		char digest[8 + sizeof(entry->d_name)];
		snprintf(digest, sizeof(digest), "%s:%s", strchr(folder, '/') + 1, entry->d_name);
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") ||
		    set_has(keep, digest) ||
		    fstatat(dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		rc = tree_remove(dir, entry->d_name, e);
		out->blobs += S_ISREG(st.st_mode);
		out->layers += S_ISDIR(st.st_mode);
		out->bytes += S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
	}
	closedir(d);
	return rc;
}

static int mark_all(struct marks *m, struct err *e)
{
	struct index ix;
	auto_arena *a = arena_new(ARENA_IMAGE);
	int rc = a ? store_names(m->s, a, &ix, e) : fail(e, ENOMEM, "read the store's index.json");
	for (size_t i = 0; rc == 0 && i < ix.manifests.n; i++) {
		const char *name = descriptor_name(&ix.manifests.v[i]);
		if (mark(m, &ix.manifests.v[i], 0, e) < 0)
			return within(e,
				      "what is not needed stays: image %.200s cannot be read (pull "
				      "it again, or remove it with coracle rmi)",
				      name ? name : ix.manifests.v[i].digest);
	}
	if (rc == 0)
		rc = store_notes_each(m->s, "layers", mark_container, m, e);
	if (rc == 0 && (m->blobs.all.failed || m->layers.all.failed))
		rc = fail(e, ENOMEM, "look through the store");
	return rc;
}

int store_collect(const struct store *s, struct store_gc *out, struct err *e)
{
	struct marks m = { .s = s };
	struct store_gc gc = { 0 };
	int rc = mark_all(&m, e);
	set_sort(&m.blobs);
	set_sort(&m.layers);
	/* Layers first: as long as a blob is there, its layer can be unpacked again. */
	if (rc == 0)
		rc = sweep(s, "layers/sha256", &m.layers, &gc, e);
	if (rc == 0)
		rc = sweep(s, "blobs/sha256", &m.blobs, &gc, e);
	if (rc == 0)
		rc = sweep(s, "blobs/sha512", &m.blobs, &gc, e);
	buf_free(&m.blobs.all);
	buf_free(&m.layers.all);
	if (rc == 0)
		*out = gc;
	return rc;
}

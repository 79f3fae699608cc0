/* save.c - images of the store as one tar file: an OCI layout, and docker's manifest.json. */
#include "image/save.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "image/image.h"
#include "image/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK	   512
#define NAME_FIELD 100
#define RECORD	   20		      /* blocks, at the end, as tar pads */
#define OCTAL_MAX  ((int64_t)1 << 33) /* what the header's eleven digits can say */
#define LAYOUT	   "{\"imageLayoutVersion\":\"1.0.0\"}"
#define REF_NAME   "org.opencontainers.image.ref.name"
#define CONTAINERD "io.containerd.image.name"

struct saving {
	const struct store *store;
	int fd;
	struct arena *arena;
	struct image **images;
	size_t n;
	int64_t written;
};

static int no_room(struct err *e)
{
	return fail(e, E2BIG, "save images");
}

static int put(struct saving *s, const void *p, size_t n, struct err *e)
{
	int rc = write_all(s->fd, p, n);
	s->written += (int64_t)n;
	return rc < 0 ? fail(e, rc, "write the archive") : 0;
}

static int pad(struct saving *s, int64_t to, struct err *e)
{
	static const char zeros[BLOCK];
	int rc = 0;
	for (int64_t n; rc == 0 && (n = (to - s->written % to) % to);)
		rc = put(s, zeros, n < BLOCK ? (size_t)n : BLOCK, e);
	return rc;
}

/* A header of POSIX's ustar; of no time and nobody, so that the same is the same. Of a name only
 * the first 100 bytes fit. */
static int put_short(struct saving *s, const char *name, char type, int64_t size, struct err *e)
{
	char h[BLOCK] = { 0 };
	unsigned sum = 0;
	memcpy(h, name, strnlen(name, NAME_FIELD));
	memcpy(h + 100, type == '5' ? "0000755" : "0000644", 8);
	memcpy(h + 108, "0000000", 8);
	memcpy(h + 116, "0000000", 8);
	if (size < OCTAL_MAX)
		snprintf(h + 124, 12, "%011llo", (unsigned long long)size);
	else { /* in binary, as GNU's tar and Go's understand it */
		h[124] = (char)0x80;
		for (int i = 0; i < 8; i++)
			h[135 - i] = (char)(size >> (8 * i));
	}
	memcpy(h + 136, "00000000000", 12);
	memset(h + 148, ' ', 8);
	h[156] = type;
	memcpy(h + 257, "ustar\00000", 8);
	for (size_t i = 0; i < BLOCK; i++)
		sum += (unsigned char)h[i];
	snprintf(h + 148, 8, "%06o", sum);
	return put(s, h, BLOCK, e);
}

/* A longer name goes before it, as GNU's tar has them. */
static int put_header(struct saving *s, const char *name, char type, int64_t size, struct err *e)
{
	size_t n = strlen(name);
	int rc = 0;
	if (n > NAME_FIELD) {
		rc = put_short(s, "././@LongLink", 'L', (int64_t)n + 1, e);
		if (rc == 0)
			rc = put(s, name, n + 1, e);
		if (rc == 0)
			rc = pad(s, BLOCK, e);
	}
	return rc == 0 ? put_short(s, name, type, size, e) : rc;
}

static int put_text(struct saving *s, const char *name, const struct buf *text, struct err *e)
{
	if (text->failed)
		return no_room(e);
	int rc = put_header(s, name, '0', (int64_t)text->len, e);
	if (rc == 0)
		rc = put(s, text->p, text->len, e);
	return rc < 0 ? rc : pad(s, BLOCK, e);
}

static int put_blob(struct saving *s, const struct descriptor *d, struct err *e)
{
	char name[PLACE_MAX];
	struct check check;
	struct file_source *file = malloc(sizeof(*file));
	auto_close int fd = file ? store_blob_open(s->store, d->digest, d->size, e) : -1;
	blob_place(name, d->digest);
	int rc = !file ? fail(e, ENOMEM, "save images") : fd < 0 ? fd : 0;
	if (rc == 0)
		rc = put_header(s, name, '0', d->size, e);
	if (rc == 0) {
		file_source_init(file, fd);
		check_init(&check, &file->source, "blob", d->digest, d->size);
		check.copy = s->fd;
		rc = source_drain(&check.source, e);
		s->written += d->size;
	}
	free(file);
	return rc < 0 ? rc : pad(s, BLOCK, e);
}

static int by_digest(const void *a, const void *b)
{
	const struct descriptor *const *x = a, *const *y = b;
	return strcmp((*x)->digest, (*y)->digest);
}

static int put_blobs(struct saving *s, struct err *e)
{
	size_t n = 0, i, k;
	for (i = 0; i < s->n; i++)
		n += 2 + s->images[i]->manifest.layers.n;
	const struct descriptor **v = arena_array(s->arena, n + 1, sizeof(*v));
	if (!v)
		return no_room(e);
	for (i = n = 0; i < s->n; i++) {
		const struct image *im = s->images[i];
		v[n++] = &im->descriptor;
		v[n++] = &im->manifest.config;
		for (k = 0; k < im->manifest.layers.n; k++)
			v[n++] = &im->manifest.layers.v[k];
	}
	qsort(v, n, sizeof(*v), by_digest);
	int rc = put_header(s, "blobs/", '5', 0, e);
	if (rc == 0)
		rc = put_header(s, "blobs/sha256/", '5', 0, e);
	if (rc == 0 && n && !strncmp(v[n - 1]->digest, "sha512:", 7))
		rc = put_header(s, "blobs/sha512/", '5', 0, e);
	for (i = 0; rc == 0 && i < n; i++)
		if (!i || by_digest(&v[i - 1], &v[i]))
			rc = put_blob(s, v[i], e);
	return rc;
}

/* With the name where skopeo and podman look for it, and where containerd and docker do. */
static int put_index(struct saving *s, struct err *e)
{
	auto_buf text = { .max = MANIFEST_MAX };
	struct index ix = { .schema_version = 2, .media_type = MEDIA_OCI_INDEX };
	ix.manifests.v = arena_array(s->arena, s->n, sizeof(*ix.manifests.v));
	struct pair *names = arena_array(s->arena, 2 * s->n, sizeof(*names));
	if (!ix.manifests.v || !names)
		return no_room(e);
	for (; ix.manifests.n < s->n; ix.manifests.n++, names += 2) {
		struct descriptor *d = &ix.manifests.v[ix.manifests.n];
		const struct image *im = s->images[ix.manifests.n];
		names[0] = (struct pair){ CONTAINERD, im->name };
		names[1] = (struct pair){ REF_NAME, im->name };
		*d = (struct descriptor){ .media_type = im->descriptor.media_type,
					  .digest = im->descriptor.digest,
					  .size = im->descriptor.size,
					  .annotations = { names, 2 } };
	}
	json_write(&text, index_fields, &ix, 0);
	return put_text(s, "index.json", &text, e);
}

static void docker_image(const struct image *im, struct buf *out)
{
	char place[PLACE_MAX];
	blob_place(place, im->manifest.config.digest);
	buf_printf(out, "{\"Config\":\"%s\",\"RepoTags\":[", place);
	if (!strchr(im->name, '@')) /* one by its digest has no tag */
		json_string(out, im->name, strlen(im->name));
	buf_str(out, "],\"Layers\":[");
	for (size_t i = 0; i < im->manifest.layers.n; i++) {
		blob_place(place, im->manifest.layers.v[i].digest);
		buf_printf(out, "%s\"%s\"", i ? "," : "", place);
	}
	buf_str(out, "]}");
}

static int put_docker(struct saving *s, struct err *e)
{
	auto_buf text = { .max = MANIFEST_MAX };
	for (size_t i = 0; i < s->n; i++) {
		buf_char(&text, i ? ',' : '[');
		docker_image(s->images[i], &text);
	}
	buf_char(&text, ']');
	return put_text(s, "manifest.json", &text, e);
}

static int put_mark(struct saving *s, struct err *e)
{
	auto_buf text = { 0 };
	buf_str(&text, LAYOUT);
	return put_text(s, "oci-layout", &text, e);
}

int images_save(const struct store *s, const struct strs *names, int fd, struct arena *a,
		struct err *e)
{
	struct saving save = { .store = s, .fd = fd, .arena = a };
	save.images = arena_array(a, names->n + 1, sizeof(*save.images));
	int rc = save.images ? 0 : no_room(e);
	for (size_t i = 0; rc == 0 && i < names->n; i++) {
		bool twice = false;
		rc = image_open(s, names->v[i], a, &save.images[save.n], e);
		for (size_t k = 0; rc == 0 && k < save.n; k++)
			twice |= !strcmp(save.images[k]->name, save.images[save.n]->name);
		save.n += rc == 0 && !twice;
	}
	if (rc == 0)
		rc = put_mark(&save, e);
	if (rc == 0)
		rc = put_index(&save, e);
	if (rc == 0)
		rc = put_docker(&save, e);
	if (rc == 0)
		rc = put_blobs(&save, e);
	if (rc == 0)
		rc = pad(&save, BLOCK, e);
	/* Two blocks of zeros are its end; then to a whole record. */
	static const char end[2 * BLOCK];
	if (rc == 0)
		rc = put(&save, end, sizeof(end), e);
	return rc < 0 ? rc : pad(&save, (int64_t)BLOCK * RECORD, e);
}

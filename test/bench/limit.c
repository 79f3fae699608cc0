/* limit.c - limit IMAGE DIR: what a pull of the image cannot do without, in milliseconds of one
 * processor: to unpack its blobs to nowhere, to know the digests of both sides, and to write the
 * files of its layers into DIR, out of memory. The image is in the store. */
#include "base/file.h"
#include "image/image.h"
#include "image/limits.h"
#include "image/source.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

struct thing {
	char *path, *content; /* a symlink's text */
	mode_t mode;
	size_t size;
};
static struct thing *things;
static size_t things_n;

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void *room(void *old, size_t n)
{
	void *p = realloc(old, n);
	if (!p)
		die("no memory");
	return p;
}

static int remember(const char *path, const struct stat *st, int type, struct FTW *f)
{
	things = room(things, (things_n + 1) * sizeof(*things));
	struct thing *t = &things[things_n++];
	*t = (struct thing){ .path = strdup(path),
			     .mode = st->st_mode,
			     .size = (size_t)st->st_size };
	t->content = room(NULL, t->size + 1);
	if (S_ISLNK(t->mode)) {
		ssize_t n = readlink(path, t->content, t->size);
		t->content[n < 0 ? 0 : n] = 0;
	} else if (S_ISREG(t->mode)) {
		auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || read(fd, t->content, t->size) != (ssize_t)t->size)
			die(path);
	}
	return 0;
}

static void write_one(int dir, const struct thing *t)
{
	if (S_ISDIR(t->mode)) {
		if (mkdirat(dir, t->path, 0755) < 0 && errno != EEXIST)
			die(t->path);
	} else if (S_ISLNK(t->mode)) {
		if (symlinkat(t->content, dir, t->path) < 0)
			die(t->path);
	} else if (S_ISREG(t->mode)) {
		int fd = openat(dir, t->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
		if (fd < 0 || write_all(fd, t->content, t->size) < 0 || close(fd) < 0)
			die(t->path);
	}
}

/* Of all layers, in milliseconds. */
struct cost {
	double unpack, digests, write;
};

/* The time it takes to go on with a digest. */
static double digest(struct sha256 *sha, const void *p, ssize_t n)
{
	double start = now();
	sha256_add(sha, p, (size_t)n);
	return now() - start;
}

static int unpack(int fd, enum packing packing, struct cost *c, struct err *e)
{
	static struct file_source file;
	struct inflate *i;
	struct sha256 sha;
	const void *p;
	ssize_t n;
	file_source_init(&file, fd);
	sha256_init(&sha);
	double start = now(), digests = 0;
	int rc = inflate_new(&file.source, packing, LIMITS_DEFAULT.window, &i, e);
	if (rc < 0)
		return rc;
	while ((n = source_read(inflate_source(i), &p, e)) > 0)
		digests += digest(&sha, p, n);
	inflate_free(i);
	c->unpack += now() - start - digests;
	if (n == 0 && lseek(fd, 0, SEEK_SET) < 0)
		die("a blob");
	sha256_init(&sha);
	while (n >= 0 && (n = source_read(&file.source, &p, e)) > 0)
		digests += digest(&sha, p, n);
	c->digests += digests;
	return (int)n;
}

static int unpack_blob(const struct store *s, const struct descriptor *d, struct cost *c,
		       struct err *e)
{
	int packing = layer_packing(d->media_type, e);
	auto_close int fd = packing < 0 ? packing : store_blob_open(s, d->digest, d->size, e);
	return fd < 0 ? fd : unpack(fd, (enum packing)packing, c, e);
}

static int write_layer(const struct store *s, const char *chain, const char *to, struct cost *c,
		       struct err *e)
{
	auto_close int from = store_layer_open(s, chain, e);
	if (from < 0)
		return from;
	things_n = 0;
	if (fchdir(from) < 0 || nftw(".", remember, 64, FTW_PHYS) != 0)
		die("read a layer");
	auto_close int dir = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || mkdirat(dir, chain, 0755) < 0)
		die(to);
	auto_close int below = openat(dir, chain, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	double start = now();
	for (size_t i = 0; i < things_n; i++)
		write_one(below, &things[i]);
	c->write += now() - start;
	for (size_t i = 0; i < things_n; i++) {
		free(things[i].path);
		free(things[i].content);
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct store s;
	struct err e = { 0 };
	struct image *im;
	struct cost c = { 0 };
	struct arena *a = arena_new(ARENA_IMAGE);
	if (argc != 3 || *argv[2] != '/' || !a) {
		fprintf(stderr, "usage: limit IMAGE DIR\n");
		return 2;
	}
	int rc = store_open(NULL, &s, &e);
	if (rc == 0)
		rc = image_open(&s, argv[1], a, &im, &e);
	for (size_t i = 0; rc == 0 && i < im->manifest.layers.n; i++) {
		rc = unpack_blob(&s, &im->manifest.layers.v[i], &c, &e);
		if (rc == 0)
			rc = write_layer(&s, im->chains.v[i], argv[2], &c, &e);
	}
	if (rc < 0) {
		fprintf(stderr, "limit: %s\n", e.msg);
		return 1;
	}
	printf("%.0f %.0f %.0f\n", c.unpack, c.digests, c.write);
	return 0;
}

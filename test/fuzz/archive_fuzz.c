/* archive_fuzz.c - foreign bytes as an archive of images: what is read of it ends, and a digest is
 * never another's. */
#include "../unit/tarball.h"
#include "base/file.h"
#include "image/apart.h"
#include "image/limits.h"
#include "image/load.h"
#include "image/origin.h"
#include "place.h"

#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* In place of apart.c's: here, where a fuzzer sees what is done, and all of it before the first
 * byte is read. */
static ssize_t read_kept(struct source *s, const void **p, struct err *e)
{
	return source_read(&((struct apart *)s)->file.source, p, e);
}

int apart_begin(struct apart *a, const char *what, int (*run)(void *arg, int out, struct err *e),
		void *arg, struct err *e)
{
	int fd = memfd_create("apart", MFD_CLOEXEC);
	file_source_init(&a->file, fd);
	a->source.read = read_kept;
	a->verdict = (struct verdict *)a; /* anything: it is one */
	int rc = fd < 0 ? fail(e, errno, "keep what is read") : run(arg, fd, e);
	lseek(fd, 0, SEEK_SET);
	return rc;
}

void apart_end(struct apart *a)
{
	if (a->verdict)
		put_fd(&a->file.fd, -1);
}

/* Members from lines NAME'\t'CONTENT, or NAME'\t>'LINK, so that a fuzzer need not guess checksums.
 */
static void members(struct buf *tar, char *text)
{
	for (char *save = NULL, *line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		char *content = strchr(line, '\t');
		if (content)
			*content++ = 0;
		bool link = content && *content == '>';
		tar_add(tar, link ? '2' : '0', line, link ? content + 1 : NULL, 0644,
			link ? NULL : content);
	}
	tar_end(tar);
}

static void read_blob(struct origin *o, const struct descriptor *d)
{
	struct err e = { 0 };
	char got[DIGEST_TEXT];
	auto_buf b = { .max = (size_t)1 << 20 };
	if (origin_read(o, d, "blob", &b, &e) == 0 &&
	    (!digest_is(d->digest, b.p ? b.p : "", b.len, got) || (int64_t)b.len != d->size))
		abort();
}

static void read_image(struct origin *o, struct arena *a)
{
	struct err e = { 0 };
	const char *type;
	struct manifest m;
	auto_buf b = { .max = MANIFEST_MAX + 1 };
	if (o->document(o, NULL, &b, &type, &e) < 0 || manifest_parse(b.p, b.len, a, &m, &e) < 0)
		return;
	read_blob(o, &m.config);
	for (size_t i = 0; i < m.layers.n; i++)
		read_blob(o, &m.layers.v[i]);
	o->document(o, "sha256-a.sig", &b, &type, &e);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	auto_arena *a = arena_new((size_t)32 << 20);
	auto_buf bytes = { .max = 1 << 20 };
	auto_buf text = { 0 };
	struct err e = { 0 };
	struct origin *o;
	struct loadables l;
	if (!a || n < 1 || n > 65536)
		return 0;
	buf_add(&text, p + 1, n - 1);
	buf_char(&text, 0);
	if (*p == 'o' || *p == 'd')
		members(&bytes, text.p);
	else
		buf_add(&bytes, p + 1, n - 1);
	place();
	place_put("archive", bytes.p ? bytes.p : "", bytes.len);
	const char *path = arena_printf(a, "%s/archive", place_path);
	struct ref r = { .kind = *p == 'o' || *p == 'O' ? REF_OCI_ARCHIVE : REF_DOCKER_ARCHIVE,
			 .name = path };
	if (path && archive_open(&r, &LIMITS_DEFAULT, a, &o, &e) == 0) {
		read_image(o, a);
		o->close(o);
	}
	e = (struct err){ 0 };
	if (path)
		load_list(path, a, &l, &e);
	return 0;
}

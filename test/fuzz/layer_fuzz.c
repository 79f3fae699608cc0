/* layer_fuzz.c - foreign bytes as a layer: whatever it is, nothing outside its tree is touched. */
#include "../unit/tarball.h"
#include "base/file.h"
#include "image/source.h"
#include "image/tar.h"
#include "image/tree.h"

#include <fcntl.h>
#include <limits.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

struct memory {
	struct source source;
	const char *p;
	size_t n;
};

static ssize_t memory_read(struct source *s, const void **p, struct err *e)
{
	struct memory *m = (struct memory *)s;
	size_t n = m->n < 777 ? m->n : 777;
	*p = m->p;
	m->p += n;
	m->n -= n;
	return (ssize_t)n;
}

/* Entries from lines TYPE NAME'\t'LINK, so that a fuzzer need not guess checksums. */
static void entries(struct buf *tar, char *text)
{
	for (char *save = NULL, *line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		char *link = strchr(line + 1, '\t');
		if (link)
			*link++ = 0;
		if (*line == '=')
			tar_pax(tar, "path", line + 1);
		else
			tar_add(tar, *line, line + 1, link, 0755,
				*line == '0' || *line == '1' ? "x" : NULL);
	}
	tar_end(tar);
}

static void unpack(struct buf *bytes, enum packing packing, int dir)
{
	struct err e = { 0 };
	struct inflate *inflate;
	struct tree t;
	struct memory m = { .source.read = memory_read, .p = bytes->p, .n = bytes->len };
	const struct limits limits = LIMITS_DEFAULT;
	if (inflate_new(&m.source, packing, limits.window, &inflate, &e) < 0)
		return;
	struct usage usage = { 0 };
	tree_begin(&t, dir, &limits, &usage);
	if (tar_read(inflate_source(inflate), &t, &e) == 0)
		tree_end(&t, &e);
	tree_free(&t);
	inflate_free(inflate);
}

static void check_outside(int dir)
{
	struct stat st;
	if (fstatat(dir, "outside/file", &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_size ||
	    st.st_nlink != 1 || (st.st_mode & 07777) != 0600)
		abort();
	if (fstatat(dir, "outside", &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_nlink != 2)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	char place[] = "/tmp/layer_fuzz.XXXXXX";
	auto_buf bytes = { .max = 1 << 20 };
	struct err e;
	if (n < 1 || n > 65536 || !mkdtemp(place))
		return 0;
	auto_close int dir = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || mkdirat(dir, "tree", 0755) < 0 || mkdirat(dir, "outside", 0755) < 0)
		abort();
	close(openat(dir, "outside/file", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	auto_close int tree = openat(dir, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_buf text = { 0 };
	buf_add(&text, p + 1, n - 1);
	buf_char(&text, 0);
	if (*p == 'E')
		entries(&bytes, text.p);
	else
		buf_add(&bytes, p + 1, n - 1);
	if (!bytes.failed && bytes.len)
		unpack(&bytes, *p == 'G' ? PACK_GZIP : *p == 'Z' ? PACK_ZSTD : PACK_NONE, tree);
	check_outside(dir);
	if (tree_remove(AT_FDCWD, place, &e) < 0)
		abort();
	return 0;
}

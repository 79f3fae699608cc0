/* tarfile_test.c - the list of an archive's members, written by a process that is another's by now.
 */
#include "tap.h"

#include "base/file.h"
#include "image/apart.h"
#include "image/tarfile.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* As tarfile.c has it. */
struct record {
	int64_t at, size;
	uint32_t name, link;
	enum packing packing;
};

static struct buf said;

/* In place of apart.c's. */
static ssize_t say(struct source *s, const void **p, struct err *e)
{
	size_t n = said.len;
	(void)s;
	(void)e;
	*p = said.p;
	said.len = 0;
	return (ssize_t)n;
}

int apart_begin(struct apart *a, const char *what, int (*run)(void *arg, int out, struct err *e),
		void *arg, struct err *e)
{
	(void)what;
	(void)run;
	(void)arg;
	(void)e;
	a->source.read = say;
	return 0;
}

void apart_end(struct apart *a)
{
	(void)a;
}

static void add(struct record r, const char *texts, size_t n)
{
	buf_add(&said, &r, sizeof(r));
	buf_add(&said, texts, n);
}

static int list(struct tarfile *t, struct arena *a)
{
	char path[] = "/tmp/tarfile_test.XXXXXX";
	struct err e = { 0 };
	auto_close int fd = mkstemp(path);
	ok(fd >= 0 && write_all(fd, "none", 4) == 0);
	int rc = tarfile_open(path, &LIMITS_DEFAULT, a, t, &e);
	tarfile_close(t);
	unlink(path);
	said.len = 0;
	return rc;
}

static void a_list_is_taken_as_it_is_written(void)
{
	struct tarfile t;
	auto_arena *a = arena_new(1 << 20);
	is_int(list(&t, a), 0);
	is_int(t.n, 0);
	add((struct record){ 512, 7, 2, 0, PACK_GZIP }, "a", 2);
	add((struct record){ 1024, 0, 2, 3, PACK_NONE }, "b\0cd", 5);
	is_int(list(&t, a), 0);
	is_int(t.n, 2);
	is_str(t.v[0].name, "a");
	is_str(t.v[0].link, NULL);
	is_int(t.v[0].packing, PACK_GZIP);
	is_str(t.v[1].link, "cd");
}

static void a_list_that_makes_no_sense_is_refused(void)
{
	static const struct {
		struct record r;
		size_t n;
	} bad[] = {
		{ { 0, 0, 0, 0, PACK_NONE }, 0 },  { { 0, 0, 2, 0, PACK_NONE }, 1 },
		{ { 0, 0, 4, 0, PACK_NONE }, 2 },  { { 0, 0, UINT32_MAX, 0, PACK_NONE }, 2 },
		{ { 0, 0, 1, 2, PACK_NONE }, 2 },  { { 0, 0, 2, UINT32_MAX, PACK_NONE }, 2 },
		{ { 0, 0, 3, 0, PACK_NONE }, 3 },  { { -1, 0, 2, 0, PACK_NONE }, 2 },
		{ { 0, -1, 2, 0, PACK_NONE }, 2 }, { { 0, 0, 2, 0, (enum packing)9 }, 2 },
		{ { 0, 0, 2, 0, PACK_NONE }, 3 },
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct tarfile t;
		auto_arena *a = arena_new(1 << 20);
		add((struct record){ 0, 0, 2, 0, PACK_NONE }, "a", 2);
		add(bad[i].r, "x\0y", bad[i].n);
		is_int(list(&t, a), -E2BIG);
		is_int(t.n, 0);
	}
}

int main(void)
{
	test(a_list_is_taken_as_it_is_written);
	test(a_list_that_makes_no_sense_is_refused);
	buf_free(&said);
	return done_testing();
}

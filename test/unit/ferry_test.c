/* ferry_test.c - bytes that one process gives another. */
#include "tap.h"

#include "image/ferry.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A source of so many bytes, of which each depends on where it is, in pieces of an odd size. */
struct counted {
	struct source source;
	size_t at, size, piece;
	char bytes[300000];
};

static char nth(size_t n)
{
	return (char)(n * 7 + n / 1000);
}

static ssize_t counted_read(struct source *s, const void **p, struct err *e)
{
	struct counted *c = (struct counted *)s;
	size_t n = c->size - c->at < c->piece ? c->size - c->at : c->piece;
	(void)e;
	for (size_t i = 0; i < n; i++)
		c->bytes[i] = nth(c->at + i);
	*p = c->bytes;
	c->at += n;
	return (ssize_t)n;
}

enum deed { ENDS_WELL, ENDS_BADLY, IS_KILLED, DOUBTS, LIES };

static pid_t begin(struct ferry *f, size_t size, size_t piece, enum deed deed)
{
	static struct counted c;
	struct err e = { 0 };
	is_int(ferry_init(f, &e), 0);
	pid_t pid = fork();
	if (pid) {
		ferry_takes(f);
		return pid;
	}
	ferry_gives(f);
	c = (struct counted){ .source.read = counted_read, .size = size, .piece = piece };
	int rc = ferry_give(f, &c.source, &e);
	if (deed == IS_KILLED)
		abort();
	if (deed == LIES)
		rc = SOURCE_CHUNK + 1;
	if (deed == DOUBTS)
		ferry_doubt(f);
	if (deed == ENDS_BADLY || deed == DOUBTS)
		rc = refuse(&e, EBADMSG, "not these");
	ferry_end(f, rc, &e);
	_exit(0);
}

/* All that comes is what was given: how much, or what came after it. */
static ssize_t take_all(struct ferry *f, struct err *e)
{
	const void *p;
	ssize_t n, all = 0;
	while ((n = source_read(&f->source, &p, e)) > 0) {
		for (ssize_t i = 0; i < n; i++)
			if (((const char *)p)[i] != nth((size_t)(all + i))) {
				TAP_FAIL("byte %zd is another", all + i);
				return -1;
			}
		all += n;
	}
	return n < 0 ? n : all;
}

static void all_bytes_come_in_pieces_of_any_size(void)
{
	static const size_t pieces[] = { 1, 1000, SOURCE_CHUNK, SOURCE_CHUNK + 1, 300000 };
	for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
		size_t size = pieces[i] == 1 ? 999 : 3000001;
		struct ferry f;
		struct err e = { 0 };
		pid_t pid = begin(&f, size, pieces[i], ENDS_WELL);
		is_int(take_all(&f, &e), size);
		is_int(take_all(&f, &e), 0); /* and then none */
		waitpid(pid, NULL, 0);
	}
}

static void an_error_comes_with_its_words_after_the_bytes_before_it(void)
{
	struct ferry f;
	struct err e = { 0 };
	pid_t pid = begin(&f, 500000, 1000, ENDS_BADLY);
	is_int(take_all(&f, &e), -EBADMSG);
	is_str(e.msg, "not these");
	is_int(f.n, 501);
	is_int(f.failed, -EBADMSG);
	waitpid(pid, NULL, 0);
}

static void who_is_killed_is_missed(void)
{
	struct ferry f;
	struct err e = { 0 };
	pid_t pid = begin(&f, 500000, 1000, IS_KILLED);
	is_int(take_all(&f, &e), -EIO);
	ok(f.gone && !f.failed);
	waitpid(pid, NULL, 0);
}

/* Who reads a name, looks at it and uses it relies on that. */
static void what_was_taken_is_not_changed_any_more(void)
{
	struct ferry f;
	struct err e = { 0 };
	const char *p = NULL;
	pid_t pid = begin(&f, 1000, 1000, ENDS_WELL);
	is_int(source_read(&f.source, (const void **)&p, &e), 1000);
	waitpid(pid, NULL, 0);
	memset(f.shared, 'x', (size_t)SOURCE_CHUNK);
	for (size_t i = 0; i < 1000; i++)
		if (p[i] != nth(i)) {
			TAP_FAIL("byte %zu has changed", i);
			return;
		}
}

static void a_piece_that_is_too_large_is_refused(void)
{
	struct ferry f;
	struct err e = { 0 };
	pid_t pid = begin(&f, 0, 1, LIES);
	is_int(take_all(&f, &e), -EIO);
	has_str(e.msg, "more than there is room for");
	waitpid(pid, NULL, 0);
}

static void who_is_told_to_stop_does_and_only_a_doubt_is_heard(void)
{
	for (int doubt = 0; doubt < 2; doubt++) {
		struct ferry f;
		struct err e = { 0 };
		const void *p;
		/* More than a test has time for. */
		pid_t pid = begin(&f, (size_t)1 << 50, 300000, doubt ? DOUBTS : ENDS_BADLY);
		ok(source_read(&f.source, &p, &e) > 0);
		is_int(ferry_stop(&f, &e), doubt ? -EBADMSG : 0);
		is_str(e.msg, doubt ? "not these" : "");
		waitpid(pid, NULL, 0);
	}
}

int main(void)
{
	test(all_bytes_come_in_pieces_of_any_size);
	test(an_error_comes_with_its_words_after_the_bytes_before_it);
	test(who_is_killed_is_missed);
	test(what_was_taken_is_not_changed_any_more);
	test(a_piece_that_is_too_large_is_refused);
	test(who_is_told_to_stop_does_and_only_a_doubt_is_heard);
	return done_testing();
}

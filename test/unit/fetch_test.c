/* fetch_test.c - the processes of an image's layers, of which one may be another's by now. */
#include "tap.h"

#include "base/file.h"
#include "image/fetch.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIGEST "sha256:0000000000000000000000000000000000000000000000000000000000000000"

/* As fetch.c has it. */
struct note {
	bool last;
	int32_t code;
	int64_t bytes;
	char message[1020];
};

/* What the larger layer's process does; the other fails once that layer is done. */
enum deed { SAYS_BOTH_ARE_DONE, LIVES_ON, ENDS_WITHOUT_A_WORD };

struct liar {
	struct origin origin;
	enum deed deed;
	int lied[2]; /* a pipe: the other one's turn */
	int notes;   /* in a worker */
};

static int on_forked(struct origin *o, struct err *e)
{
	struct liar *l = (struct liar *)o;
	struct stat st;
	(void)e;
	for (int fd = 3; fd < 100; fd++)
		if (fd != l->lied[1] && fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode) &&
		    (fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY)
			l->notes = fd;
	return 0;
}

static int on_blob(struct origin *o, const struct descriptor *d, struct source **out, struct err *e)
{
	const struct liar *l = (const struct liar *)o;
	const struct note done[2] = { { .last = true }, { .last = true } };
	char c = 'x';
	(void)out;
	if (d->size == 1)
		return read(l->lied[0], &c, 1) == 1 ? refuse(e, EIO, "it is not there") : -EIO;
	if (l->deed != ENDS_WITHOUT_A_WORD) /* both words at once: the first ends us */
		write_all(l->notes, done, sizeof(*done) * (l->deed == LIVES_ON ? 1 : 2));
	while (l->deed == LIVES_ON)
		if (read(l->lied[0], &c, 1) <= 0)
			break;
	_exit(0);
}

/* In the parent. */
static void on_progress(void *arg, const struct fetch_progress *p)
{
	const struct liar *l = arg;
	if (p->state == LAYER_DONE)
		write_all(l->lied[1], "x", 1);
}

static int fetch_from(enum deed deed, size_t n, struct err *e)
{
	char dir[] = "/tmp/fetch_test.XXXXXX";
	struct descriptor layers[2] = { { .digest = DIGEST, .size = 2 },
					{ .digest = DIGEST, .size = 1 } };
	const char *diffs[2] = { DIGEST, DIGEST };
	const struct strs diff_ids = { diffs, n };
	struct manifest m = { .layers = { layers, n } };
	struct liar liar = { .origin = { .forked = on_forked, .blob = on_blob }, .deed = deed };
	ok(mkdtemp(dir) && pipe2(liar.lied, O_CLOEXEC) == 0);
	auto_close int work = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct store s = { .dir = work, .lock = -1 };
	struct fetch f = { .origin = &liar.origin,
			   .store = &s,
			   .work = work,
			   .disk = work,
			   .manifest = &m,
			   .diff_ids = &diff_ids,
			   .blob = { true, n == 2 },
			   .tree = { true, n == 2 },
			   .limits = &LIMITS_DEFAULT,
			   .jobs = 2,
			   .progress = on_progress,
			   .arg = &liar };
	int rc = fetch_layers(&f, e);
	struct err ignored;
	is_int(tree_remove(AT_FDCWD, dir, &ignored), 0);
	close(liar.lied[0]);
	close(liar.lied[1]);
	return rc;
}

static void no_process_says_that_anothers_layer_is_done(void)
{
	struct err e = { 0 };
	is_int(fetch_from(SAYS_BOTH_ARE_DONE, 2, &e), -EIO);
	is_str(e.msg, "it is not there");
}

static void a_process_that_lives_on_after_its_last_word_is_not_waited_for(void)
{
	struct err e = { 0 };
	is_int(fetch_from(LIVES_ON, 1, &e), 0);
}

static void a_process_that_ends_without_a_last_word_has_failed(void)
{
	struct err e = { 0 };
	is_int(fetch_from(ENDS_WITHOUT_A_WORD, 1, &e), -EIO);
	is_str(e.msg, "the process that unpacked layer " DIGEST " ended with status 0");
}

int main(void)
{
	test(no_process_says_that_anothers_layer_is_done);
	test(a_process_that_lives_on_after_its_last_word_is_not_waited_for);
	test(a_process_that_ends_without_a_last_word_has_failed);
	return done_testing();
}

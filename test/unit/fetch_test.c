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
	uint32_t layer;
	bool last;
	int32_t code;
	int64_t bytes;
	char message[1020];
};

struct liar {
	struct origin origin;
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

/* The larger one says that both are done, and then ends; the other fails after that. */
static int on_blob(struct origin *o, const struct descriptor *d, struct source **out, struct err *e)
{
	const struct liar *l = (const struct liar *)o;
	char c = 'x';
	(void)out;
	if (d->size == 1)
		return read(l->lied[0], &c, 1) == 1 ? refuse(e, EIO, "it is not there") : -EIO;
	for (uint32_t i = 2; i-- > 0;)
		write_all(l->notes, &(struct note){ .layer = i, .last = true },
			  sizeof(struct note));
	_exit(write_all(l->lied[1], &c, 1) < 0);
}

static void no_process_says_that_anothers_layer_is_done(void)
{
	char dir[] = "/tmp/fetch_test.XXXXXX";
	struct err e = { 0 };
	struct descriptor layers[2] = { { .digest = DIGEST, .size = 2 },
					{ .digest = DIGEST, .size = 1 } };
	const char *diffs[2] = { DIGEST, DIGEST };
	const struct strs diff_ids = { diffs, 2 };
	struct manifest m = { .layers = { layers, 2 } };
	struct liar liar = { .origin = { .forked = on_forked, .blob = on_blob } };
	ok(mkdtemp(dir) && pipe2(liar.lied, O_CLOEXEC) == 0);
	auto_close int work = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct store s = { .dir = work, .lock = -1 };
	struct fetch f = { .origin = &liar.origin,
			   .store = &s,
			   .work = work,
			   .disk = work,
			   .manifest = &m,
			   .diff_ids = &diff_ids,
			   .blob = { true, true },
			   .tree = { true, true },
			   .limits = &LIMITS_DEFAULT,
			   .jobs = 2 };
	is_int(fetch_layers(&f, &e), -EIO);
	is_str(e.msg, "the process that unpacked layer " DIGEST " ended with status 2");
	is_int(tree_remove(AT_FDCWD, dir, &e), 0);
	close(liar.lied[0]);
	close(liar.lied[1]);
}

int main(void)
{
	test(no_process_says_that_anothers_layer_is_done);
	return done_testing();
}

/* space.c - whether a disk has room for an image, and how much it lacks. */
#include "image/space.h"
#include "base/cli.h"

#include <stdio.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define SIZE_WORD 32

int space_check(struct space *s, const struct fetch *f, struct err *e)
{
	struct statvfs fs;
	int64_t need = 0;
	*s = (struct space){ .free = INT64_MAX };
	if (fstatvfs(f->work, &fs) < 0)
		return fail(e, errno, "see how much room the store has");
	uint64_t blocks = geteuid() ? fs.f_bavail : fs.f_bfree;
	/* One without blocks does not say: a ramfs, a tmpfs without a limit. */
	if (fs.f_blocks && fs.f_frsize && blocks < (uint64_t)INT64_MAX / fs.f_frsize)
		s->free = (int64_t)(blocks * fs.f_frsize);
	for (size_t i = 0; i < f->manifest->layers.n; i++) {
		int64_t size = f->manifest->layers.v[i].size;
		int copies = f->blob[i] + (f->blob[i] || f->tree[i]);
		for (; copies > 0 && need < INT64_MAX - size; copies--)
			need += size;
		s->total += copies ? 0 : f->blob[i] || f->tree[i] ? size : 0;
		if (copies)
			need = INT64_MAX;
	}
	if (need <= s->free)
		return 0;
	char words[3][SIZE_WORD];
	size_format((uint64_t)need, words[0], SIZE_WORD);
	size_format((uint64_t)s->free, words[1], SIZE_WORD);
	size_format((uint64_t)(need - s->free), words[2], SIZE_WORD);
	return refuse(e, ENOSPC,
		      "it needs %s of room or more, and the store has %s: %s are missing", words[0],
		      words[1], words[2]);
}

void space_progress(struct space *s, const struct fetch_progress *p)
{
	if (p->state == LAYER_RUNNING || p->state == LAYER_DONE)
		s->seen[p->layer] = p->bytes;
}

void space_blame(const struct space *s, struct err *e)
{
	struct err was = *e;
	char word[SIZE_WORD];
	int64_t seen = 0;
	if (e->code != ENOSPC || s->free == INT64_MAX)
		return;
	for (size_t i = 0; i < LAYERS_MAX; i++)
		seen += s->seen[i];
	/* The rest will be like what has come. */
	bool known = seen > 0 && seen < s->total;
	double more = (double)s->free * (double)(s->total - seen) / (double)(seen ? seen : 1);
	size_format(known ? (uint64_t)more : (uint64_t)s->free, word, SIZE_WORD);
	refuse(e, ENOSPC,
	       known ? "%.900s; about %s more are needed"
		     : "%.900s; it needs more than the %s that were free",
	       was.msg, word);
}

/* filter.c - a container's seccomp filter, compiled once. */
#include "container/filter.h"
#include "base/buf.h"
#include "base/file.h"

#include <linux/filter.h>
#include <string.h>

#define FILTER_FILE "filter" /* in the state directory */
#define LARGE	    64	     /* instructions */

void filter_keep(const struct container *c, const struct plan *p)
{
	struct err ignored;
	for (size_t i = 0; i < p->n; i++) {
		const struct op_seccomp *f = &p->v[i].seccomp;
		if (p->v[i].kind == OP_SECCOMP && f->length >= LARGE)
			file_swap(c->dir, FILTER_FILE, f->program,
				  f->length * sizeof(struct sock_filter), 0600, &ignored);
	}
}

const struct op_seccomp *filter_kept(const struct container *c, struct arena *a)
{
	struct err ignored;
	auto_buf b = { .max = BPF_MAXINSNS * sizeof(struct sock_filter) };
	if (file_read(c->dir, FILTER_FILE, &b, &ignored) < 0)
		return NULL;
	size_t n = b.len / sizeof(struct sock_filter);
	struct op_seccomp *f = arena_alloc(a, sizeof(*f));
	void *program = arena_alloc(a, b.len);
	if (!f || !program || n < LARGE || b.len % sizeof(struct sock_filter))
		return NULL;
	memcpy(program, b.p, b.len);
	*f = (struct op_seccomp){ .program = program, .length = (unsigned short)n };
	return f;
}

/* ttrpc_fuzz.c - foreign bytes as ttrpc frames, requests and containerd's messages. */
#include "base/arena.h"
#include "base/pb.h"
#include "pb/ttrpc.pb-c.h"
#include "ttrpc/sandbox.h"
#include "ttrpc/shim.h"
#include "ttrpc/wire.h"

#include <string.h>

#define MEMORY ((size_t)32 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* As the method's own message, out again and in again. (protobuf-c takes fields of number 0 that it
 * does not know, and then not what it has made of them.) */
static void decode_for(const struct method *methods, const Ttrpc__Request *r, struct arena *a)
{
	for (const struct method *m = methods; m->name; m++) {
		if (strcmp(m->name, r->method) != 0)
			continue;
		size_t n = 0;
		const void *in = pb_decode(m->in, a, r->payload.data, r->payload.len);
		const void *p = in ? pb_encode(in, a, &n) : NULL;
		if (p)
			pb_decode(m->in, a, p, n);
	}
}

static void decode(const struct frame *f)
{
	auto_arena *a = arena_new(MEMORY);
	const Ttrpc__Request *r = a ? pb_decode(&ttrpc__request__descriptor, a, f->p, f->len)
				    : NULL;
	if (!r)
		return;
	decode_for(task_methods, r, a);
	decode_for(sandbox_methods, r, a);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct wire_in in = { 0 };
	struct frame f;
	while (n) {
		/* In pieces of any size: the first byte of what is left says how many. */
		size_t piece = (size_t)*p + 1 < n ? (size_t)*p + 1 : n;
		if (wire_feed(&in, p, piece) < 0)
			break;
		while (wire_next(&in, &f))
			if (!f.too_long)
				decode(&f);
		p += piece;
		n -= piece;
	}
	wire_in_free(&in);
	return 0;
}

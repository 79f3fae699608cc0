/* ttrpc_fuzz.c - foreign bytes as ttrpc frames, requests and containerd's messages. */
#include "base/arena.h"
#include "base/pb.h"
#include "pb/task_v2.pb-c.h"
#include "pb/ttrpc.pb-c.h"
#include "ttrpc/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void decode(const struct frame *f)
{
	auto_arena *a = arena_new((size_t)32 << 20);
	const Ttrpc__Request *r = a ? pb_decode(&ttrpc__request__descriptor, a, f->p, f->len)
				    : NULL;
	if (r)
		pb_decode(&containerd__task__v2__create_task_request__descriptor, a,
			  r->payload.data, r->payload.len);
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

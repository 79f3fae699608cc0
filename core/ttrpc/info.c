/* info.c - `shim -info`: what this runtime is. */
#include "base/pb.h"
#include "pb/introspection.pb-c.h"
#include "ttrpc/bootstrap.h"
#include "ttrpc/options.h"

#define INFO_MEMORY ((size_t)1 << 20)

int shim_info(const struct buf *in, struct buf *out, struct err *e)
{
	Containerd__Types__RuntimeVersion version = CONTAINERD__TYPES__RUNTIME_VERSION__INIT;
	Containerd__Types__RuntimeInfo info = CONTAINERD__TYPES__RUNTIME_INFO__INIT;
	struct runtime_options ignored;
	auto_arena *a = arena_new(INFO_MEMORY);
	Google__Protobuf__Any *options = a ? pb_decode(&google__protobuf__any__descriptor, a, in->p,
						       in->len)
					   : NULL;
	if (!a || !options)
		return refuse(e, EINVAL, "the options on stdin cannot be decoded");
	int rc = options_read(options, a, &ignored, e);
	if (rc < 0)
		return rc;
	version.version = (char *)(uintptr_t)CORACLE_VERSION;
	info.name = (char *)(uintptr_t)"io.containerd.coracle.v2";
	info.version = &version;
	info.options = *options->type_url ? options : NULL;
	size_t n;
	const void *p = pb_encode(&info, a, &n);
	if (!p)
		return fail(e, ENOMEM, "answer");
	buf_add(out, p, n);
	return 0;
}

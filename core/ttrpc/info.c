/* info.c - `shim -info`: what this runtime is. */
#include "base/pb.h"
#include "container/features.h"
#include "pb/introspection.pb-c.h"
#include "ttrpc/bootstrap.h"
#include "ttrpc/options.h"

#include <string.h>

#define INFO_MEMORY ((size_t)32 << 20) /* twice of what the options may be, and a little */
#define FEATURES    "types.containerd.io/opencontainers/runtime-spec/1/features/Features"

static char *runtime_name(const char *program, struct arena *a)
{
	static const char prefix[] = "containerd-shim-";
	char *name = arena_printf(
		a, "io.containerd.%s",
		strncmp(program, prefix, strlen(prefix)) ? "coracle-v2" : program + strlen(prefix));
	char *dash = name ? strrchr(name, '-') : NULL;
	if (dash)
		*dash = '.';
	return name;
}

/* As `runtime features` prints it. */
static int read_features(Google__Protobuf__Any *any, struct buf *json, struct err *e)
{
	int rc = features_write(json, e);
	google__protobuf__any__init(any);
	any->type_url = (char *)(uintptr_t)FEATURES;
	any->value.data = (uint8_t *)json->p;
	any->value.len = json->len;
	return rc;
}

int shim_info(const char *program, const struct buf *in, struct buf *out, struct err *e)
{
	Google__Protobuf__Any features;
	auto_buf json = { 0 };
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
	if (rc == 0)
		rc = read_features(&features, &json, e);
	if (rc < 0)
		return rc;
	version.version = (char *)(uintptr_t)CORACLE_VERSION;
	info.name = runtime_name(program, a);
	info.version = &version;
	info.features = &features;
	info.options = *options->type_url ? options : NULL;
	options->base.n_unknown_fields = 0; /* not all of them could be said again */
	size_t n;
	const void *p = info.name ? pb_encode(&info, a, &n) : NULL;
	if (!p)
		return fail(e, ENOMEM, "answer");
	buf_add(out, p, n);
	return 0;
}

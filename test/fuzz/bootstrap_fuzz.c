/* bootstrap_fuzz.c - foreign bytes as what containerd says on stdin: to start, and to -info. */
#include "base/arena.h"
#include "base/pb.h"
#include "pb/introspection.pb-c.h"
#include "ttrpc/bootstrap.h"
#include "ttrpc/parameters.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void as_parameters(const struct buf *in, struct arena *a)
{
	struct parameters out;
	struct err e = { 0 };
	int rc = parameters_read(in, "c1", "ns", a, &out, &e);
	if (rc < 0 ? !*e.msg
		   : !out.grpc || !out.ttrpc || !out.socket_dir || !out.options.shim_cgroup ||
			     !out.options.root || (*out.socket_dir && *out.socket_dir != '/'))
		abort();
}

static void as_options(const struct buf *in, struct arena *a)
{
	auto_buf out = { 0 };
	struct err e = { 0 };
	int rc = shim_info("containerd-shim-x-v2", in, &out, &e);
	const Containerd__Types__RuntimeInfo *info =
		rc < 0 ? NULL
		       : pb_decode(&containerd__types__runtime_info__descriptor, a, out.p, out.len);
	if (rc < 0 ? !*e.msg : !info || strcmp(info->name, "io.containerd.x.v2") != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	auto_arena *a = arena_new((size_t)64 << 20);
	auto_buf in = { 0 };
	/* It would open a file of any name. */
	if (memmem(p, n, "runtimeoptions", 14) && memchr(p, '/', n))
		return 0;
	buf_add(&in, p, n);
	if (a && !in.failed) {
		as_parameters(&in, a);
		as_options(&in, a);
	}
	return 0;
}

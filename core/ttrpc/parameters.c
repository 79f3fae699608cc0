/* parameters.c - what containerd says on stdin to a shim that is to start. */
#include "ttrpc/parameters.h"
#include "base/clock.h"
#include "base/pb.h"
#include "pb/bootstrap.pb-c.h"
#include "ttrpc/bootstrap.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define INPUT_MAX  ((size_t)10 << 20)
#define INPUT_STEP ((size_t)4096)
#define INPUT_MS   3000 /* of the five seconds that some callers give us */

typedef Containerd__Runtime__Bootstrap__V1__BootstrapParams bootstrap;

int shim_input(struct buf *in, struct err *e)
{
	struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
	uint64_t end = clock_monotonic_ns() / 1000000 + INPUT_MS;
	if (isatty(STDIN_FILENO))
		return 0;
	in->max = INPUT_MAX;
	for (;;) {
		uint64_t now = clock_monotonic_ns() / 1000000;
		int rc = poll(&p, 1, now < end ? (int)(end - now) : 0);
		if (rc == 0)
			return 0;
		void *to = buf_room(in, INPUT_STEP);
		if (!to)
			return refuse(e, E2BIG, "stdin: larger than %zu bytes", INPUT_MAX);
		ssize_t n = rc < 0 ? rc : read(STDIN_FILENO, to, INPUT_STEP);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return fail(e, errno, "read stdin");
		if (n == 0)
			return 0;
		in->len += n > 0 ? (size_t)n : 0;
	}
}

static int refuse_strangers(const bootstrap *b, const char *id, const char *namespace_,
			    struct err *e)
{
	return refuse(e, EINVAL,
		      "stdin: bootstrap parameters of task %s in namespace %s, but -id is %s and "
		      "-namespace %s",
		      b->instance_id, b->namespace_, id, namespace_);
}

static int from_bootstrap(const bootstrap *b, struct arena *a, struct parameters *p, struct err *e)
{
	p->bootstrap = true;
	p->debug = b->log_level <= CONTAINERD__RUNTIME__BOOTSTRAP__V1__LOG_LEVEL__LOG_LEVEL_DEBUG;
	p->grpc = b->containerd_grpc_address;
	p->ttrpc = b->containerd_ttrpc_address;
	p->socket_dir = b->socket_dir;
	if (*p->socket_dir && *p->socket_dir != '/')
		return refuse(e, EINVAL, "socket_dir %s is not absolute", p->socket_dir);
	for (size_t i = 0; i < b->n_extensions; i++) {
		const Google__Protobuf__Any *any = b->extensions[i]->value;
		if (any && options_known(any->type_url))
			return options_read(any, a, &p->options, e);
	}
	return options_read(NULL, a, &p->options, e);
}

int parameters_read(const struct buf *in, const char *id, const char *namespace_, struct arena *a,
		    struct parameters *out, struct err *e)
{
	struct parameters p = { .grpc = "", .ttrpc = "", .socket_dir = "" };
	const bootstrap *b = pb_decode(
		&containerd__runtime__bootstrap__v1__bootstrap_params__descriptor, a, in->p,
		in->len);
	int rc;
	if (b && !strcmp(b->instance_id, id) && !strcmp(b->namespace_, namespace_)) {
		rc = from_bootstrap(b, a, &p, e);
	} else if (b && *b->containerd_grpc_address) {
		rc = refuse_strangers(b, id, namespace_, e);
	} else {
		const Google__Protobuf__Any *any = pb_decode(&google__protobuf__any__descriptor, a,
							     in->p, in->len);
		rc = any ? options_read(any, a, &p.options, e)
			 : refuse(e, EINVAL,
				  "stdin: neither bootstrap parameters nor runtime options");
	}
	if (rc == 0)
		*out = p;
	return rc;
}

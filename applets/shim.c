/* shim.c - `containerd-shim-coracle-v2`: what containerd starts for a pod. */
#include "applets.h"
#include "ttrpc/bootstrap.h"

#include <stdio.h>
#include <string.h>

struct shim_opts {
	const char *namespace_, *address, *publish, *id, *bundle, *socket;
	bool debug, info, version;
};

static const struct opt opts[] = {
	OPT(OPT_STR, shim_opts, namespace_, 0, "namespace", "NS", "containerd's namespace"),
	OPT(OPT_STR, shim_opts, id, 0, "id", "ID", "the task"),
	OPT(OPT_STR, shim_opts, address, 0, "address", "PATH", "containerd's socket"),
	OPT(OPT_STR, shim_opts, publish, 0, "publish-binary", "PATH", NULL),
	OPT(OPT_STR, shim_opts, bundle, 0, "bundle", "DIR",
	    "the bundle; the working directory if not given"),
	OPT(OPT_STR, shim_opts, socket, 0, "socket", "PATH", NULL),
	OPT(OPT_FLAG, shim_opts, debug, 0, "debug", NULL, "log more"),
	OPT(OPT_FLAG, shim_opts, info, 0, "info", NULL,
	    "describe the runtime, as containerd asks it"),
	OPT(OPT_FLAG, shim_opts, version, 'v', "version", NULL, "print the version"),
	{ 0 },
};

static int answer(int (*f)(const struct shim_args *, const struct buf *, struct buf *,
			   struct err *),
		  const struct shim_args *a, struct err *e)
{
	auto_buf in = { 0 }, out = { 0 };
	int rc = shim_input(&in, e);
	if (rc == 0)
		rc = f(a, &in, &out, e);
	return rc == 0 ? cli_print(&out, e) : rc;
}

static int on_info(const struct shim_args *a, const struct buf *in, struct buf *out, struct err *e)
{
	return shim_info(a->program, in, out, e);
}

/* Nothing is said to it: whatever stdin is, it is not waited for. */
static int delete(const struct shim_args *a, struct err *e)
{
	auto_buf out = { 0 };
	int rc = shim_delete(a, &out, e);
	return rc == 0 ? cli_print(&out, e) : rc;
}

static int shim(const struct call *c, struct err *e)
{
	const struct shim_opts *o = c->opts;
	const char *action = c->args.n ? c->args.v[0] : "";
	const char *slash = strrchr(c->argv[0], '/'), *program = slash ? slash + 1 : c->argv[0];
	char *argv[] = { (char *)(uintptr_t)"containerd-shim-coracle-v2", NULL };
	const struct shim_args a = { .namespace_ = o->namespace_,
				     .id = o->id,
				     .address = o->address ? o->address : "",
				     .bundle = o->bundle,
				     .debug = o->debug,
				     .program = program,
				     .argv = argv };
	if (o->version) {
		printf("%s:\n  Version:  %s\n", program, CORACLE_VERSION);
		return 0;
	}
	if (o->info)
		return answer(on_info, &a, e);
	if (!o->namespace_ || !*o->namespace_)
		return refuse(e, EINVAL, "shim namespace cannot be empty: give -namespace");
	if (!o->id || !*o->id)
		return refuse(e, EINVAL, "which task? give -id");
	if (!strcmp(action, "start"))
		return answer(shim_start, &a, e);
	if (!strcmp(action, "delete"))
		return delete (&a, e);
	return *action ? refuse(e, EINVAL, "unknown action %s: start and delete are known", action)
		       : shim_server(&a, e);
}

const struct command applet_shim = {
	.name = "shim",
	.args = "[start|delete]",
	.help = "be containerd's shim (io.containerd.coracle.v2)",
	.more = "containerd starts this itself, as containerd-shim-coracle-v2 in its PATH. "
		"Without an action it is the "
		"server that `start` leaves behind: for as long as it has a task, and "
		"30 seconds more, or CORACLE_SHIM_LEASE (10s, 5m) of containerd's environment. "
		"Should a signal kill it, the last line of /run/coracle/shim.log tells which.",
	.opts = opts,
	.opts_size = sizeof(struct shim_opts),
	.max_args = 1,
	.run = shim,
};

/* options.c - the runtime options that a task is created with. */
#include "ttrpc/options.h"
#include "base/pb.h"
#include "container/container.h"
#include "pb/runc_legacy.pb-c.h"
#include "pb/runc_options.pb-c.h"

#include <string.h>

/* Those whose work is ours. What another would do besides must not be left out silently. */
static int check_binary(const char *name, struct err *e)
{
	const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name;
	if (!*base || !strcmp(base, "runc") || !strcmp(base, "crun") ||
	    !strncmp(base, "coracle", 7))
		return 0;
	return refuse(
		e, EINVAL,
		"options' BinaryName %s: this shim is in the place of runc and crun, and runs no "
		"other runtime",
		name);
}

static void from_runc(const Containerd__Runc__V1__Options *m, struct runtime_options *o)
{
	o->no_pivot_root = m->no_pivot_root;
	o->no_new_keyring = m->no_new_keyring;
	o->systemd_cgroup = m->systemd_cgroup;
	o->shim_cgroup = m->shim_cgroup;
	o->root = m->root;
	o->binary = m->binary_name;
	o->criu_work_path = m->criu_work_path;
	o->io_uid = m->io_uid;
	o->io_gid = m->io_gid;
}

static void from_legacy(const Containerd__Linux__Runc__CreateOptions *m, struct runtime_options *o)
{
	o->no_pivot_root = m->no_pivot_root;
	o->no_new_keyring = m->no_new_keyring;
	o->shim_cgroup = m->shim_cgroup;
	o->criu_work_path = m->criu_work_path;
	o->io_uid = m->io_uid;
	o->io_gid = m->io_gid;
}

bool options_known(const char *type_url)
{
	const char *type = pb_type_name(type_url);
	return !strcmp(type, "containerd.runc.v1.Options") ||
	       !strcmp(type, "containerd.linux.runc.CreateOptions") ||
	       !strcmp(type, "runtimeoptions.v1.Options");
}

int options_read(const Google__Protobuf__Any *any, struct arena *a, struct runtime_options *out,
		 struct err *e)
{
	struct runtime_options o = {
		.shim_cgroup = "", .root = "", .criu_work_path = "", .binary = ""
	};
	const char *type = any ? pb_type_name(any->type_url) : "";
	const void *m = "";
	if (!strcmp(type, "containerd.runc.v1.Options")) {
		m = pb_decode(&containerd__runc__v1__options__descriptor, a, any->value.data,
			      any->value.len);
		if (m)
			from_runc(m, &o);
	} else if (!strcmp(type, "containerd.linux.runc.CreateOptions")) {
		m = pb_decode(&containerd__linux__runc__create_options__descriptor, a,
			      any->value.data, any->value.len);
		if (m)
			from_legacy(m, &o);
	} else if (*type && !options_known(type)) {
		return refuse(e, EINVAL, "runtime options of type %s are not understood", type);
	}
	if (!m)
		return refuse(e, EINVAL, "runtime options: no valid %s", type);
	int rc = check_binary(o.binary, e);
	if (rc == 0)
		*out = o;
	return rc;
}

const char *options_root(const struct runtime_options *o, const char *namespace_, struct arena *a)
{
	return *o->root ? arena_printf(a, "%s/%s", o->root, namespace_)
			: arena_printf(a, RUN_ROOT "/containerd-%s", namespace_);
}

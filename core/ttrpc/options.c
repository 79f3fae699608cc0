/* options.c - the runtime options that a task is created with. */
#include "ttrpc/options.h"
#include "base/file.h"
#include "base/pb.h"
#include "container/container.h"
#include "pb/runc_legacy.pb-c.h"
#include "pb/runc_options.pb-c.h"
#include "pb/runtime_options.pb-c.h"
#include "ttrpc/options_toml.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_MAX ((size_t)64 << 10)

/* Those whose work is ours. What another would do besides must not be left out silently. */
static int check_binary(const char *name, struct err *e)
{
	const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name;
	if (!*base || !strcmp(base, "runc") || !strcmp(base, "crun") ||
	    !strncmp(base, "coracle", 7))
		return 0;
	return refuse(
		e, EINVAL,
		"options' BinaryName \"%s\": this shim is in the place of runc and crun, and runs "
		"no other runtime",
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

/* Waits for nobody, should it be a FIFO: the shim has others to serve. */
static int read_config(const char *path, struct buf *out, struct err *e)
{
	struct stat st;
	auto_close int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return fail(e, errno, "open %s", path);
	return S_ISREG(st.st_mode) ? file_read_fd(fd, path, out, e)
				   : refuse(e, EINVAL, "%s is not a regular file", path);
}

/* The body, or if there is none the file. */
static int from_toml(const Runtimeoptions__V1__Options *m, struct arena *a,
		     struct runtime_options *o, struct err *e)
{
	auto_buf text = { .max = FILE_MAX };
	if (m->config_body.len)
		return options_toml_parse((const char *)m->config_body.data, m->config_body.len, a,
					  o, e);
	if (!*m->config_path)
		return 0;
	if (*m->config_path != '/')
		return refuse(e, EINVAL, "runtime options: ConfigPath %s is not absolute",
			      m->config_path);
	int rc = read_config(m->config_path, &text, e);
	if (rc == 0)
		rc = options_toml_parse(text.p ? text.p : "", text.len, a, o, e);
	return rc < 0 ? within(e, "ConfigPath %s", m->config_path) : 0;
}

static const struct {
	const char *name;
	const ProtobufCMessageDescriptor *type;
	enum { RUNC, LEGACY, GENERIC } kind;
} types[] = {
	{ "containerd.runc.v1.Options", &containerd__runc__v1__options__descriptor, RUNC },
	{ "containerd.linux.runc.CreateOptions",
	  &containerd__linux__runc__create_options__descriptor, LEGACY },
	{ "runtimeoptions.v1.Options", &runtimeoptions__v1__options__descriptor, GENERIC },
};
#define TYPES (sizeof(types) / sizeof(*types))

/* Its place in types, or their number. */
static size_t find_type(const char *type_url)
{
	size_t i = 0;
	const char *type = pb_type_name(type_url);
	while (i < TYPES && strcmp(types[i].name, type) != 0)
		i++;
	return i;
}

bool options_known(const char *type_url)
{
	return find_type(type_url) < TYPES;
}

int options_read(const Google__Protobuf__Any *any, struct arena *a, struct runtime_options *out,
		 struct err *e)
{
	struct runtime_options o = {
		.shim_cgroup = "", .root = "", .criu_work_path = "", .binary = ""
	};
	const char *type = any ? any->type_url : "";
	size_t i = find_type(type);
	int rc = 0;
	if (*type && i == TYPES)
		return refuse(e, EINVAL, "runtime options of type %s are not understood",
			      pb_type_name(type));
	if (*type) {
		const void *m = pb_decode(types[i].type, a, any->value.data, any->value.len);
		if (!m)
			return refuse(e, EINVAL, "runtime options: no valid %s", types[i].name);
		if (types[i].kind == RUNC)
			from_runc(m, &o);
		else if (types[i].kind == LEGACY)
			from_legacy(m, &o);
		else
			rc = from_toml(m, a, &o, e);
	}
	if (rc == 0)
		rc = check_binary(o.binary, e);
	if (rc == 0)
		*out = o;
	return rc;
}

const char *options_root(const struct runtime_options *o, const char *namespace_, struct arena *a)
{
	return *o->root ? arena_printf(a, "%s/%s", o->root, namespace_)
			: arena_printf(a, RUN_ROOT "/containerd-%s", namespace_);
}

/* options.h - the runtime options that a task is created with. */
#ifndef TTRPC_OPTIONS_H
#define TTRPC_OPTIONS_H

#include "base/arena.h"
#include "base/err.h"
#include "pb/any.pb-c.h"

#include <stdbool.h>
#include <stdint.h>

struct runtime_options {
	bool no_pivot_root, no_new_keyring, systemd_cgroup;
	const char *shim_cgroup;    /* never NULL */
	const char *root;	    /* state root, "" for ours */
	const char *criu_work_path; /* "": in the bundle */
	const char *binary;	    /* whose place we take: "", runc, crun */
	uint32_t io_uid, io_gid;
};

/* any may be NULL: all defaults. Understood are containerd.runc.v1.Options, the older
 * containerd.linux.runc.CreateOptions that 1.7 and before send to names that are not runc's, and
 * runtimeoptions.v1.Options, whose body or file is TOML; each with and without
 * type.googleapis.com/. Others are refused by
 * name. */
int options_read(const Google__Protobuf__Any *any, struct arena *a, struct runtime_options *out,
		 struct err *e);

/* Whether options_read understands options of that type. */
bool options_known(const char *type_url);

/* The state root of a namespace: what options say, else the directory that `coracle cleanup` looks
 * in. NULL: no memory. */
const char *options_root(const struct runtime_options *o, const char *namespace_, struct arena *a);

#endif

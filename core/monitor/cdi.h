/* cdi.h - devices as the Container Device Interface describes them: files that say what a container
 * needs in order to use one. */
#ifndef MONITOR_CDI_H
#define MONITOR_CDI_H

#include "base/arena.h"
#include "base/err.h"
#include "base/list.h"
#include "oci/spec.h"

struct cdi_node {
	struct spec_device device; /* what is not said is as on the host */
	const char *host, *permissions;
};
struct cdi_mount {
	const char *host, *path, *type;
	struct strs options;
};
struct cdi_hook {
	const char *name; /* "createContainer" */
	struct spec_hook hook;
};
struct cdi_net {
	const char *host, *name;
};

struct cdi_edits {
	struct strs env;
	struct {
		struct cdi_node *v;
		size_t n;
	} nodes;
	struct {
		struct cdi_mount *v;
		size_t n;
	} mounts;
	struct {
		struct cdi_hook *v;
		size_t n;
	} hooks;
	struct {
		struct cdi_net *v;
		size_t n;
	} nets;
	struct u32s gids;
	struct spec_intel_rdt *rdt;
};

struct cdi_device {
	const char *name;
	struct cdi_edits edits;
};

/* A file: devices of one kind, "vendor.com/class". */
struct cdi {
	const char *version, *kind;
	struct cdi_edits edits; /* of whoever uses any of them */
	struct {
		struct cdi_device *v;
		size_t n;
	} devices;
};

/* Whether text may be a device's full name, "vendor.com/class=name". */
bool cdi_is_name(const char *text);

/* Reads and checks a file's JSON, or its YAML: versions 0.1.0 to 1.1.0. */
int cdi_parse(const char *text, size_t len, struct arena *a, struct cdi *out, struct err *e);
int cdi_parse_yaml(const char *text, size_t len, struct arena *a, struct cdi *out, struct err *e);

/* Changes the spec, which has devices_room, as the file says for its devices: the edits of all of
 * them, or those of one. */
int cdi_edit(struct spec *s, const struct cdi_edits *d, struct arena *a, struct err *e);

/* Finds each device of names in the *.json and *.yaml of dirs (none: /etc/cdi and /var/run/cdi) and
 * edits the spec for it, once. Of directories the later one counts; what two files of one directory
 * both define is refused. "vendor.com/class=all", unless a device is called so, is all of the kind.
 */
int cdi_apply(struct spec *s, const struct strs *dirs, const struct strs *names, struct arena *a,
	      struct err *e);

/* A device for a container: what it is there, which of the host's it is, and what may be done with
 * it ("rwm"; NULL: no rule is needed). Of rundevice.c; -E2BIG. */
struct device_grant {
	struct spec_device device;
	const char *host, *access;
};
int device_grant(struct spec *s, const struct device_grant *g, struct arena *a);

/* Room for 4096 more devices and rules, once before the first of them. */
int devices_room(struct spec *s, struct arena *a, struct err *e);

/* Type, number, mode and owners of a device of the host. -ENODEV when it is none; -errno. */
int device_look(const char *host, struct spec_device *d);

#endif

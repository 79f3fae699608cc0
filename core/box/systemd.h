/* systemd.h - a container's scope: a transient unit of systemd's, made and ended over D-Bus. */
#ifndef BOX_SYSTEMD_H
#define BOX_SYSTEMD_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "oci/spec.h"

#include <stdbool.h>
#include <sys/types.h>

struct systemd_unit {
	const char *name;  /* "libpod-1234.scope" */
	const char *slice; /* "machine.slice"; NULL: not known, as it is there already */
	bool user;	   /* of the user's own manager, not of the system's */
};

/* From a cgroupsPath slice:prefix:name, or from none: coracle-ID.scope in system.slice (user.slice
 * for a user). Strings go to a. */
int systemd_unit_parse(const char *cgroups_path, const char *id, bool user, struct arena *a,
		       struct systemd_unit *out, struct err *e);

/* "/a.slice/a-b.slice" of "a-b.slice"; "" of "-.slice". NULL with e said. */
char *systemd_slice_path(const char *slice, struct arena *a, struct err *e);

/* Whether we are a user to systemd: without the powers of root over the machine. */
bool systemd_as_user(void);

/* The cgroup that the user's manager has to itself: "/user.slice/.../user@1000.service". */
int systemd_user_cgroup(struct arena *a, const char **out, struct err *e);

/* What a unit is to be limited to. v2: its hierarchy; the names differ. */
struct systemd_limits {
	const struct spec_resources *r; /* may be NULL */
	bool v2;
	bool devices; /* also which devices may be used */
};

/* Starts the scope around process pid and waits until it is there. annotations:
 * org.systemd.property.NAME, with values as gdbus writes them. */
int systemd_start(const struct systemd_unit *u, pid_t pid, const struct systemd_limits *l,
		  const struct pairs *annotations, struct err *e);

/* Sets those limits that are named. */
int systemd_update(const struct systemd_unit *u, const struct systemd_limits *l, struct err *e);

/* Has systemd put a process into it. */
int systemd_attach(const struct systemd_unit *u, pid_t pid, struct err *e);

/* Stops it, waits, and has systemd forget that it failed. One that is not there is success. */
int systemd_stop(const struct systemd_unit *u, struct err *e);

/* Has it forget that it failed, if it did. */
void systemd_forget(const struct systemd_unit *u);

/* --- the parts, for tests --- */

/* A quota as systemd can remember it: rounded up to a whole percent of a processor. */
int64_t systemd_quota(int64_t quota, uint64_t period);

/* Appends the limits as properties, (sv) each. newer: also those that systemd 239 does not know. */
int systemd_put_limits(struct buf *b, const struct systemd_limits *l, bool newer, struct err *e);

/* Appends the annotations that are properties. */
int systemd_put_annotations(struct buf *b, const struct pairs *annotations, struct err *e);

/* "0-2,5" as a set of bits, least first; the number of bytes or -EINVAL. */
int systemd_cpu_bits(const char *list, uint8_t *out, size_t size);

#endif

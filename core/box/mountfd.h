/* mountfd.h - mounts as descriptors: made, changed, attached. By the mount API of Linux 5.2, or by
 * mount(2) where that is missing or cannot say what is wanted: then what is attached nowhere yet
 * stands on a stage, a tmpfs of our own that no path leads to. System calls only: the child uses
 * these. All return -errno. */
#ifndef BOX_MOUNTFD_H
#define BOX_MOUNTFD_H

#include "base/sys.h"
#include "box/plan.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stage {
	bool old;	     /* there is no mount API: all goes over the stage */
	bool forbidden;	     /* this is the host's mount namespace */
	int top;	     /* the tmpfs; -1: not there yet */
	int directory, file; /* to mount on */
};

#define STAGE_NONE { .top = -1, .directory = -1, .file = -1 }

/* The kernel's own words about what it refused: "tmpfs: Unknown parameter 'x'". */
struct mount_words {
	char *text;
	size_t size;
};

/* Whether it is made read-only only when it has been written to: a tmpfs whose file system is not
 * so itself. */
bool mount_readonly_later(const struct op_mount *m);

/* A new file system of m->type, with what m->set says of it by then; nothing of the rest. s NULL:
 * without a stage; -ENOSYS where it takes one. */
int mountfd_new(struct stage *s, const struct op_mount *m, const struct mount_words *words);

/* The same at once, by mount(2): on a directory of dir's that is ours alone; name "": on dir. */
int mountfd_new_in(int dir, const char *name, const struct op_mount *m);

/* The directory source, without what is mounted below, likewise. */
int mountfd_bind_in(const char *source, int dir, const char *name);

/* A copy of the mount at path ("": at dir itself), with all below it or alone. */
int mountfd_copy(struct stage *s, int dir, const char *path, bool recursive);

/* Attributes and propagation (of MS_*), each of which may be none. */
int mountfd_set(struct stage *s, int mount, const struct sys_mount_attr *attr, bool recursive);

/* Puts it onto target: both open, neither a name. */
int mountfd_attach(struct stage *s, int mount, int target);

/* The same onto a directory by its name in dir, where a link is not followed. */
int mountfd_attach_in(struct stage *s, int mount, int dir, const char *name);

/* What is on the stage is no more, except for who holds mount. */
int mountfd_hold(struct stage *s, int mount);

/* Changes what is mounted at target as mount(2) does with MS_REMOUNT. */
int mountfd_reconfigure(int target, const struct op_mount *m);

/* Whether this kernel has what it takes to do without a stage. */
bool mountfd_api(void);

/* mountold.c: the same by mount(2). */
int stage_new(struct stage *s, const struct op_mount *m);
int stage_copy(struct stage *s, int dir, const char *path, bool recursive);
int stage_set(int mount, const struct sys_mount_attr *attr, bool recursive);
int stage_attach(int mount, int target);
int stage_hold(int mount);

/* Takes the stage down. */
void stage_close(struct stage *s);

/* MS_* for MOUNT_ATTR_*. */
unsigned long mount_flags(uint64_t attributes);

#endif

/* cgroup_inner.h - what the files of the cgroup share with each other and with their tests. */
#ifndef BOX_CGROUP_INNER_H
#define BOX_CGROUP_INNER_H

#include "box/cgroup.h"

/* Below each hierarchy's root, or below the caller's own cgroup. */
enum { CGROUP_ABSOLUTE, CGROUP_RELATIVE };

/* The path that a cgroupsPath means, cleaned, beginning with a slash. One of the above, or
 * -errno. */
int cgroup_subpath(const char *spec, const char *id, struct arena *a, char **out, struct err *e);

/* What that gave. */
struct cgroup_place {
	const char *path;
	int kind; /* CGROUP_ABSOLUTE, CGROUP_RELATIVE */
	bool v2;  /* the unified hierarchy is all there is */
};

/* cgroup_locate with the text of /proc/self/cgroup, which is cut, and of mountinfo (NULL: ours). */
int cgroup_locate_in(char *list, const char *mounts, const struct cgroup_place *where,
		     struct arena *a, struct cgroup *out, struct err *e);

/* The v1 directory of a controller, or NULL. */
struct cgroup_dir *cgroup_v1_dir(const struct cgroup *cg, const char *controller);

/* The directory in the unified hierarchy, or NULL. */
struct cgroup_dir *cgroup_unified(const struct cgroup *cg);

/* The directory that systemd itself has for a unit; NULL: this machine has no such hierarchy. */
struct cgroup_dir *cgroup_unit_dir(const struct cgroup *cg);

/* Opens one that is not open: of those of v1 that are being made, most need not be. 0 or -errno. */
int cgroup_dir_open(struct cgroup_dir *d);

/* On the unified hierarchy: has every parent give its controllers to its children, as far as it
 * can. */
void cgroup_enable(const struct cgroup_dir *d);

/* Appends the pids in directory fd and below it. */
int cgroup_read_pids(int fd, struct buf *pids);

/* For each subdirectory of fd, by name; stops at the first negative result. */
int cgroup_each_child(int fd, int (*visit)(int dir, const char *name, void *arg), void *arg);

/* Reads a small file of directory dir as a string. Its length, or -errno. */
int cgroup_get(int dir, const char *file, char *out, size_t size);

/* The number after "key " in a file of such lines; -ENOENT when there is none. */
int64_t cgroup_get_key(int dir, const char *file, const char *key);

/* The number after "key " in a text of such lines; -1: not there. */
int64_t cgroup_key_in(const char *text, const char *key);

/* Waits until cgroup.events says that of key. 0, -ETIMEDOUT or -errno. -1 waits forever. */
int cgroup_wait_event(int dir, const char *key, int value, int timeout_ms);

#endif

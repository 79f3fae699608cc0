/* cgroup.h - a container's cgroups: locate, make, limit, join, read, freeze, kill, remove. v1,
 * hybrid and v2 alike. */
#ifndef BOX_CGROUP_H
#define BOX_CGROUP_H

#include "base/arena.h"
#include "base/err.h"
#include "base/list.h"
#include "oci/spec.h"

#include <stdbool.h>
#include <sys/types.h>

struct systemd_unit;

/* One directory: on v2 the only one, on v1 one a mounted hierarchy (co-mounted controllers count
 * once). */
struct cgroup_dir {
	const char *controllers; /* v1: "memory", "cpu,cpuacct", "name=systemd"; v2: "" */
	const char *path;	 /* absolute: /sys/fs/cgroup/memory/coracle-c1 */
	size_t mount;		 /* how much of path is the mount point */
	int fd;			 /* of the directory, once it is opened; else -1 */
	int door;  /* of the file to join by, between cgroup_doors and cgroup_close; else -1 */
	bool made; /* by us: it was not there */
	bool ours; /* so, or nobody was in it */
};

struct cgroup {
	bool v2; /* unified: one directory with all controllers */
	struct cgroup_dir *v;
	size_t n;			 /* the unified hierarchy is the last */
	const struct systemd_unit *unit; /* whose cgroups these are; NULL: nobody's but ours */
	bool unit_is_new;		 /* it was started with its limits */
	bool alike;			 /* all are named after the container, and nobody else is */
};

/* Whether v2 is where everybody looks, so that there is no v1. */
bool cgroup_is_v2(void);

/* Works out where they go; makes nothing. cgroups_path (of the spec) absolute: below each
 * hierarchy's root; relative: below the caller's own cgroup; NULL: /coracle-ID (a directory of its
 * own above it would cost as much again; and /ID may become somebody else's while our record of it
 * lives, and with a container all ends that is in its cgroups). ".." in it is refused;
 * "slice:prefix:name" is the systemd form and becomes slice/prefix-name.scope as cgroupfs paths. A
 * hybrid machine uses its v1 controllers and the unified hierarchy as well, for cgroup.kill.
 * Strings go to a. */
int cgroup_locate(const char *cgroups_path, const char *id, struct arena *a, struct cgroup *out,
		  struct err *e);

/* The same for somebody without privileges who names no path: beside his own cgroup or below it,
 * where that was delegated to him; else none, which has n 0 and to which all of the following does
 * nothing, but for limits, which are refused. */
int cgroup_delegated(const char *id, struct arena *a, struct cgroup *out, struct err *e);

/* The same for a container that is to be a scope of systemd's: its unit, and where systemd will put
 * it. cgroups_path: NULL, or slice:prefix:name. */
int cgroup_locate_unit(const char *cgroups_path, const char *id, struct arena *a,
		       struct cgroup *out, struct err *e);

/* The same from recorded absolute paths; directories that are gone have fd -1. */
int cgroup_open(const struct strs *paths, struct arena *a, struct cgroup *out, struct err *e);

/* The same, but of v1's hierarchies only the one with that controller. */
int cgroup_open_of(const struct strs *paths, const char *controller, struct arena *a,
		   struct cgroup *out, struct err *e);

/* The paths, to be recorded before cgroup_make. */
int cgroup_paths(const struct cgroup *cg, struct arena *a, struct strs *out);

/* The path for each controller's name, and for that of the unified hierarchy, which is "". */
int cgroup_names(const struct cgroup *cg, struct arena *a, struct pairs *out);

/* EBUSY when one of the directories exists and is frozen, or has processes, in it or below: they
 * are somebody else's. To be asked before the paths are recorded: whatever is in a recorded cgroup
 * is killed with the container. Where all are alike one tells for all, and cgroup_make looks at
 * what it finds there nevertheless. */
int cgroup_vacant(struct cgroup *cg, struct err *e);

/* The same later, of recorded ones whose container was still being made, by somebody who died:
 * leaves out those of v1 where a process is that is not in the unified one, in which ours are born.
 * Where there is none, the one that cgroup_vacant looked at tells: they join it last. */
void cgroup_leave_strangers(struct cgroup *cg);

/* Leaves of the recorded paths those that were vacant, or made: the others are not ours to end. */
void cgroup_only_ours(const struct cgroup *cg, struct strs *paths);

/* A scope lives from its first process to its last. So one of ours keeps it until the container's
 * own is born in it, as in any cgroup; and goes when it is let go, or when we die. */
struct cgroup_keeper {
	int pidfd, pipe;	       /* -1: none */
	const struct cgroup_dir *full; /* where it takes the place of the one process that may be */
};

/* Before cgroup_make: starts the unit with these limits and properties (those annotations that
 * begin with org.systemd.property.) and checks that it is where it was expected. */
int cgroup_start_unit(struct cgroup *cg, const struct spec_resources *r,
		      const struct pairs *annotations, struct cgroup_keeper *out, struct err *e);
int cgroup_let_go(struct cgroup_keeper *k, struct err *e);

/* Once there are limits: where one process is all that may be, one may be born beside the keeper.
 * That limit is back when the keeper has been let go, and may be passed until then. */
int cgroup_make_room(const struct cgroup *cg, struct cgroup_keeper *k, struct err *e);

/* Makes the directories and missing parents, which are marked as ours; on v2 enables controllers on
 * the way, on v1 fills cpuset's. A directory that exists is used. After a failure cgroup_remove
 * undoes. */
int cgroup_make(struct cgroup *cg, struct err *e);

/* On v2: makes it that user's, who may move its processes into groups that he makes below, but not
 * change its limits. */
int cgroup_give(const struct cgroup *cg, uid_t uid, struct err *e);

/* Of these the unified one alone, where there is one: to be born in, before the others are made. */
int cgroup_make_unified(struct cgroup *cg, struct err *e);

/* Sets limits, at first and again: what r does not name stays as it is; NULL names nothing. Memory
 * first, so that nothing joins unlimited. Raising and lowering memory and swap go in the order that
 * the kernel accepts. A limit for a controller that this
 * machine lacks is an error that names it, unless it is what is the default anyway. */
int cgroup_limit(struct cgroup *cg, const struct spec_resources *r, struct err *e);

/* The same for a running container, and devices if r names some: after a failure all limits are
 * what they were. */
int cgroup_update(struct cgroup *cg, const struct spec_resources *r, struct err *e);

/* Which devices may be used: rules in order; v1 devices.deny/allow, v2 a BPF program. The kernel's
 * usual ones (null, zero, full, random, urandom, tty, ptmx, pts/N, mknod of any) are always allowed
 * after them, as runc does. */
int cgroup_devices(struct cgroup *cg, const struct spec_resources *r, struct arena *a,
		   struct err *e);

/* The same for a running container: what was allowed and is allowed, is so all the time. */
int cgroup_update_devices(struct cgroup *cg, const struct spec_resources *r, struct arena *a,
			  struct err *e);

/* Joining. A process that moves another into a cgroup waits for a grace period of RCU, 10 ms on a
 * machine that was idle. There are two ways in without: to be born there (the unified hierarchy),
 * and to move oneself, alone (v1). So a child is cloned with CLONE_INTO_CGROUP and walks through
 * v1's doors, which its parent opened, by itself. */

/* Opens v1's doors. */
int cgroup_doors(struct cgroup *cg, struct err *e);

/* For clone3's CLONE_INTO_CGROUP: the unified directory's fd, still owned by cg; -1 where there is
 * none. */
int cgroup_clone_fd(const struct cgroup *cg);

/* Takes the calling process, of one thread, through the doors and closes them. System calls only. 0
 * or -errno. */
int cgroup_join(const struct cgroup *cg);

/* Takes the calling process into the existing cgroup PATH of every hierarchy that has it; the next
 * that it forks are born there. -ENOENT: none has. */
int cgroup_enter(const char *path, struct err *e);

/* On v2: the cgroup where that process is in place of the container's. It may have made groups
 * below and gone into one, as systemd does, so that nobody may be born in the container's any more;
 * or it has left, and that is gone. -ENOENT when there is none that we can see. */
int cgroup_follow(struct cgroup *cg, pid_t pid);

/* Puts existing cgroups below in place of the container's own, for somebody to join: each "PATH",
 * of all hierarchies, or "CONTROLLER,...:PATH". One that is not there is -ENOENT; none may be left
 * upwards. */
int cgroup_descend(struct cgroup *cg, const struct strs *places, struct err *e);

/* Pids in it and below it, as seen from here, without repetition. Gone is empty. */
int cgroup_pids(const struct cgroup *cg, struct arena *a, struct u32s *out, struct err *e);

/* Kills every process in it and below it, new ones included, and waits until it is empty (event,
 * not sleep: cgroup.kill and cgroup.events where there are, else freezer or repeated rounds held by
 * pidfd). */
int cgroup_kill(struct cgroup *cg, struct err *e);

/* Sends sig to all, frozen meanwhile so that none is born unsignalled. */
int cgroup_signal(struct cgroup *cg, int sig, struct err *e);

int cgroup_freeze(struct cgroup *cg, bool frozen, struct err *e);

/* For a process of it that was killed and does not end: on v1 the frozen do not die. Thaws the
 * groups below, which whoever may write in the container can freeze each by itself; and the one
 * where that process is, wherever somebody has put it (0: none in particular). */
void cgroup_thaw_all(const struct cgroup *cg, pid_t pid);
bool cgroup_frozen(const struct cgroup *cg);

/* Whether somebody has frozen it, or is about to, and not one above. */
bool cgroup_freezes(const struct cgroup *cg);

/* The same on v2, for one with that recorded path. */
bool cgroup_freezes_at(const char *path);

/* The directory whose freezer does that, for somebody else to use; NULL where there is none. */
const char *cgroup_freezer(const struct cgroup *cg);

/* How often the kernel killed in it for lack of memory. */
uint64_t cgroup_oom_kills(const struct cgroup *cg);

/* Ends its unit, if it has one. Removes the directories, deepest first, and those parents that
 * cgroup_make made, once they are empty. Idempotent. Processes left: EBUSY. */
int cgroup_remove(struct cgroup *cg, struct err *e);

/* Closes the fds, or gives them to be closed. */
void cgroup_close(struct cgroup *cg);
struct keep;
void cgroup_take(struct cgroup *cg, struct keep *to);

#endif

/* inside.h - what the verbs share among themselves. */
#ifndef CONTAINER_INSIDE_H
#define CONTAINER_INSIDE_H

#include "base/clock.h"
#include "box/cgroup.h"
#include "box/child.h"
#include "box/resctrl.h"
#include "container/container.h"

/* Init listens on it until it is started. By its name runc knows whether it has been. */
#define START_SOCKET "exec.fifo"

/* An empty container, with an arena for its record; NULL with e said. */
struct container *container_new(const char *root, const char *id, struct err *e);

/* The open directory of all states is ours, and nobody else writes there; else it is refused. */
int container_root_check(int fd, const char *root, struct err *e);

/* Opens it, made where it is missing and locked shared: whoever looks for orphans must not see a
 * container's directory that its maker has not locked yet. */
int container_root_hold(const char *root, struct err *e);

/* As container_open, but the record is still to be read: it may be that there is none. */
int container_find(const char *root, const char *id, struct container **out, struct err *e);

/* Holds the container against all other verbs while the returned fd is open. flags: LOCK_NB or
 * 0. */
int container_lock(struct container *c, int flags, struct err *e);

int container_save(struct container *c, struct err *e);

/* The same for the first state of one that is made, with what runc has to know. a: for the while.
 */
int container_save_made(struct container *c, const struct spec *s, const struct cgroup *cg,
			struct arena *a, struct err *e);
int container_cgroup(struct container *c, struct cgroup *out, struct err *e);

/* The cgroup of a container that is to be made: where it goes, and then itself with its limits.
 * Who has few rights and asks for no path and no limit may end up with none: then n is 0. keeper:
 * of a unit of systemd's, to be let go once the container's init is born. waiting: who is told as
 * soon as they are made; NULL: nobody. */
int container_cgroup_locate(const struct create_request *r, const struct spec *s, struct arena *a,
			    struct cgroup *out, struct err *e);
int container_cgroup_make(const struct create_request *r, const struct spec *s, struct cgroup *cg,
			  struct cgroup_keeper *keeper, const struct child *waiting, struct err *e);
/* Then, before anything of the container's runs: its devices; and the doors. */
int container_cgroup_guard(const struct create_request *r, const struct spec *s, struct cgroup *cg,
			   struct arena *a, struct err *e);

/* Where a container that wants a group of Intel's RDT has it. Strings go to the record's arena. */
int container_resctrl(const struct spec *s, struct container *c, struct resctrl *out,
		      struct err *e);

/* child_clone, also where we may not clone into a cgroup of our own: systemd moves the child then.
 */
struct child;
struct child_setup;
int container_clone(const struct child_setup *s, struct child *out, struct err *e);

/* Sends a pty's master to whoever listens on the socket at path. */
int console_send(const char *path, int master, struct err *e);

/* Sends a process as a pidfd, with that name. */
int pidfd_send(const char *path, const char *name, int held, struct err *e);

/* Sends the seccomp listener of a new process, with the state that the spec wants, to the profile's
 * agent, and lets the process go on. */
struct child;
int listener_send(struct container *c, const struct spec_seccomp *s, const struct child *child,
		  int listener, struct err *e);

/* Whether init of the container with that directory still waits for its start: only then somebody
 * accepts. */
bool container_waits(int dir);

/* Writes the pid to the file at path, by rename. */
int pid_file_write(const char *path, pid_t pid, struct err *e);

/* p with HOME in its environment, found in the root file system, unless it has it. */
int process_with_home(const struct spec_process *p, int root, struct arena *a,
		      const struct spec_process **out, struct err *e);

/* p with the size of our own terminal, which will be the other end of its one; plain: see
 * console_plain. */
int process_on_screen(const struct spec_process *p, bool plain, struct arena *a,
		      const struct spec_process **out, struct err *e);

/* Whether n can be a number of files to pass on. */
#define PRESERVED_MAX (1 << 20)
int preserved_count(int n, struct err *e);

/* A process's oom_score_adj, unless it is not to be set. */
int oom_score_set(pid_t pid, const struct opt_i64 *adj, struct err *e);

/* tell.c: says, if that is told, what its init, just born, is to be in. */
void tell_birth(const struct container *c, const struct spec *s, const struct cgroup *cg);

/* Hooks of a stage, run here, with the container's state on their stdin. */
int container_hooks(struct container *c, const struct spec_hook_list *l, const char *name,
		    struct err *e);

/* Those that come before init goes on. */
int container_create_hooks(struct container *c, const struct spec_hooks *h, struct err *e);

/* The poststop hooks, after all else is gone. */
void container_poststop(struct container *c, const struct spec *spec);

/* Kills the hook that runs, also when whoever runs it is still to begin: until what is returned, an
 * fd or -1, is closed. For who deletes by force. */
int container_stop_hooks(struct container *c);

/* The poststart hooks. */
int container_poststart(struct container *c, struct err *e);

/* The one undo: processes, cgroups, mounts, then the record itself. Called with the lock held. What
 * could not be undone stays recorded. */
int container_undo(struct container *c, const struct cleanup_report *r, bool dry_run,
		   struct err *e);

#endif

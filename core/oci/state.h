/* state.h - what is recorded about a container, and the state that the OCI spec shows of it. */
#ifndef OCI_STATE_H
#define OCI_STATE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

#include <stdint.h>
#include <time.h>

enum status {
	STATUS_CREATING, /* claimed; may be half made */
	STATUS_CREATED,
	STATUS_RUNNING,
	STATUS_PAUSED,
	STATUS_STOPPED,
};
const char *status_name(enum status s); /* "creating", "created", ... */
int status_parse(const char *s);	/* -EINVAL */

/* One line of state.json. Versioned. Whatever would outlive a crash is in it before it is made. */
struct state {
	int version; /* STATE_VERSION */
	const char *id, *bundle, *oci_version, *engine;
	const char *status; /* as recorded; container_status() says what is true now */
	int pid;
	uint64_t start_time; /* with pid, the identity of the init process */
	int owner;	     /* pid of the monitor or shim that is its parent; 0: none */
	uint64_t owner_start_time;
	const char *owner_kind; /* "monitor", "shim", "run"; NULL */
	const char *rootfs;	/* absolute */
	struct strs cgroups;	/* directories, absolute: what to kill in and to remove */
	const char *unit;	/* of systemd's, whose cgroups these are; NULL: none */
	bool unit_user;		/* ... of the user's own manager */
	struct strs resctrl;	/* directories of Intel's RDT that are its own */
	struct strs mounts;	/* mount points on the host that were made for it */
	struct strs namespaces; /* "pid", "mount", ... that it has of its own */
	const char *image;	/* of `coracle run`, as the user wrote it */
	const char *log;	/* the monitor's log file */
	const char *store;	/* of `coracle run`: the image store that has its directory */
	const char *pid_file;	/* of `coracle run`: one that goes with it */
	struct pairs annotations;
	bool no_new_keyring; /* it shares its creator's */
	bool hooks;	     /* its spec has some: only then start and delete read it again */
	struct timespec created, started, finished;
	bool has_exit; /* exit_code and exit_signal are recorded */
	int exit_code, exit_signal;
	bool oom;
	bool auto_remove; /* run --rm */
	/* Not recorded: */
	const char *user; /* in lists, whose state directory it is */
	uint32_t uid;	  /* in lists: whose file it is */
	size_t before;	  /* bytes of earlier states in the file that it was read from */
	uint64_t inode;	  /* that file, and how long it was then; 0: not known */
	uint64_t size;
};
#define STATE_VERSION 1
#define STATE_FILE    "state.json"

extern const struct json_field state_fields[];

/* The file is a journal: the spec as it was at create, and then states, each a line, of which the
 * last that is whole counts. What has been written is never changed, so whoever reads it, and
 * whoever comes after a crash, sees the old or the new. runc reads the first JSON value of it and
 * no more: that begins before the spec, goes on over the states before the container was made, and
 * ends with what runc has to know. One that runc made has runc's file, to which our states are
 * added. */

/* Makes it in directory dir, which has none: with the spec's JSON and the first state. Reserves
 * what the next ones need of the disk: -ENOSPC when it is full, so that no end is lost for want of
 * it. */
int state_begin(int dir, const struct buf *spec, struct state *s, struct err *e);

/* -ENOENT when there is none; a version from the future is refused by name. */
int state_read(int dir, struct arena *a, struct state *out, struct err *e);

/* What a list shows of the container id in the directory root, with the file's owner, and if wanted
 * where its cgroups are; the rest is empty. room is used, and may be again. */
struct glance {
	int root;
	bool cgroups;
	struct arena *a;
	struct buf room;
};
int state_glance(struct glance *g, const char *id, struct state *out);

/* The spec, a line; empty when it was made without. -ENODATA: runc, who made it, has it in the
 * bundle. */
int state_read_spec(int dir, struct buf *out, struct err *e);

/* Adds a state. One with an exit status is on the disk before this returns: that must outlive the
 * machine. What else it tells of (processes, cgroups, mounts) goes when the machine goes. A file
 * that has become long is replaced by rename. */
int state_save(int dir, struct state *s, struct err *e);

/* The same for the first state of a container that is made: after the line that runc_write() wrote,
 * to which it is added. */
int state_save_made(int dir, struct state *s, struct buf *runc, struct err *e);

/* Whether the file may say something else than s, which was read from it or saved to it. As nothing
 * in it is ever changed, its length tells. */
bool state_outdated(int dir, const struct state *s);

/* One from its text. */
int state_parse(const char *text, size_t len, struct arena *a, struct state *out, struct err *e);

/* The JSON that `runtime state` prints, as runc does: ociVersion, id, pid, status, bundle, rootfs,
 * created, annotations, owner. A stopped container's pid is 0. */
void state_write_oci(const struct state *s, const char *status, int indent, struct buf *out);

/* The state that hooks get on stdin: ociVersion, id, status, pid, bundle, annotations. */
void state_write_hook(const struct state *s, const char *status, struct buf *out);

#endif

/* checkpoint.h - a container's processes as files, and back. */
#ifndef CONTAINER_CHECKPOINT_H
#define CONTAINER_CHECKPOINT_H

#include "container/container.h"

/* Who looks after the groups that processes are in: what is missing is made, with its limits where
 * it was made (soft), with all of them (full), none may be there yet (strict); or nobody does. */
enum cgroups_mode { CGROUPS_SOFT, CGROUPS_FULL, CGROUPS_STRICT, CGROUPS_IGNORE };

/* Of both verbs; what concerns one alone the other passes over. */
struct checkpoint_options {
	const char *image_path;	 /* absolute; made by a checkpoint */
	const char *work_path;	 /* where the logs go; absolute; NULL: there too */
	const char *parent_path; /* of an earlier pre-dump, relative to image_path; NULL */
	const char *page_server; /* ADDRESS of one that takes the pages; NULL */
	int page_port;
	int status_fd; /* told when lazy pages can be asked for; -1 */
	enum cgroups_mode cgroups;
	int network_lock; /* CRIU's number of how; 0: as it can be done here */
	bool leave_running, pre_dump, lazy_pages, auto_dedup;
	bool shell_job;	  /* its terminal is ours */
	bool ext_unix_sk; /* unix sockets with an end outside */
	bool file_locks, link_remap;
	bool tcp_established, tcp_skip_in_flight, tcp_close;
	const char *lsm_profile, *lsm_mount_context; /* NULL */
};

/* "soft", "full", "strict" or "ignore", or NULL for soft. */
int cgroups_mode_parse(const char *text, enum cgroups_mode *out, struct err *e);

/* "iptables", "nftables" or "skip", or NULL for what is there: how connections are held back. */
int network_lock_parse(const char *text, int *out, struct err *e);

/* "network" or NULL: all that may be emptied, and is in any case: of a network namespace of the
 * container's own nothing is dumped. Restored, it is as a new one is to hooks. */
int empty_namespace_check(const char *text, struct err *e);

/* Dumps all processes of a running or paused container. Unless it is to go on, or this is a
 * pre-dump, they are gone afterwards and it is to be deleted. After a failure it runs on. */
int container_checkpoint(struct container *c, const struct checkpoint_options *o, struct err *e);

#endif

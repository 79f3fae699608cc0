/* criu.h - CRIU, which dumps processes into files and restores them: one run of it, spoken to by
 * its RPC. */
#ifndef BOX_CRIU_H
#define BOX_CRIU_H

#include "base/arena.h"
#include "base/err.h"
#include "box/cgroup.h"
#include "pb/criu.pb-c.h"

#include <stdbool.h>
#include <sys/types.h>

/* What CRIU tells while it works ("post-restore", "setup-namespaces", ...); it goes on once this
 * returns, and gives up when that is an error. fd: what came with it, else -1; who keeps it puts -1
 * there. */
typedef int criu_notified(void *arg, const CriuNotify *n, int *fd, struct err *e);

struct criu_call {
	CriuReqType type;
	CriuOpts *opts;		   /* with our descriptors of ... */
	const char *images, *work; /* ... these directories, absolute; work may be NULL */
	bool images_for_all; /* whoever is restored may be nobody on the host, and look into it */
	const char *log;     /* the name of its log there */
	const int *fds;	     /* what it inherits besides, under the same numbers */
	size_t nfds;
	const struct cgroup *cgroup; /* it lives in there; its doors are open; NULL */
	int root;		     /* a detached mount; -1: */
	const char *root_path;	     /* a directory; one of both is ... */
	const char *place;	     /* ... mounted there, for CRIU alone; NULL: nothing is */
	bool readonly;		     /* ... so that it cannot be written */
	criu_notified *notified;     /* NULL: nobody listens */
	void *arg;
};

/* Runs it to its end. Its first error is what e says. pid, when not NULL, gets the init that was
 * restored, which has become a child of ours. -ENOENT: "criu is not installed". */
int criu_run(const struct criu_call *c, struct arena *a, pid_t *pid, struct err *e);

/* What this kernel lets CRIU do: memory tracking, lazy pages. */
int criu_features(struct arena *a, CriuFeatures *out, struct err *e);

/* Whether it has to be told to stop a container's network by nftables, since iptables, which it
 * would run, is not there. */
bool criu_locks_by_nftables(struct arena *a);

#endif

/* attend.h - being the parent of a process: its output, its terminal, our signals for it, until it
 * ends. */
#ifndef MONITOR_ATTEND_H
#define MONITOR_ATTEND_H

#include "base/err.h"
#include "base/proc.h"
#include "container/notify.h"
#include "monitor/logfile.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct attend {
	pid_t pid;
	int pidfd;
	int signals; /* of attend_signals() */
	int console; /* master of its terminal; -1: it has none */
	bool input;  /* our stdin goes to the console */
	struct logfile *
		log; /* where the console, or the pipes, go; NULL: the console goes to our stdout */
	const struct notify_host *manager; /* to be told what comes from notify; NULL: none */
	int notify;
	bool fragile; /* a signal that would be passed on kills it: attend() fails with -EINTR */
	uint64_t timeout; /* seconds until it is killed; 0: it is not */
	/* Asked now and then: below 0 kills it, and attend() fails with that. NULL: nobody is. */
	int (*check)(void *arg, struct err *e);
	void *arg;
	int pipes[2]; /* ends for reading of its stdout and stderr; -1: none. They are made
			 nonblocking. */
};

/* Blocks the signals that attend() takes care of. To be called before the process is made, so that
 * none is lost. A signalfd, or -errno. */
int attend_signals(struct err *e);

/* Carries stdio and passes on signals (all but those of job control; WINCH as a new size)
 * until the process ends; then drains what it wrote, reaps it and says how it ended. Other children
 * that end meanwhile are reaped too. Our terminal is as it was afterwards, whatever happens. 1: our
 * stdout has not taken all that came from the console, which was said. */
int attend(const struct attend *a, struct exit_status *out, struct err *e);

#endif

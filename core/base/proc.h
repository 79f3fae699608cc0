/* proc.h - a process as this program holds one: pid, start time, pidfd. */
#ifndef BASE_PROC_H
#define BASE_PROC_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* How a process ended. */
struct exit_status {
	int code;   /* its exit code, or 128 + signal */
	int signal; /* 0 when it exited by itself */
};

/* Field 22 of /proc/PID/stat: clock ticks since boot, which with pid is an identity. 0: no such
 * process. *state, when not NULL, gets its letter (Z: it has ended and nobody reaped it yet). */
uint64_t proc_start_time(pid_t pid, char *state);

/* A pidfd of the process that had this pid and start time; -ESRCH when it is gone (a zombie counts
 * as gone). */
int proc_open(pid_t pid, uint64_t start_time);

/* Whether the pidfd's process has ended. */
bool proc_ended(int pidfd);

/* Waits until a pidfd's process ends; -1 waits forever. 0, -ETIMEDOUT or -errno. Not for one's own
 * loop. */
int proc_wait_end(int pidfd, int timeout_ms);

/* Reaps a child by pidfd, waiting for its end. -ECHILD when it is not ours. */
int proc_reap(int pidfd, struct exit_status *out);

/* Makes what a caller may have left odd as programs expect it: fds 0, 1 and 2 are open, and
 * children that end can be waited for. To be called before anything is opened to stay so. */
void proc_begin(void);

/* Every signal back to its default and none blocked: for a new process, before its program. System
 * calls only. */
void signals_reset(void);

/* "SIGTERM", "TERM", "term" or "15" to 15; -EINVAL. And back: "SIGTERM". */
int signal_parse(const char *s);
const char *signal_name(int sig);

#endif

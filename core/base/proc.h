/* proc.h - a process as this program holds one: pid, start time, and an fd: its pidfd or, on a
 * kernel before 5.3, its directory in /proc, which is its own for ever as well. Callers need not
 * know which, but that an event loop cannot watch a directory (-EPERM): of one's own child, SIGCHLD
 * tells as well. */
#ifndef BASE_PROC_H
#define BASE_PROC_H

#include "base/err.h"

#include <poll.h>
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

/* Of which session it is: the pid of its leader, who may have ended; 0: no such process. */
pid_t proc_session(pid_t pid);

/* Holds whoever has this pid now: for one's own children, which nobody else reaps. -errno. */
int proc_hold(pid_t pid);

/* Holds the process that had this pid and start time; -ESRCH when it is gone (a zombie counts as
 * gone). state as above. */
int proc_open(pid_t pid, uint64_t start_time, char *state);

/* Makes a process as fork does, by args->flags, args->exit_signal and args->cgroup; 0 in the child,
 * -errno. What an older kernel cannot do at birth, the parent does right after it: holding it
 * (*held, unless NULL), putting it into the cgroup. */
struct clone_args;
pid_t proc_clone(const struct clone_args *args, int *held);

/* What the call returns in a process of its own: what it changes of itself ends with it. */
int proc_call(int (*call)(void *arg, struct err *e), void *arg, struct err *e);

/* 0, or -errno: -ESRCH when it is gone. */
int proc_signal(int held, int sig);

/* Whether the process that had this pid and start time still runs, for who only looks; and its
 * letter. */
bool proc_alive(pid_t pid, uint64_t start_time, char *state);

/* Whether it has ended. */
bool proc_ended(int held);

/* poll(), in which the end of a process is an event of PROC_END. */
#define PROC_END (POLLIN | POLLOUT)
int proc_poll(struct pollfd *p, size_t n, int timeout_ms);

/* Waits until it ends; -1 waits forever. 0, -ETIMEDOUT or -errno. Not for one's own loop. */
int proc_wait_end(int held, int timeout_ms);

/* Reaps a child, waiting for its end. -ECHILD when it is not ours. */
int proc_reap(int held, struct exit_status *out);

/* How a process ended that is no child of ours, as long as anybody can tell: while its parent has
 * not reaped it, and later (Linux 6.15) by an fd that has held it since before, or -1. -ENODATA. */
int proc_how_ended(pid_t pid, uint64_t start_time, int held, struct exit_status *out);

/* Its directory in /proc, as an fd of its own; -errno. */
int proc_dir(int held);

/* Makes what a caller may have left odd as programs expect it: fds 0, 1 and 2 are open, and
 * children that end can be waited for. To be called before anything is opened to stay so. */
void proc_begin(void);

/* Whether fd 1 was open before. */
bool proc_has_stdout(void);

/* What a process has to know of itself: its number, its start time, and which signals it ignores,
 * bit 0 for signal 1. False: the kernel does not tell. System calls only. */
struct proc_self {
	pid_t pid;
	uint64_t start_time;
	unsigned long ignored;
};
bool proc_self(struct proc_self *out);

/* Every signal back to its default and none blocked: for a new process, before its program. known:
 * what it has inherited; NULL: to be looked up. System calls only. */
void signals_reset(const struct proc_self *known);

/* "SIGTERM", "TERM", "term" or "15" to 15; -EINVAL. And back: "SIGTERM". */
int signal_parse(const char *s);
const char *signal_name(int sig);

#endif

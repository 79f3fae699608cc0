/* loop.h - the one event loop of a process, around epoll. */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct loop;

/* One watched fd. Owned by the caller, often inside the object that arg points to; must stay until
 * loop_remove. The fd is not closed by the loop. lengthy: its handler takes its time; between two
 * of these come all others that are ready. Not with EPOLLET: it may have to be told again. */
struct watch {
	int fd;
	void (*ready)(void *arg, uint32_t events);
	void *arg;
	bool lengthy;
};

/* NULL with errno. */
struct loop *loop_new(void);
void loop_free(struct loop *l);

/* Watches w->fd for events (EPOLLIN, ...). 0 or -errno. */
int loop_add(struct loop *l, struct watch *w, uint32_t events);
int loop_change(struct loop *l, struct watch *w, uint32_t events);

/* Safe from within any handler: an event of w that was already fetched is dropped. */
void loop_remove(struct loop *l, struct watch *w);

/* Runs handlers until loop_stop. 0 or -errno. */
int loop_run(struct loop *l);
void loop_stop(struct loop *l);

/* A timerfd that fires once after ms milliseconds (and every period_ms, when not 0); -errno. The
 * handler reads it. */
int timer_new(uint64_t ms, uint64_t period_ms);

/* Sets it again; 0 disarms. */
int timer_set(int fd, uint64_t ms, uint64_t period_ms);

/* SIGINT, SIGTERM and SIGHUP, but for those that are ignored, as nohup has it: the kernel would
 * keep these all the same once they are blocked. */
void signals_ending(sigset_t *out);

/* Keeps these waiting until the caller sets the mask that was, so that what is half made is
 * finished or removed before they end the program. */
void signals_hold(sigset_t *was);

/* Blocks the signals of the 0-ended list and returns a signalfd for them; -errno. */
int signals_fd(const int *list);

/* The same of a set. */
int signals_fd_of(const sigset_t *set);

#endif

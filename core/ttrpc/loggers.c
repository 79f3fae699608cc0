/* loggers.c - the loggers of a shim's processes, from their start to their end. */
#include "ttrpc/loggers.h"
#include "base/file.h"
#include "base/log.h"
#include "base/proc.h"
#include "ttrpc/shim.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>

#define EOF_MS	2000
#define TERM_MS 10000

struct attended {
	struct attended *next;
	struct shim *shim;
	const struct member *member; /* NULL: it is to end */
	bool told;		     /* by SIGTERM */
	struct watch end, timer;
};

static void forget(struct attended *a)
{
	struct attended **link = &a->shim->loggers.first;
	while (*link != a)
		link = &(*link)->next;
	*link = a->next;
	loop_remove(a->shim->loop, &a->end);
	loop_remove(a->shim->loop, &a->timer);
	close_fdp(&a->end.fd);
	close_fdp(&a->timer.fd);
	free(a);
}

static void on_end(void *arg, uint32_t events)
{
	struct attended *a = arg;
	struct shim *s = a->shim;
	const struct member *m = a->member;
	(void)events;
	proc_reap(a->end.fd, &(struct exit_status){ 0 }); /* unless it has been as a stranger */
	if (m && m->end.fd >= 0 && m->stdio) {
		log_warn("container %s: its logger ended before it; what it writes is dropped",
			 m->task->id);
		stdio_unread(m->stdio);
	}
	forget(a);
	shim_rest(s);
}

static void on_timer(void *arg, uint32_t events)
{
	struct attended *a = arg;
	uint64_t times;
	(void)events;
	if (read(a->timer.fd, &times, sizeof(times)) <= 0)
		return;
	proc_signal(a->end.fd, a->told ? SIGKILL : SIGTERM);
	if (!a->told)
		timer_set(a->timer.fd, TERM_MS, 0);
	a->told = true;
}

int logger_attend(struct shim *s, struct member *m, int held, struct err *e)
{
	struct attended *a = malloc(sizeof(*a));
	int timer = a ? timer_new(0, 0) : -ENOMEM, rc = timer;
	if (a) {
		*a = (struct attended){ .next = s->loggers.first,
					.shim = s,
					.member = m,
					.end = { held, on_end, a },
					.timer = { timer, on_timer, a } };
		s->loggers.first = a;
	}
	if (timer >= 0)
		rc = loop_add(s->loop, &a->timer, EPOLLIN);
	if (rc == 0)
		rc = loop_add(s->loop, &a->end, EPOLLIN);
	if (rc == 0 || rc == -EPERM) /* without a pidfd it is reaped as a stranger */
		return 0;
	proc_signal(held, SIGKILL);
	if (a)
		forget(a);
	else
		close(held);
	return fail(e, rc, "watch the logger");
}

void logger_see_off(struct shim *s, const struct member *m)
{
	for (struct attended *a = s->loggers.first; a; a = a->next) {
		if (a->member != m)
			continue;
		a->member = NULL;
		timer_set(a->timer.fd, EOF_MS, 0);
	}
}

void loggers_close(struct shim *s)
{
	while (s->loggers.first) {
		proc_signal(s->loggers.first->end.fd, SIGKILL);
		forget(s->loggers.first);
	}
}

/* shim.c - a shim process: it serves until there is no task, no peer and nothing left to tell. */
#include "ttrpc/shim.h"
#include "base/file.h"
#include "base/log.h"
#include "ttrpc/member.h"
#include "ttrpc/sandbox.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define MAX_PEERS     256
#define LAST_WORDS_MS 10000 /* for containerd to take the last events */
#define LINGER_MS     1000  /* for clients to close their connections themselves */

/* The two Task services differ in name only. */
static const struct service services[] = {
	{ "containerd.task.v2.Task", task_methods },
	{ "containerd.task.v3.Task", task_methods },
	{ "containerd.runtime.sandbox.v1.Sandbox", sandbox_methods },
	{ 0 },
};

static bool has_work(const struct shim *s)
{
	return s->tasks || s->sandbox;
}

void shim_rest(struct shim *s)
{
	if (s->stopping && !s->loggers.first && !events_waiting(s->events) &&
	    !(s->lingering && s->peers))
		loop_stop(s->loop);
}

/* No new tasks from now on, and the process ends once all is told. */
static void shim_stop(struct shim *s)
{
	if (!s->stopping) {
		s->stopping = true;
		/* At once, so that the next shim of this name does not find a socket that goes
		 * away. */
		unlink(s->socket);
		timer_set(s->lease.fd, s->lingering ? LINGER_MS : LAST_WORDS_MS, 0);
	}
	shim_rest(s);
}

void shim_leave(struct shim *s)
{
	for (const struct task *t = s->tasks; t; t = t->next)
		if (!t->creating)
			return;
	if (s->sandbox)
		return;
	s->leaving = true;
	if (!s->tasks)
		shim_stop(s);
}

void shim_idle(struct shim *s)
{
	if (!has_work(s) && !s->stopping)
		timer_set(s->lease.fd, s->lease_ms, 0);
}

static void on_told(void *arg)
{
	shim_rest(arg);
}

static void on_peers(void *arg, unsigned count)
{
	struct shim *s = arg;
	bool went = count < s->peers;
	s->peers = count;
	if (went) {
		members_prune(s);
		sandbox_prune(s->sandbox);
	}
	if (s->stopping)
		shim_rest(s);
	else
		timer_set(s->lease.fd, count && has_work(s) ? 0 : s->lease_ms, 0);
}

static void on_lease(void *arg, uint32_t events)
{
	struct shim *s = arg;
	uint64_t times;
	(void)events;
	if (read(s->lease.fd, &times, sizeof(times)) <= 0)
		return;
	if (s->stopping && s->lingering) {
		s->lingering = false;
		timer_set(s->lease.fd, LAST_WORDS_MS, 0);
		shim_rest(s);
		return;
	}
	if (s->stopping) {
		loop_stop(s->loop);
		return;
	}
	if (!s->peers) {
		tasks_forget_removed(s);
		sandbox_forget_removed(s);
	}
	server_listen(s->server);
	if (!has_work(s))
		shim_stop(s); /* a peer as well: its containerd died between start and Create */
	else if (!s->peers)
		timer_set(s->lease.fd, s->lease_ms, 0);
}

static void on_signal(void *arg, uint32_t events)
{
	struct shim *s = arg;
	struct signalfd_siginfo info;
	(void)events;
	while (read(s->signals.fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			reap_strangers(s);
		else if (info.ssi_signo == SIGIO)
			members_look(s);
		else if (info.ssi_signo != SIGPIPE && !has_work(s))
			shim_stop(s);
	}
}

static int watch(struct shim *s, struct watch *w, int fd, void (*ready)(void *, uint32_t))
{
	if (fd < 0)
		return fd;
	*w = (struct watch){ .fd = fd, .ready = ready, .arg = s, .lengthy = true };
	return loop_add(s->loop, w, EPOLLIN);
}

static int set_up(struct shim *s, const struct shim_options *o, struct err *e)
{
	static const int signals[] = { SIGCHLD, SIGTERM, SIGINT, SIGPIPE, SIGIO, 0 };
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return fail(e, errno, "become the reaper of our children's children");
	for (int i = 0; i < SPARE_FDS; i++)
		s->spare[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	s->loop = loop_new();
	if (!s->loop)
		return fail(e, errno, "make an event loop");
	int rc = watch(s, &s->signals, signals_fd(signals), on_signal);
	if (rc >= 0)
		rc = watch(s, &s->lease, timer_new(s->lease_ms, 0), on_lease);
	if (rc < 0)
		return fail(e, rc, "watch signals and time");
	if ((rc = works_open(s, e)) < 0)
		return rc;
	struct events_options v = { o->events, o->namespace_, on_told, s };
	s->events = events_new(s->loop, &v);
	struct server_options so = { services, s, on_peers, MAX_PEERS };
	if (s->events)
		s->server = server_new(s->loop, o->listener, &so);
	return s->server ? 0 : fail(e, errno, "serve on %s", o->socket);
}

static void tear_down(struct shim *s)
{
	server_free(s->server);
	works_close(s);
	for (const struct task *t = s->tasks; t; t = t->next)
		if (t->creating)
			container_cleanup(t->root, t->id, 0, NULL, NULL);
	while (s->tasks)
		task_free(s->tasks);
	sandbox_free(s->sandbox);
	loggers_close(s);
	events_free(s->events);
	close_fdp(&s->signals.fd);
	close_fdp(&s->lease.fd);
	loop_free(s->loop);
}

int shim_serve(const struct shim_options *o, struct err *e)
{
	struct shim s = { .namespace_ = o->namespace_,
			  .socket = o->socket,
			  .lease_ms = o->lease_ms,
			  .signals.fd = -1,
			  .lease.fd = -1,
			  .works.next.fd = -1 };
	int rc = set_up(&s, o, e);
	if (rc == 0) {
		rc = loop_run(s.loop);
		if (rc < 0)
			fail(e, rc, "wait for events");
	}
	tear_down(&s);
	return rc;
}

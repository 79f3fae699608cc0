/* work.c - what may take its time is done by forks of the shim: its loop waits for none of it. */
#include "ttrpc/work.h"
#include "base/clock.h"
#include "base/fdpass.h"
#include "base/file.h"
#include "base/log.h"
#include "base/proc.h"
#include "ttrpc/member.h"
#include "ttrpc/shim.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define MOMENT_NS UINT64_C(10000000)
/* The shim's own: who asks for a state is not to wait for all that is made. */
#define NICE	 (-10)
#define YIELD	 5 /* who asks is no shim, and waits for a processor as well */
#define SLICE_NS 100000

/* What a fork says last. */
struct result {
	int rc;
	pid_t pid;
	unsigned has; /* a bit for each of the fds that come with it, in order */
	struct err e;
};

static void send_result(struct work *w, int sock, struct result *r)
{
	int fds[WORK_FDS];
	size_t n = 0;
	r->pid = w->pid;
	for (int i = 0; i < WORK_FDS; i++) {
		if (w->fds[i] < 0)
			continue;
		fds[n++] = w->fds[i];
		r->has |= 1u << i;
	}
	fd_send(sock, r, sizeof(*r), fds, n);
}

/* Closes all above 2 but what is in the list: a connection that we held open would not tell
 * containerd of the shim's end, and a FIFO's end its reader of the end of what we have nothing to
 * do with. */
static void close_others(const int *keep, size_t n)
{
	unsigned from = 3;
	for (;;) {
		unsigned next = ~0U;
		for (size_t i = 0; i < n; i++)
			if (keep[i] >= (int)from && (unsigned)keep[i] < next)
				next = (unsigned)keep[i];
		if (next > from)
			fds_close(from, next == ~0U ? next : next - 1, 0);
		if (next == ~0U)
			return;
		from = next + 1;
	}
}

/* How long it may run in one go decides from Linux 6.12 on how soon it does when it has something
 * to do; slice 0: as all. What may not be is not. */
static bool rank(int nice, uint64_t slice)
{
	/* The kernel's own is in a header that does not go with sched.h. */
	struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime, deadline, period;
	} a = { .size = sizeof(a), .nice = nice, .runtime = slice };
	if (syscall(SYS_sched_setattr, 0, &a, 0) == 0)
		return true;
	a.nice = getpriority(PRIO_PROCESS, 0);
	syscall(SYS_sched_setattr, 0, &a, 0);
	return false;
}

static _Noreturn void work_main(struct work *w, int sock, pid_t shim)
{
	struct result r = { 0 };
	int keep[WORK_KEEP + 1];
	memcpy(keep, w->keep, sizeof(w->keep));
	keep[WORK_KEEP] = sock;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != shim)
		_exit(1);
	rank(w->shim->works.nice + (w->patient && w->shim->works.privileged ? YIELD : 0), 0);
	close_others(keep, WORK_KEEP + 1);
	w->result = sock;
	r.rc = w->run(w, &r.e);
	send_result(w, sock, &r);
	_exit(0);
}

static void drop_fds(struct work *w)
{
	for (int i = 0; i < WORK_FDS; i++)
		put_fd(&w->fds[i], -1);
}

/* False: there was no room for all. Then what has been made is of no use: it is our child by now,
 * and nobody has reaped it. */
static bool take_fds(struct work *w, unsigned has, const int fds[FDPASS_MAX])
{
	bool all = true;
	size_t n = 0;
	for (unsigned i = 0; i < WORK_FDS; i++) {
		if (!(has & (1u << i)))
			continue;
		w->fds[i] = fds[n++];
		all = all && w->fds[i] >= 0;
	}
	if (!all && w->pid > 0)
		kill(w->pid, SIGKILL);
	return all;
}

/* Its last word, after that of a logger that it had begun to start. The number of bytes. */
static int hear(struct work *w, struct result *r, int fds[FDPASS_MAX])
{
	int got;
	while ((got = fd_receive(w->result, r, sizeof(*r), fds)) == 1)
		put_fd(&w->logger, fds[0]);
	return got;
}

/* What came of it, if its fork lived to say so. */
static int take_result(struct work *w, struct err *e)
{
	struct result r;
	struct exit_status st = { 0 };
	int fds[FDPASS_MAX];
	proc_reap(w->end.fd, &st);
	w->lost = hear(w, &r, fds) != (int)sizeof(r);
	if (w->lost) {
		if (w->logger >= 0)
			proc_signal(w->logger, SIGKILL);
		if (st.signal == SIGKILL)
			return rpc_fail(e, RPC_CANCELLED, "it was stopped half way");
		return refuse(e, ECANCELED, "the process that was at it ended: %s",
			      st.signal ? signal_name(st.signal) : "without a word");
	}
	w->pid = r.pid;
	if (!take_fds(w, r.has, fds))
		return fail(e, EMFILE, "take over what was made");
	*e = r.e;
	return r.rc;
}

static void work_free(struct work *w)
{
	drop_fds(w);
	close_fdp(&w->end.fd);
	close_fdp(&w->result);
	close_fdp(&w->logger);
	arena_free(w->rpc.arena);
	free(w);
}

static void unlink_work(struct work **list, const struct work *w)
{
	while (*list && *list != w)
		list = &(*list)->next;
	if (*list)
		*list = w->next;
}

static void conclude(struct work *w, int rc, struct err *e)
{
	if (!w->forgotten) {
		rc = w->done(w, rc, e);
	} else { /* it runs, but nobody will ever know of it */
		if (w->fds[WORK_PROCESS] >= 0)
			proc_signal(w->fds[WORK_PROCESS], SIGKILL);
		rc = rpc_fail(e, RPC_NOT_FOUND, "container or process");
	}
	if (w->rpc.request && rc == 0)
		request_reply(w->rpc.request, w->rpc.out);
	else if (w->rpc.request && rc < 0)
		request_fail(w->rpc.request, e);
	work_free(w);
}

static bool waits_for(const struct work *w, const struct work *other)
{
	return other->member == w->member &&
	       ((w->in_turn && other->in_turn) || (w->after && w->after == other->run));
}

/* The first that may begin, in its place; *it is NULL: none. */
static struct work **find_next(struct works *v)
{
	struct work **w = &v->queued, *other;
	for (; *w; w = &(*w)->next) {
		for (other = v->running; other && !waits_for(*w, other); other = other->next)
			;
		if (!other)
			break;
	}
	return w;
}

/* As many at a time as there are processors: more would not be done sooner, and would only keep the
 * shim from running. A patient one leaves it a processor: what the kernel does for others is not
 * interrupted, whatever the shim's rank. But one may wait for something else than a processor,
 * nobody knows how long: after a moment it does not count any more. */
static void schedule(struct works *v)
{
	struct itimerspec t = { .it_value.tv_nsec = 1 };
	uint64_t now = clock_monotonic_ns(), first = MOMENT_NS;
	unsigned young = 0, most = v->at_once;
	const struct work *next = *find_next(v);
	if (!next)
		return;
	if (next->patient && most > 1)
		most--;
	for (const struct work *w = v->running; w; w = w->next) {
		if (now - w->begun >= MOMENT_NS)
			continue;
		young++;
		if (w->begun + MOMENT_NS - now < first)
			first = w->begun + MOMENT_NS - now;
	}
	if (young >= most)
		t.it_value.tv_nsec = (long)first;
	timerfd_settime(v->next.fd, 0, &t, NULL);
}

static void finish(struct work *w)
{
	struct err e = { 0 };
	loop_remove(w->shim->loop, &w->end);
	unlink_work(&w->shim->works.running, w);
	schedule(&w->shim->works);
	int rc = take_result(w, &e);
	conclude(w, rc, &e);
}

/* What ended after it, and was not looked at until then. */
static void on_end(void *arg, uint32_t events)
{
	struct work *w = arg;
	struct shim *s = w->shim;
	(void)events;
	finish(w);
	reap_strangers(s);
}

static int launch(struct work *w, struct err *e)
{
	int pair[2];
	pid_t shim = getpid();
	struct clone_args args = { .exit_signal = SIGCHLD };
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return fail(e, errno, "begin a piece of work");
	w->result = pair[0];
	w->fork = proc_clone(&args, &w->end.fd);
	if (w->fork == 0)
		work_main(w, pair[1], shim);
	close(pair[1]);
	if (w->fork < 0)
		return fail(e, w->fork, "fork");
	fcntl(w->result, F_SETFL, O_NONBLOCK);
	int rc = loop_add(w->shim->loop, &w->end, EPOLLIN);
	w->watched = rc == 0;
	if (rc == 0 || rc == -EPERM)
		return 0;
	proc_signal(w->end.fd, SIGKILL);
	take_result(w, &(struct err){ 0 });
	return fail(e, rc, "watch a piece of work");
}

static void begin(struct work *w)
{
	struct err e = { 0 };
	int rc = launch(w, &e);
	if (rc < 0) {
		conclude(w, rc, &e);
		return;
	}
	w->next = w->shim->works.running;
	w->shim->works.running = w;
	w->begun = clock_monotonic_ns();
}

static void on_next(void *arg, uint32_t events)
{
	struct works *v = &((struct shim *)arg)->works;
	struct err e = { 0 };
	uint64_t times;
	(void)events;
	struct work **first = find_next(v), *w = *first;
	if (read(v->next.fd, &times, sizeof(times)) <= 0 || !w)
		return;
	*first = w->next;
	if (w->forgotten)
		conclude(w, 0, &e);
	else
		begin(w);
	schedule(v);
}

int works_open(struct shim *s, struct err *e)
{
	cpu_set_t cpus;
	int fd = timer_new(0, 0);
	int rc = sched_getaffinity(0, sizeof(cpus), &cpus);
	s->works.at_once = rc < 0 ? 1 : (unsigned)CPU_COUNT(&cpus);
	s->works.next = (struct watch){
		.fd = fd < 0 ? -1 : fd, .ready = on_next, .arg = s, .lengthy = true
	};
	s->works.nice = getpriority(PRIO_PROCESS, 0);
	s->works.privileged = rank(s->works.nice + NICE, SLICE_NS);
	rc = fd < 0 ? fd : loop_add(s->loop, &s->works.next, EPOLLIN);
	return rc < 0 ? fail(e, rc, "make a timer") : 0;
}

void works_close(struct shim *s)
{
	struct work *w;
	while ((w = s->works.queued)) {
		s->works.queued = w->next;
		work_free(w);
	}
	while ((w = s->works.running)) {
		s->works.running = w->next;
		proc_signal(w->end.fd, SIGKILL);
		take_result(w, &(struct err){ 0 });
		loop_remove(s->loop, &w->end);
		work_free(w);
	}
	close_fdp(&s->works.next.fd);
}

int work_start(struct shim *s, const struct work *order, const struct rpc *r, struct err *e)
{
	struct work *w = malloc(sizeof(*w));
	if (!w)
		return fail(e, ENOMEM, "begin a piece of work");
	*w = *order;
	w->shim = s;
	w->next = NULL;
	w->end = (struct watch){ .fd = -1, .ready = on_end, .arg = w, .lengthy = true };
	w->result = w->logger = -1;
	w->rpc = (struct rpc){ 0 };
	for (int i = 0; i < WORK_FDS; i++)
		w->fds[i] = -1;
	if (r) {
		w->rpc = *r;
		w->rpc.kept = NULL;
		rpc_keep(r);
	}
	struct work **last = &s->works.queued;
	while (*last && (w->patient || !(*last)->patient))
		last = &(*last)->next;
	w->next = *last;
	*last = w;
	if (*find_next(&s->works) == w)
		schedule(&s->works);
	return RPC_LATER;
}

int work_undo(struct work *w, struct work undo, const struct err *e)
{
	struct rpc r = w->rpc;
	struct err ignored = { 0 }, *why = arena_alloc(r.arena, sizeof(*why));
	r.kept = &w->rpc.arena;
	undo.member = w->member;
	undo.arg = why;
	if (!why || work_start(w->shim, &undo, &r, &ignored) != RPC_LATER)
		return -e->code;
	*why = *e;
	w->rpc = (struct rpc){ 0 };
	return RPC_LATER;
}

const int *work_nice(const struct work *w)
{
	const struct works *v = &w->shim->works;
	return w->patient && v->privileged ? &v->nice : NULL;
}

void work_keep(struct work *w, const struct container *c)
{
	w->keep[0] = c->dir;
	w->keep[1] = c->pidfd;
}

void work_abort(struct work *w)
{
	struct err e = { 0 };
	if (w->end.fd >= 0) {
		proc_signal(w->end.fd, SIGKILL);
		return;
	}
	unlink_work(&w->shim->works.queued, w);
	conclude(w, rpc_fail(&e, RPC_CANCELLED, "it was stopped before it began"), &e);
}

struct work *work_find(struct shim *s, const struct member *m,
		       int (*run)(struct work *w, struct err *e))
{
	struct work *lists[] = { s->works.running, s->works.queued };
	for (int i = 0; i < 2; i++)
		for (struct work *w = lists[i]; w; w = w->next)
			if (w->member == m && w->run == run)
				return w;
	return NULL;
}

/* From the first again after each: who is told of an end may begin and forget others. */
void works_settle(struct shim *s)
{
	for (struct work *w = s->works.running; w;) {
		bool ended = proc_ended(w->end.fd);
		if (ended)
			finish(w);
		w = ended ? s->works.running : w->next;
	}
}

bool works_have(const struct shim *s, pid_t pid)
{
	const struct work *w = s->works.running;
	while (w && (w->fork != pid || !w->watched))
		w = w->next;
	return w;
}

void works_forget(struct shim *s, const struct member *m)
{
	struct work *lists[] = { s->works.running, s->works.queued };
	for (int i = 0; i < 2; i++)
		for (struct work *w = lists[i]; w; w = w->next)
			if (w->member == m) {
				w->member = NULL;
				w->forgotten = true;
			}
}

/* member.c - the processes of tasks: found, watched, ended, waited for. */
#include "ttrpc/member.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "pb/task_events.pb-c.h"
#include "pb/task_v2.pb-c.h"
#include "ttrpc/checkpoint.h"
#include "ttrpc/oom.h"
#include "ttrpc/sandbox.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/wait.h>

struct task *task_find(struct shim *s, const char *id, struct err *e)
{
	for (struct task *t = s->tasks; t; t = t->next)
		if (!t->creating && !strcmp(t->id, id))
			return t;
	rpc_fail(e, RPC_NOT_FOUND, "container %s", id);
	return NULL;
}

struct member *member_find(struct shim *s, const char *id, const char *exec_id, struct err *e)
{
	struct task *t = task_find(s, id, e);
	if (!t || !*exec_id)
		return t ? &t->init : NULL;
	for (struct member *m = t->execs; m; m = m->next)
		if (!strcmp(m->exec_id, exec_id))
			return m;
	rpc_fail(e, RPC_NOT_FOUND, "process %s of container %s", exec_id, id);
	return NULL;
}

bool task_wants(const struct task *t, const char *annotation, const char *value)
{
	const char *v = pairs_get(&t->container->state.annotations, annotation);
	return v && !strcmp(v, value);
}

static void fill_timestamp(struct timespec t, Google__Protobuf__Timestamp *out)
{
	*out = (Google__Protobuf__Timestamp)GOOGLE__PROTOBUF__TIMESTAMP__INIT;
	out->seconds = t.tv_sec;
	out->nanos = (int32_t)t.tv_nsec;
}

Google__Protobuf__Timestamp *member_exited_at(const struct member *m, struct arena *a)
{
	Google__Protobuf__Timestamp *out = m->state == MEMBER_STOPPED ? arena_alloc(a, sizeof(*out))
								      : NULL;
	if (out)
		fill_timestamp(m->exited, out);
	return out;
}

static void answer(struct member *m)
{
	Google__Protobuf__Timestamp when;
	Containerd__Task__V2__WaitResponse out = CONTAINERD__TASK__V2__WAIT_RESPONSE__INIT;
	fill_timestamp(m->exited, &when);
	out.exit_status = (uint32_t)m->status.code;
	out.exited_at = &when;
	requests_end(&m->waiting, &out, NULL);
}

int member_wait(struct member *m, struct request *r, struct err *e)
{
	int rc = requests_add(&m->waiting, r, e);
	if (rc == RPC_LATER && m->told)
		answer(m);
	return rc;
}

void members_prune(struct shim *s)
{
	for (struct task *t = s->tasks; t; t = t->next) {
		requests_prune(&t->init.waiting);
		for (struct member *m = t->execs; m; m = m->next) {
			requests_prune(&m->waiting);
			requests_prune(&m->deletes);
		}
	}
}

void members_look(struct shim *s)
{
	for (struct task *t = s->tasks; t; t = t->next) {
		if (t->init.stdio)
			stdio_look(t->init.stdio);
		for (struct member *m = t->execs; m; m = m->next)
			if (m->stdio)
				stdio_look(m->stdio);
	}
}

static void publish_exit(const struct member *m)
{
	struct task *t = m->task;
	Google__Protobuf__Timestamp when;
	Containerd__Events__TaskExit exit = CONTAINERD__EVENTS__TASK_EXIT__INIT;
	char *id = (char *)(uintptr_t)t->id;
	fill_timestamp(m->exited, &when);
	exit.container_id = id;
	exit.id = *m->exec_id ? (char *)(uintptr_t)m->exec_id : id;
	exit.pid = (uint32_t)m->pid;
	exit.exit_status = (uint32_t)m->status.code;
	exit.exited_at = &when;
	events_publish(t->shim->events, *m->exec_id ? EVENT_EXEC_EXIT : EVENT_EXIT, &exit);
}

static void answer_deletes(struct member *m)
{
	Google__Protobuf__Timestamp when;
	Containerd__Task__V2__DeleteResponse out = CONTAINERD__TASK__V2__DELETE_RESPONSE__INIT;
	fill_timestamp(m->exited, &when);
	out.pid = (uint32_t)m->pid;
	out.exit_status = (uint32_t)m->status.code;
	out.exited_at = m->told ? &when : NULL;
	requests_end(&m->deletes, &out, NULL);
}

static void on_drained(void *arg)
{
	member_free(arg);
}

static void leave(struct member *m)
{
	if (m->stdio)
		stdio_drain(m->stdio, on_drained, m);
	else
		member_free(m);
}

int member_delete(struct member *m, struct request *r, struct err *e)
{
	int rc = requests_add(&m->deletes, r, e);
	if (rc != RPC_LATER || m->leaving)
		return rc;
	m->leaving = true;
	if (m->told || !m->pid)
		leave(m);
	return rc;
}

/* Its output is where it belongs: now the world may know, once. May free it. */
static void tell_end(void *arg)
{
	struct member *m = arg;
	if (m->told)
		return;
	m->state = MEMBER_STOPPED;
	m->told = true;
	publish_exit(m);
	answer(m);
	sandbox_look(m->task->shim->sandbox);
	if (m->leaving)
		leave(m);
}

/* Who asks for its state hears of the end from here on: a containerd that comes back may ask only
 * once, and be told too early for its ears. */
static void end_output(struct member *m)
{
	m->state = MEMBER_STOPPED;
	if (m->stdio)
		stdio_end(m->stdio, tell_end, m);
	else
		tell_end(m);
}

static int record_exit(struct task *t, bool wait, struct err *e)
{
	const struct member *m = &t->init;
	bool oom = t->oom_kills > 0;
	return wait ? container_record_exit(t->container, m->status, oom, e)
		    : container_record_exit_now(t->container, m->status, oom, e);
}

static void take_spare(struct shim *s)
{
	for (int i = 0; i < SPARE_FDS; i++)
		s->spare[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void free_spare(struct shim *s)
{
	for (int i = 0; i < SPARE_FDS; i++)
		put_fd(&s->spare[i], -1);
}

/* When all fds are taken, it has those that were kept for it. */
static int record_exit_now(struct task *t, struct err *e)
{
	int rc = record_exit(t, false, e);
	if (rc != -EMFILE && rc != -ENFILE)
		return rc;
	*e = (struct err){ 0 };
	free_spare(t->shim);
	rc = record_exit(t, false, e);
	take_spare(t->shim);
	return rc;
}

/* In a fork: what may have to wait, for a lock or for others to end. Without a pid namespace of its
 * own they live on, and hold its output open. */
static int late_run(struct work *w, struct err *e)
{
	struct task *t = w->member->task;
	int rc = record_exit(t, true, e);
	if (!strs_has(&t->container->state.namespaces, "pid"))
		container_kill(t->container, SIGKILL, true, NULL);
	return rc;
}

static int record_late(struct member *m);

static int late_done(struct work *w, int rc, struct err *e)
{
	struct member *m = w->member;
	struct task *t = m->task;
	struct err why = { 0 };
	/* There was no fork, or it did not live; and here nobody waits for a lock. */
	bool alone = rc < 0 && (w->lost || w->end.fd < 0);
	if (alone)
		rc = record_exit_now(t, e);
	if (alone && rc == -EBUSY && w->lost && record_late(m) == RPC_LATER)
		return 0;
	if (rc == 0) /* as the fork has it */
		rc = container_reload(t->container, &why);
	else
		why = *e;
	if (rc < 0 && rc != -ENOENT) /* one that is being deleted has no record any more */
		log_error("container %s: %s", t->id, why.msg);
	else if (rc == 0 && t->container->state.has_exit)
		m->exited = t->container->state.finished; /* what `delete` would answer */
	end_output(m);
	return 0;
}

static int record_late(struct member *m)
{
	struct err ignored = { 0 };
	struct work w = { .member = m, .run = late_run, .done = late_done };
	w.keep[0] = m->task->container->dir;
	return work_start(m->task->shim, &w, NULL, &ignored);
}

/* In a fork: what an exec has left. */
static int orphans_run(struct work *w, struct err *e)
{
	(void)e;
	container_kill_session(w->member->task->container, w->member->pid);
	return 0;
}

static int orphans_done(struct work *w, int rc, struct err *e)
{
	(void)rc;
	(void)e;
	end_output(w->member);
	return 0;
}

static void end_exec(struct member *m)
{
	struct err e = { 0 };
	struct work w = { .member = m, .run = orphans_run, .done = orphans_done };
	work_keep(&w, m->task->container);
	if (!task_wants(m->task, ORPHANS_ANNOTATION, "kill") ||
	    work_start(m->task->shim, &w, NULL, &e) != RPC_LATER)
		end_output(m);
}

/* A fork has the most to do where others are to end, or hold the lock. */
static void record_end(struct member *m)
{
	struct err e = { 0 };
	struct task *t = m->task;
	if (m->status.signal == SIGKILL)
		oom_missed(t);
	if (*m->exec_id) {
		end_exec(m);
		return;
	}
	oom_unwatch(t);
	bool alone = strs_has(&t->container->state.namespaces, "pid");
	int rc = alone ? record_exit_now(t, &e) : -EBUSY;
	if (rc != -EBUSY || record_late(m) != RPC_LATER)
		late_done(&(struct work){ .member = m, .end.fd = -1 }, rc, &e);
}

static void unwatch(struct member *m)
{
	if (m->end.fd < 0)
		return;
	loop_remove(m->task->shim->loop, &m->end);
	put_fd(&m->end.fd, -1);
}

void member_go_on(struct member *m)
{
	const struct task *t = m->task;
	if (!m->reaped || m->state == MEMBER_STARTING || t->deleting || t->creating ||
	    !oom_look(m->task))
		return;
	m->reaped = false;
	record_end(m);
}

void task_go_on(struct task *t)
{
	for (struct member *m = t->execs; m; m = m->next)
		member_go_on(m);
	member_go_on(&t->init);
}

static void reap(struct member *m)
{
	if (proc_reap(m->end.fd, &m->status) < 0)
		m->status = (struct exit_status){ .code = 255 };
	m->exited = clock_now();
	m->reaped = true;
	unwatch(m);
}

void member_ended(struct member *m)
{
	if (m->end.fd < 0)
		return;
	reap(m);
	member_go_on(m);
	server_listen(m->task->shim->server);
}

void member_finish(struct member *m)
{
	if (m->end.fd >= 0) {
		proc_signal(m->end.fd, SIGKILL);
		reap(m);
	}
	m->reaped = false;
	if (m->pid)
		tell_end(m);
}

static void on_end(void *arg, uint32_t events)
{
	(void)events;
	member_ended(arg);
}

int member_watch(struct member *m, pid_t pid, int pidfd, struct err *e)
{
	auto_close int fd = fcntl(pidfd, F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		return fail(e, errno, "watch process %d", (int)pid);
	m->end = (struct watch){ .fd = fd, .ready = on_end, .arg = m };
	int rc = loop_add(m->task->shim->loop, &m->end, EPOLLIN);
	if (rc < 0 && rc != -EPERM) { /* without a pidfd, SIGCHLD tells alone */
		m->end.fd = -1;
		return fail(e, rc, "watch process %d", (int)pid);
	}
	take_fd(&fd);
	m->pid = pid;
	return 0;
}

int member_name_streams(struct member *m, const char *in, const char *out, const char *err)
{
	m->in = strdup(in);
	m->out = strdup(out);
	m->err = strdup(err);
	return m->in && m->out && m->err ? 0 : -ENOMEM;
}

int member_open_streams(const struct work *w, struct streams *out, struct err *e)
{
	const struct member *m = w->member;
	const struct streams_request r = {
		.in = m->in,
		.out = m->out,
		.err = m->err,
		.terminal = m->terminal,
		.piped = *m->exec_id,
		.id = *m->exec_id ? m->exec_id : m->task->id,
		.namespace_ = m->task->shim->namespace_,
		.uid = m->task->io_uid,
		.gid = m->task->io_gid,
		.witness = w->result,
		.nice = work_nice(w),
	};
	return streams_open(&r, out, e);
}

int member_take_streams(struct member *m, struct work *w, struct err *e)
{
	struct shim *s = m->task->shim;
	int *logger = &w->fds[WORK_STREAMS + STREAM_LOGGER], rc = 0;
	bool logged = *logger >= 0;
	if (logged)
		rc = logger_attend(s, m, take_fd(logger), e);
	m->stdio = stdio_new(s->loop, m->task->id, &w->fds[WORK_STREAMS]);
	if (!m->stdio)
		return fail(e, errno, "stdio of %s", m->task->id);
	if (logged)
		stdio_logged(m->stdio);
	else if (task_wants(m->task, STDIO_ANNOTATION, "drop"))
		stdio_drop(m->stdio);
	if (m->input_closed)
		stdio_close_stdin(m->stdio);
	if (rc == 0 && m->terminal)
		rc = stdio_terminal(m->stdio, take_fd(&w->fds[WORK_CONSOLE]), e);
	return rc;
}

void member_drop_streams(struct member *m)
{
	stdio_free(m->stdio);
	m->stdio = NULL;
	logger_see_off(m->task->shim, m);
}

static void member_clear(struct member *m)
{
	works_forget(m->task->shim, m);
	unwatch(m);
	member_drop_streams(m);
	answer(m);
	answer_deletes(m);
	free(m->spec);
	free((char *)(uintptr_t)m->in);
	free((char *)(uintptr_t)m->out);
	free((char *)(uintptr_t)m->err);
}

void member_free(struct member *m)
{
	struct member **link = &m->task->execs;
	while (*link && *link != m)
		link = &(*link)->next;
	if (*link)
		*link = m->next;
	member_clear(m);
	free((char *)(uintptr_t)m->exec_id);
	free(m);
}

void task_free(struct task *t)
{
	struct task **link = &t->shim->tasks;
	while (*link && *link != t)
		link = &(*link)->next;
	if (*link)
		*link = t->next;
	shim_idle(t->shim);
	while (t->execs)
		member_free(t->execs);
	member_clear(&t->init);
	oom_unwatch(t);
	container_close(t->container);
	restore_free(t->restore);
	free((char *)(uintptr_t)t->id);
	free((char *)(uintptr_t)t->root);
	free((char *)(uintptr_t)t->bundle);
	free(t);
}

static bool was_removed(const struct task *t)
{
	struct stat st;
	return t->container && t->init.told && !t->deleting && fstat(t->container->dir, &st) == 0 &&
	       st.st_nlink == 0;
}

void tasks_forget_removed(struct shim *s)
{
	for (struct task *t = s->tasks, *next; t; t = next) {
		next = t->next;
		if (was_removed(t))
			task_free(t);
	}
}

static struct member *member_of_pid(struct shim *s, pid_t pid)
{
	for (struct task *t = s->tasks; t; t = t->next) {
		if (t->init.pid == pid && t->init.end.fd >= 0)
			return &t->init;
		for (struct member *m = t->execs; m; m = m->next)
			if (m->pid == pid && m->end.fd >= 0)
				return m;
	}
	return NULL;
}

void reap_strangers(struct shim *s)
{
	for (;;) {
		siginfo_t info = { 0 };
		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) < 0 ||
		    !info.si_pid)
			return;
		if (works_have(s, info.si_pid)) /* and will be back */
			return;
		struct member *m = member_of_pid(s, info.si_pid);
		if (!m) { /* maybe what a piece of work has made: it ended no later */
			works_settle(s);
			m = member_of_pid(s, info.si_pid);
		}
		if (m)
			member_ended(m);
		else if (!sandbox_reap(s->sandbox, info.si_pid))
			waitid(P_PID, (id_t)info.si_pid, &info, WEXITED | WNOHANG | __WALL);
	}
}

/* events.c - what happens to a container, told as it happens: statistics and lack of memory. */
#include "container/events.h"
#include "base/file.h"
#include "base/json.h"
#include "base/loop.h"
#include "box/oom.h"
#include "box/stats.h"
#include "box/stats_extra.h"
#include "container/inside.h"

#include <string.h>
#include <sys/epoll.h>

#define STATS_MEMORY ((size_t)4 << 20)

struct telling {
	struct container *c;
	const struct event_sink *to;
	struct err *e;
	struct loop *loop;
	struct cgroup cgroup;
	struct watch end, oom, timer;
	uint64_t ooms; /* that were told, or were before */
	int rc;
};

static int say(struct telling *t, const char *type, const struct buf *data)
{
	auto_buf line = { 0 };
	buf_printf(&line, "{\"type\":\"%s\",\"id\":", type);
	json_string(&line, t->c->id, strlen(t->c->id));
	if (data) {
		buf_str(&line, ",\"data\":");
		buf_add(&line, data->p, data->len);
	}
	buf_str(&line, "}\n");
	return line.failed ? fail(t->e, ENOMEM, "events") : t->to->line(t->to->arg, &line, t->e);
}

static int say_stats(struct telling *t)
{
	struct stats s;
	struct stats_extra x;
	auto_buf data = { 0 };
	auto_arena *a = arena_new(STATS_MEMORY);
	int rc = a ? stats_read(&t->cgroup, a, &s, t->e) : fail(t->e, ENOMEM, "statistics");
	if (rc < 0)
		return rc;
	rc = stats_extra_read(&t->cgroup, a, &x);
	if (rc < 0)
		return fail(t->e, rc, "statistics");
	stats_json(&s, &x, &data);
	return data.failed ? fail(t->e, ENOMEM, "statistics") : say(t, "stats", &data);
}

static int say_ooms(struct telling *t, uint64_t until)
{
	int rc = 0;
	for (; rc >= 0 && t->ooms < until; t->ooms++)
		rc = say(t, "oom", NULL);
	return rc;
}

static void done(struct telling *t, int rc)
{
	t->rc = rc;
	loop_stop(t->loop);
}

static void on_end(void *arg, uint32_t events)
{
	struct telling *t = arg;
	(void)events;
	done(t, say_ooms(t, cgroup_oom_kills(&t->cgroup)));
}

static void on_oom(void *arg, uint32_t events)
{
	struct telling *t = arg;
	(void)events;
	uint64_t times;
	oom_changed(t->oom.fd, &times);
	/* The end of the cgroup is told in the same way. */
	int rc = proc_ended(t->c->pidfd) ? 0 : say_ooms(t, t->ooms + times);
	if (rc == 0)
		rc = say_ooms(t, cgroup_oom_kills(&t->cgroup));
	if (rc < 0)
		done(t, rc);
}

static void on_timer(void *arg, uint32_t events)
{
	struct telling *t = arg;
	uint64_t times;
	(void)events;
	if (read(t->timer.fd, &times, sizeof(times)) != sizeof(times))
		return;
	bool ended = proc_ended(t->c->pidfd); /* what old kernels do not tell otherwise */
	int rc = ended ? say_ooms(t, cgroup_oom_kills(&t->cgroup)) : say_stats(t);
	if (rc < 0 || ended)
		done(t, rc);
}

static int watch(struct telling *t, struct watch *w, int fd, void (*ready)(void *, uint32_t))
{
	*w = (struct watch){ .fd = fd, .ready = ready, .arg = t };
	int rc = fd < 0 ? fd : loop_add(t->loop, w, EPOLLIN);
	return rc < 0 ? fail(t->e, rc, "watch container %s", t->c->id) : 0;
}

static int tell(struct telling *t, uint64_t interval_ms)
{
	t->ooms = cgroup_oom_kills(&t->cgroup);
	auto_close int oom = oom_open(&t->cgroup);
	auto_close int timer = timer_new(interval_ms, interval_ms);
	int rc = watch(t, &t->end, t->c->pidfd, on_end);
	if (rc == -EPERM)
		rc = 0;
	if (rc == 0 && oom != -ENOENT) /* a machine that does not count memory */
		rc = watch(t, &t->oom, oom, on_oom);
	if (rc == 0)
		rc = watch(t, &t->timer, timer, on_timer);
	if (rc == 0 && (rc = loop_run(t->loop)) < 0)
		return fail(t->e, rc, "watch container %s", t->c->id);
	return rc < 0 ? rc : t->rc;
}

static int begin(struct telling *t)
{
	enum status s = container_status(t->c);
	if (s == STATUS_STOPPED || s == STATUS_CREATING)
		return refuse(t->e, EINVAL, "container with id %s is not running", t->c->id);
	return container_cgroup(t->c, &t->cgroup, t->e);
}

int container_stats(struct container *c, const struct event_sink *to, struct err *e)
{
	struct telling t = { .c = c, .to = to, .e = e };
	int rc = begin(&t);
	if (rc < 0)
		return rc;
	rc = say_stats(&t);
	cgroup_close(&t.cgroup);
	return rc;
}

int container_events(struct container *c, uint64_t interval_ms, const struct event_sink *to,
		     struct err *e)
{
	struct telling t = { .c = c, .to = to, .e = e, .loop = loop_new() };
	int rc = t.loop ? begin(&t) : fail(e, ENOMEM, "events");
	if (rc == 0) {
		rc = tell(&t, interval_ms);
		cgroup_close(&t.cgroup);
	}
	loop_free(t.loop);
	return rc;
}

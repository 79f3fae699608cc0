/* stop.c - ending containers: politely, then not. */
#include "monitor/stop.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/proc.h"
#include "container/container.h"
#include "monitor/discard.h"
#include "monitor/exit.h"

#include <signal.h>
#include <stdint.h>
#include <stdlib.h>

static int choose_signal(const struct stop_request *r, const struct container *c, struct err *e)
{
	const struct pairs *notes = &c->state.annotations;
	const char *name = r->signal ? r->signal : pairs_get(notes, NOTE_STOP_SIGNAL);
	const char *image = pairs_get(notes, "org.opencontainers.image.stopSignal");
	int sig = name && *name ? signal_parse(name) : image ? signal_parse(image) : SIGTERM;
	if (sig < 0 && name && *name)
		return refuse(e, EINVAL, "unknown signal '%s'", name);
	return sig < 0 ? SIGTERM : sig;
}

/* Three weeks at most: in milliseconds more may be less. */
static int64_t choose_seconds(const struct stop_request *r, const struct container *c)
{
	const char *text = pairs_get(&c->state.annotations, NOTE_STOP_TIMEOUT);
	int64_t n = r->seconds.set ? r->seconds.v : text ? strtoll(text, NULL, 10) : 10;
	return n > INT32_MAX / 1000 ? INT32_MAX / 1000 : n;
}

/* A container that was never started has nobody to hear a polite signal; one that is frozen must be
 * thawed. */
static int ask(const struct stop_request *r, struct container *c, struct err *e)
{
	enum status status = container_status(c);
	if (status == STATUS_STOPPED)
		return 0;
	int sig = choose_signal(r, c, e);
	if (sig < 0)
		return sig;
	bool quiet = status == STATUS_RUNNING || status == STATUS_PAUSED;
	int rc = container_kill(c, quiet && choose_seconds(r, c) ? sig : SIGKILL, false, e);
	if (rc == 0 && status == STATUS_PAUSED)
		rc = container_resume(c, e);
	return rc == -ESRCH ? 0 : rc;
}

/* Its end, and the record of it; how it ended does not matter here, nor whether anybody is left to
 * record it. */
static int await(struct container *c, uint64_t deadline, bool kill, struct err *e)
{
	struct exit_status st;
	struct err late = { 0 };
	uint64_t now = clock_monotonic_ns();
	int left = now >= deadline ? 0 : (int)((deadline - now) / 1000000);
	int rc = exit_wait(c, kill ? left : -1, &st, &late);
	if (rc == -ETIMEDOUT) {
		rc = container_kill(c, SIGKILL, false, &late);
		if (rc == 0 || rc == -ESRCH)
			rc = exit_wait(c, -1, &st, &late);
	}
	if (rc == 0 || rc == -ENODATA)
		return 0;
	*e = late;
	return rc;
}

static int stop_one(const struct stop_request *r, struct container *c, uint64_t begun,
		    struct err *e)
{
	int64_t seconds = choose_seconds(r, c);
	if (container_status(c) == STATUS_STOPPED)
		return 0;
	return await(c, begun + (uint64_t)seconds * 1000000000, seconds >= 0, e);
}

int stop(const struct stop_request *r, struct arena *a, struct err *e)
{
	uint64_t begun = clock_monotonic_ns();
	struct container **c = arena_array(a, r->ids.n, sizeof(struct container *));
	int first = c ? 0 : fail(e, ENOMEM, "stop");
	for (size_t i = 0; c && i < r->ids.n; i++) {
		struct err one = { 0 };
		int rc = container_open(r->root, r->ids.v[i], &c[i], &one);
		bool absent = rc == -ENOENT && r->absent;
		if (rc == 0)
			rc = ask(r, c[i], &one);
		if (rc < 0) {
			container_close(c[i]);
			c[i] = NULL;
		}
		first = log_next(first, absent ? 0 : rc, &one, e);
	}
	for (size_t i = 0; c && i < r->ids.n; i++) {
		struct err one = { 0 };
		int rc = c[i] ? stop_one(r, c[i], begun, &one) : 0;
		if (c[i] && rc == 0 && r->stopped)
			r->stopped(r->arg, r->ids.v[i]);
		first = log_next(first, rc, &one, e);
		container_close(c[i]);
	}
	return first;
}

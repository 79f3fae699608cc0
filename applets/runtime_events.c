/* runtime_events.c - `runtime events` and `runtime features`: what a container does, and what we
 * can. */
#include "base/clock.h"
#include "container/events.h"
#include "container/features.h"
#include "runtime.h"

static int print_line(void *arg, const struct buf *line, struct err *e)
{
	(void)arg;
	return cli_print(line, e);
}

int command_events(const struct call *c, struct err *e)
{
	static const struct event_sink out = { print_line, NULL };
	const struct events_options *o = c->opts;
	struct container *found;
	double seconds;
	if (duration_parse(o->interval, &seconds) < 0 || seconds > 1e9)
		return refuse(e, EINVAL, "option --interval: '%s' is not a duration such as 5s",
			      o->interval);
	const uint64_t ms = (uint64_t)(seconds * 1000);
	if (!ms)
		return refuse(e, EINVAL, "option --interval: must be at least 1ms");
	int rc = runtime_open(c, &found, e);
	if (rc < 0)
		return rc;
	rc = o->stats ? container_stats(found, &out, e) : container_events(found, ms, &out, e);
	container_close(found);
	return rc;
}

int command_features(const struct call *c, struct err *e)
{
	auto_buf out = { 0 };
	(void)c;
	int rc = features_write(&out, e);
	return rc < 0 ? rc : cli_print(&out, e);
}

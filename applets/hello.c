/* hello.c - `coracle hello`: looks around and prints what it finds. */
#include "applets.h"
#include "base/clock.h"
#include "base/file.h"
#include "box/inside.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define STARTED "CORACLE_STARTED" /* CLOCK_MONOTONIC, nanoseconds, when `coracle run` began */

static void row(struct buf *b, const char *name)
{
	buf_printf(b, "%s  %-15s", b->len ? "\n" : "", name);
}

static void say_box(struct buf *b, const struct inside *s)
{
	row(b, "pid");
	buf_printf(b, "%d", (int)s->pid);
	if (s->processes >= 0)
		buf_printf(b, ", of %d process%s in sight", s->processes,
			   s->processes == 1 ? "" : "es");
	row(b, "hostname");
	buf_str(b, s->hostname);
	row(b, "kernel");
	buf_printf(b, "Linux %s %s", s->kernel, s->machine);
	row(b, "root");
	if (s->root_type)
		buf_printf(b, "%s, %s; %zu mounts", s->root_type,
			   s->root_readonly ? "read-only" : "writable", s->mounts);
	else
		buf_str(b, "unknown: /proc cannot be read");
	row(b, "network");
	for (size_t i = 0; i < s->interfaces.n; i++)
		buf_printf(b, "%s%s", i ? " " : "", s->interfaces.v[i]);
	buf_str(b, s->interfaces.n ? "" : "no interface");
	row(b, "namespaces");
	for (size_t i = 0; i < s->namespaces.n; i++)
		buf_printf(b, "%s%s:%" PRIu64, i ? " " : "", s->namespaces.v[i].name,
			   s->namespaces.v[i].id);
	buf_str(b, s->namespaces.n ? "" : "unknown: /proc cannot be read");
}

static void say_limits(struct buf *b, const struct inside *s)
{
	const char *none = s->cgroup_seen ? "unlimited" : "not in sight";
	row(b, "memory");
	if (s->memory_max.set)
		buf_printf(b, "at most %.4g MiB", (double)s->memory_max.v / (1 << 20));
	else
		buf_str(b, none);
	row(b, "cpus");
	if (s->cpus > 0)
		buf_printf(b, "at most %g", s->cpus);
	else
		buf_str(b, none);
	row(b, "processes");
	if (s->pids_max.set)
		buf_printf(b, "at most %" PRIu64, s->pids_max.v);
	else
		buf_str(b, none);
	row(b, "open files");
	buf_printf(b, "at most %" PRIu64, s->files_max);
}

static int say_rights(struct buf *b, const struct inside *s, struct arena *a)
{
	static const char *const modes[] = { "off", "strict", "filter" };
	const char *effective = inside_caps(s->caps_effective, a);
	const char *bounding = inside_caps(s->caps_bounding, a);
	if (!effective || !bounding)
		return -ENOMEM;
	row(b, "user");
	buf_printf(b, "%u:%u", (unsigned)s->uid, (unsigned)s->gid);
	row(b, "capabilities");
	buf_str(b, effective);
	if (s->caps_effective != s->caps_bounding)
		buf_printf(b, "; could have %s", bounding);
	row(b, "seccomp");
	buf_str(b, s->seccomp >= 0 && s->seccomp <= 2 ? modes[s->seccomp] : "unknown");
	if (s->seccomp_filters > 1)
		buf_printf(b, ", %d of them", s->seccomp_filters);
	row(b, "new privileges");
	buf_str(b, s->no_new_privs == 1 ? "never" : s->no_new_privs == 0 ? "possible" : "unknown");
	return 0;
}

static void say_start(struct buf *b, uint64_t now)
{
	const char *text = getenv(STARTED);
	uint64_t began = text ? strtoull(text, NULL, 10) : 0;
	if (!began || began > now)
		return;
	row(b, "start");
	buf_printf(b, "%.1f ms, from `coracle run` to here", (double)(now - began) / 1e6);
}

static int hello(const struct call *c, struct err *e)
{
	uint64_t now =
		clock_monotonic_ns(); /* before looking around: that is not part of the start */
	struct inside s;
	auto_buf b = { 0 };
	int rc = inside_read(c->arena, &s, e);
	if (rc < 0)
		return rc;
	say_box(&b, &s);
	say_limits(&b, &s);
	if (say_rights(&b, &s, c->arena) < 0)
		return fail(e, ENOMEM, "hello");
	say_start(&b, now);
	printf("Hello from Coracle %s.\n%s\n", CORACLE_VERSION, b.p ? b.p : "");
	return 0;
}

const struct command applet_hello = {
	.name = "hello",
	.help = "look around and print what this process can see",
	.more = "The program of the embedded image: `coracle run` starts it in a container of its "
		"own.",
	.run = hello,
};

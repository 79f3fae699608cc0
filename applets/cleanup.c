/* cleanup.c - `coracle cleanup`: remove what a crash left. */
#include "applets.h"
#include "base/json.h"
#include "monitor/sweep.h"

#include <stdio.h>
#include <string.h>

struct cleanup_options {
	bool dry_run;
	const char *root, *format;
};

static const struct opt options[] = {
	OPT(OPT_FLAG, cleanup_options, dry_run, 'n', "dry-run", NULL, "only list it"),
	OPT(OPT_PATH, cleanup_options, root, 0, "root", "DIR", "look in these states only"),
	OPT(OPT_STR, cleanup_options, format, 'f', "format", "text|json",
	    "text (default), or JSON"),
	{ 0 },
};
static const struct cleanup_options defaults = { .format = "text" };

static const struct json_field fields[] = {
	JSON(J_STR, found, kind, "kind"),
	JSON(J_STR, found, what, "what"),
	JSON(J_STR, found, container, "container"),
	{ 0 },
};

static void print_text(void *arg, const struct found *f)
{
	(void)arg;
	printf("%s %s of container %s\n", f->kind, f->what, f->container);
}

static void add_json(void *arg, const struct found *f)
{
	struct buf *b = arg;
	if (b->len)
		buf_char(b, ',');
	json_write(b, fields, f, 0);
}

static int cleanup(const struct call *c, struct err *e)
{
	const struct cleanup_options *o = c->opts;
	auto_buf out = { 0 };
	bool json = !strcmp(o->format, "json");
	const struct sweep_request r = {
		.root = o->root,
		.ids = c->args,
		.dry_run = o->dry_run,
		.found = json ? add_json : print_text,
		.arg = &out,
	};
	if (!json && strcmp(o->format, "text"))
		return refuse(e, EINVAL, "option --format: '%s' is neither text nor json",
			      o->format);
	int rc = sweep(&r, c->arena, e);
	if (json)
		printf("[%s]\n", out.p ? out.p : "");
	return rc;
}

const struct command applet_cleanup = {
	.name = "cleanup",
	.args = "[ID...]",
	.help = "remove what a crash left: processes, cgroups, mounts, state",
	.more = "Without ID: everything whose owner died, and what belongs to no container any "
		"more. With ID: that container, whatever its state.\n\n"
		"As JSON it is a list of {\"kind\": \"process\", \"cgroup\", \"mount\", "
		"\"state\" or \"data\", \"what\", \"container\"}.",
	.opts = options,
	.opts_size = sizeof(struct cleanup_options),
	.defaults = &defaults,
	.max_args = 4096,
	.run = cleanup,
};

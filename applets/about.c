/* about.c - what the program says of itself: its manual pages and its completion for bash. */
#include "applets.h"

#include <string.h>

static int man(const struct call *c, struct err *e)
{
	const struct command *about = c->parent->command;
	auto_buf out = { 0 };
	auto_buf path = { 0 };
	buf_str(&path, about->name);
	if (c->args.n) {
		const struct command *s = about->sub;
		while (s->name && strcmp(s->name, c->args.v[0]) != 0)
			s++;
		if (!s->name)
			return refuse(e, EINVAL, "no command '%s'; see '%s --help'", c->args.v[0],
				      about->name);
		about = s;
		buf_printf(&path, " %s", s->name);
	}
	if (path.failed)
		return fail(e, ENOMEM, "manual page");
	cli_man(about, path.p, &out);
	return cli_print(&out, e);
}

static int completion(const struct call *c, struct err *e)
{
	auto_buf out = { 0 };
	cli_completion(c->parent->command, &out);
	return cli_print(&out, e);
}

const struct command applet_man = {
	.name = "man",
	.args = "[COMMAND]",
	.help = "print a manual page: coracle man run | man -l -",
	.max_args = 1,
	.run = man,
};

const struct command applet_completion = {
	.name = "completion",
	.help = "print the completion for bash",
	.run = completion,
};

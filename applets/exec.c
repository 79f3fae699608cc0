/* exec.c - `coracle exec`: one more process in a running container. */
#include "monitor/exec.h"
#include "applets.h"
#include "monitor/monitor.h"

static const struct opt options[] = {
	OPT(OPT_FLAG, exec_options, detach, 'd', "detach", NULL,
	    "do not wait for it, nor give it our streams"),
	OPT(OPT_FLAG, exec_options, interactive, 'i', "interactive", NULL, "give it our stdin"),
	OPT(OPT_FLAG, exec_options, terminal, 't', "tty", NULL, "give it a terminal"),
	OPT(OPT_LIST, exec_options, env, 'e', "env", "NAME[=VALUE]",
	    "set a variable, or pass ours on"),
	OPT(OPT_LIST, exec_options, env_files, 0, "env-file", "FILE", "set variables, a line each"),
	OPT(OPT_MAYBE_STR, exec_options, cwd, 'w', "workdir", "DIR", "working directory"),
	OPT(OPT_MAYBE_STR, exec_options, user, 'u', "user", "USER[:GROUP]",
	    "names of the image, or numbers"),
	OPT(OPT_FLAG, exec_options, privileged, 0, "privileged", NULL, "all capabilities"),
	OPT(OPT_PATH, exec_options, root, 0, "root", "DIR", "where states are kept"),
	{ 0 },
};

static int exec_applet(const struct call *c, struct err *e)
{
	return exec_run(c->opts, &c->args, c->arena, e);
}

const struct command applet_exec = {
	.name = "exec",
	.args = "ID COMMAND [ARG...]",
	.help = "run a command in a container that runs",
	.opts = options,
	.opts_size = sizeof(struct exec_options),
	.min_args = 2,
	.max_args = -1,
	.failure = EXIT_OURS,
	.run = exec_applet,
};

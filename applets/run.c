/* run.c - `coracle run`: a container out of an image. */
#include "monitor/run.h"
#include "applets.h"
#include "base/clock.h"
#include "monitor/monitor.h"

#include <stdio.h>

static const struct opt options[] = {
	OPT(OPT_FLAG, run_options, detach, 'd', "detach", NULL,
	    "leave it to a monitor and print its id"),
	OPT(OPT_FLAG, run_options, remove, 0, "rm", NULL, "remove it when it has ended"),
	OPT(OPT_STR, run_options, name, 0, "name", "ID", "its id; one is made up otherwise"),
	OPT(OPT_FLAG, run_options, interactive, 'i', "interactive", NULL, "give it our stdin"),
	OPT(OPT_FLAG, run_options, terminal, 't', "tty", NULL, "give it a terminal"),
	OPT(OPT_LIST, run_options, env, 'e', "env", "NAME[=VALUE]",
	    "set a variable, or pass ours on"),
	OPT(OPT_LIST, run_options, env_files, 0, "env-file", "FILE", "set variables, a line each"),
	OPT(OPT_STR, run_options, cwd, 'w', "workdir", "DIR", "working directory"),
	OPT(OPT_STR, run_options, user, 'u', "user", "USER[:GROUP]",
	    "names of the image, or numbers"),
	OPT(OPT_STR, run_options, hostname, 'h', "hostname", "NAME", "the id otherwise"),
	OPT(OPT_STR, run_options, entrypoint, 0, "entrypoint", "PROGRAM",
	    "in the place of the image's; '' for none"),
	OPT(OPT_SIZE, run_options, memory, 'm', "memory", "SIZE", "at most so much, such as 64m"),
	OPT(OPT_STR, run_options, cpus, 0, "cpus", "NUMBER", "at most so many, such as 0.5"),
	OPT(OPT_I64, run_options, pids_limit, 0, "pids-limit", "NUMBER",
	    "at most so many processes"),
	OPT(OPT_LIST, run_options, volumes, 'v', "volume", "SRC:DST[:ro]",
	    "show a host's path inside"),
	OPT(OPT_LIST, run_options, mounts, 0, "mount", "type=bind|tmpfs,...", "the same, in words"),
	OPT(OPT_LIST, run_options, tmpfs, 0, "tmpfs", "DST[:OPTIONS]",
	    "an empty file system in memory"),
	OPT(OPT_FLAG, run_options, readonly, 0, "read-only", NULL,
	    "the root file system cannot be written"),
	OPT(OPT_LIST, run_options, cap_add, 0, "cap-add", "NAME", "a capability more, or ALL"),
	OPT(OPT_LIST, run_options, cap_drop, 0, "cap-drop", "NAME", "a capability less, or ALL"),
	OPT(OPT_FLAG, run_options, privileged, 0, "privileged", NULL,
	    "all capabilities and devices, no filter, nothing masked"),
	OPT(OPT_STR, run_options, network, 0, "network", "none|host",
	    "none: a loopback of its own (default)"),
	OPT(OPT_STR, run_options, network, 0, "net", "none|host", NULL),
	OPT(OPT_LIST, run_options, security, 0, "security-opt", "WHAT",
	    "no-new-privileges, seccomp=unconfined|FILE"),
	OPT(OPT_STR, run_options, cgroup_parent, 0, "cgroup-parent", "PATH",
	    "where its cgroup goes"),
	OPT(OPT_STR, run_options, stop_signal, 0, "stop-signal", "NAME",
	    "what `coracle stop` sends"),
	OPT(OPT_STR, run_options, pull, 0, "pull", "missing|always|never",
	    "get an image that is not there (default)"),
	OPT(OPT_FLAG, run_options, quiet, 'q', "quiet", NULL, "do not show how a pull goes on"),
	OPT(OPT_FLAG, run_options, rootfs, 0, "rootfs", NULL,
	    "IMAGE is a directory: a root file system"),
	OPT(OPT_PATH, run_options, root, 0, "root", "DIR", "where states are kept"),
	{ 0 },
};

static int run_applet(const struct call *c, struct err *e)
{
	const struct run_request r = {
		.options = *(const struct run_options *)c->opts,
		.args = c->args,
		.started = clock_monotonic_ns(),
	};
	const char *id;
	int rc = run(&r, c->arena, &id, e);
	if (rc >= 0 && r.options.detach)
		puts(id);
	return rc;
}

const struct command applet_run = {
	.name = "run",
	.args = "[IMAGE [COMMAND [ARG...]]]",
	.help = "run a command in a new container",
	.more = "Without IMAGE it is the embedded one: this program alone, which says hello and "
		"tells what it finds around it.\n\n"
		"The exit status is the container's: 128 and the signal's number when one ended "
		"it, 127 when the command is not there, 126 when it cannot be executed, 125 when "
		"Coracle failed.",
	.opts = options,
	.opts_size = sizeof(struct run_options),
	.max_args = -1,
	.failure = EXIT_OURS,
	.run = run_applet,
};

/* run.c - `coracle run`: a container out of an image. */
#include "monitor/run.h"
#include "applets.h"
#include "base/clock.h"
#include "monitor/monitor.h"
#include "runoptions.h"

#include <stdio.h>

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
		"Coracle failed.\n\n"
		"What docker and podman have an option for has the same here. A device "
		"vendor.com/class=name is one of CDI, whose files are JSON (*.json) or YAML "
		"(*.yaml). An image's volumes are directories of the container's own layer and go "
		"with it; where the root is read-only, a tmpfs takes a copy of them. Volumes of a "
		"name stay in the store, see `coracle volume --help`.\n\n"
		"With --userns auto, or --uidmap and such, a container of root's is in a user "
		"namespace: on the disk its files, and those of its volumes, have the ids that "
		"they have inside, and are shown to it so. Directories of the host keep their "
		"own, unless -v has the option idmap. The ids of --userns auto are those of the "
		"user \"containers\" in /etc/subuid and /etc/subgid; they are the container's "
		"until it is removed. Another store does not know which are taken, nor does "
		"podman, which has the same user's: where they have some too, name others with "
		"--uidmap. A user is root in his containers; with --userns keep-id he is himself, "
		"or keep-id:uid=ID,gid=ID,size=N, and with nomap not there at all. His image is "
		"copied for that, once for all containers of these ids; `coracle prune` removes "
		"copies that none has.",
	.opts = run_options_all,
	.opts_size = sizeof(struct run_options),
	.defaults = &run_options_defaults,
	.max_args = -1,
	.failure = EXIT_OURS,
	.run = run_applet,
};

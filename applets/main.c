/* main.c - argv[0] or the first argument chooses the applet. */
#include "applets.h"
#include "base/cli.h"
#include "base/proc.h"
#include "box/hold.h"
#include "box/init.h"
#include "box/selfexe.h"

#include <stdio.h>
#include <string.h>

static const struct command *const applets[] = {
	&applet_run,	 &applet_ps,	 &applet_logs,	 &applet_exec,	  &applet_stop,
	&applet_kill,	 &applet_wait,	 &applet_rm,	 &applet_pull,	  &applet_images,
	&applet_inspect, &applet_tag,	 &applet_bundle, &applet_save,	  &applet_load,
	&applet_rmi,	 &applet_volume, &applet_prune,	 &applet_cleanup, &applet_runtime,
	&applet_shim,	 &applet_hello,
};

#define APPLETS (sizeof(applets) / sizeof(applets[0]))

static const struct command *find(const char *name)
{
	if (!strncmp(name, "coracle-", 8))
		name += 8;
	for (size_t i = 0; i < APPLETS; i++)
		if (!strcmp(applets[i]->name, name))
			return applets[i];
	if (!strncmp(name, "containerd-shim-", 16))
		return find("shim");
	if (!strcmp(name, "runc") || !strcmp(name, "crun"))
		return find("runtime");
	return NULL;
}

/* These keep their own file out of the containers' reach. (runtime does so itself, for those of its
 * verbs that make some, and the shim for the server that it starts.) */
static bool makes_containers(const struct command *c)
{
	return c == &applet_run || c == &applet_exec;
}

struct about {
	bool version;
};

static const struct opt about_options[] = {
	OPT(OPT_FLAG, about, version, 'v', "version", NULL, "print the version"),
	{ 0 },
};

static int about(const struct call *c, struct err *e)
{
	if (!((const struct about *)c->opts)->version)
		return refuse(e, EINVAL, "no command; see 'coracle --help'");
	printf("coracle version %s\n", CORACLE_VERSION);
	return 0;
}

/* `coracle APPLET ...`: the applets as subcommands, so that help and errors name the whole
 * command. */
static int coracle(int argc, char **argv)
{
	struct command sub[APPLETS + 3] = { 0 };
	for (size_t i = 0; i < APPLETS; i++)
		sub[i] = *applets[i];
	sub[APPLETS] = applet_man;
	sub[APPLETS + 1] = applet_completion;
	const struct command top = {
		.name = "coracle",
		.help = "containers in one small static binary",
		.opts = about_options,
		.opts_size = sizeof(struct about),
		.run = about,
		.sub = sub,
	};
	return cli_main(&top, argc, argv);
}

int main(int argc, char **argv)
{
	if (argc && !strcmp(argv[0], HOLD_NAME))
		hold();
	const char *slash = argc ? strrchr(argv[0], '/') : NULL;
	if (argc && !strcmp(slash ? slash + 1 : argv[0], INIT_NAME))
		init(argv);
	const struct command *own = argc ? find(slash ? slash + 1 : argv[0]) : NULL;
	const struct command *named = !own && argc > 1 ? find(argv[1]) : own;
	if (makes_containers(named))
		selfexe_protect(argv);
	proc_begin();
	return own ? cli_main(own, argc, argv) : coracle(argc, argv);
}

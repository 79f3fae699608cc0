/* main.c - argv[0] or the first argument chooses the applet. */
#include "applets.h"
#include "base/cli.h"

#include <string.h>

static const struct command *const applets[] = {
	&applet_run,
	&applet_ps,
	&applet_logs,
	&applet_exec,
	&applet_stop,
	&applet_kill,
	&applet_wait,
	&applet_rm,
	&applet_cleanup,
	&applet_runtime,
	&applet_hello,
};

#define APPLETS (sizeof(applets) / sizeof(applets[0]))

static const struct command *find(const char *name)
{
	if (!strncmp(name, "coracle-", 8))
		name += 8;
	for (size_t i = 0; i < APPLETS; i++)
		if (!strcmp(applets[i]->name, name))
			return applets[i];
	if (!strcmp(name, "runc") || !strcmp(name, "crun"))
		return &applet_runtime;
	return NULL;
}

/* `coracle APPLET ...`: the applets as subcommands, so that help and errors name the whole command. */
static int coracle(int argc, char **argv)
{
	struct command sub[APPLETS + 1] = { 0 };
	for (size_t i = 0; i < APPLETS; i++)
		sub[i] = *applets[i];
	const struct command top = {
		.name = "coracle",
		.help = "containers in one small static binary",
		.sub = sub,
	};
	return cli_main(&top, argc, argv);
}

int main(int argc, char **argv)
{
	const char *slash = argc ? strrchr(argv[0], '/') : NULL;
	const struct command *c = argc ? find(slash ? slash + 1 : argv[0]) : NULL;
	return c ? cli_main(c, argc, argv) : coracle(argc, argv);
}

/* main.c - argv[0] or the first argument chooses the applet. */
#include "applets.h"
#include "base/cli.h"
#include "base/log.h"
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

/* A copy is the runtime too, whatever else is in its name: crun-1.8, runc.real, myruntime. */
static bool runtimes(const char *name)
{
	return strstr(name, "runtime") || strstr(name, "runc") || strstr(name, "crun");
}

static const struct command *find(const char *name)
{
	if (!strcmp(name, "coracle"))
		return NULL;
	if (!strncmp(name, "coracle-", 8))
		name += 8;
	bool shim = !strncmp(name, "containerd-shim-", 16);
	/* First, and before the pages of all the other names: it is started most often. */
	if (!shim && runtimes(name))
		return &applet_runtime;
	for (size_t i = 0; i < APPLETS; i++)
		if (!strcmp(applets[i]->name, name))
			return applets[i];
	return shim ? &applet_shim : NULL;
}

/* Of runtime's verbs only these become a process of a container. What else is called like one costs
 * no more than an exec. */
static bool makes_processes(char **argv)
{
	static const char verbs[][8] = { "create", "run", "exec", "restore" };
	for (; *argv; argv++)
		for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
			if (!strcmp(*argv, verbs[i]))
				return true;
	return false;
}

/* Who makes containers keeps his own file out of their reach. First of all, as whatever is done
 * before is done twice. (The shim does so for the server that it starts.) */
static int protect(const struct command *c, char **argv, struct err *e)
{
	if (c == &applet_run || c == &applet_exec || c == &applet_bundle) /* which may build */
		selfexe_remember();
	else if (c != &applet_runtime || !makes_processes(argv))
		return 0;
	return selfexe_protect(argv, e);
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
 * command. Of one that is named already the others need not be looked at. */
static int coracle(const struct command *named, int argc, char **argv)
{
	struct command sub[APPLETS + 3] = { 0 };
	bool exactly = named && !strcmp(named->name, argv[1]);
	if (exactly)
		sub[0] = *named;
	for (size_t i = 0; i < APPLETS && !exactly; i++)
		sub[i] = *applets[i];
	if (!exactly) {
		sub[APPLETS] = applet_man;
		sub[APPLETS + 1] = applet_completion;
	}
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
	struct err e = { 0 };
	if (protect(named, argv, &e) < 0) {
		log_error("%s", e.msg);
		return named->failure ? named->failure : 1;
	}
	proc_begin();
	if (!own)
		return coracle(named, argc, argv);
	struct command called = *own; /* help and errors say how */
	called.name = slash ? slash + 1 : argv[0];
	return cli_main(&called, argc, argv);
}

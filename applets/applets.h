/* applets.h - every applet's description, each in the file of its name. */
#ifndef APPLETS_H
#define APPLETS_H

#include "base/cli.h"

extern const struct command applet_run;
extern const struct command applet_ps;
extern const struct command applet_logs;
extern const struct command applet_stop;
extern const struct command applet_kill;
extern const struct command applet_wait;
extern const struct command applet_rm;
extern const struct command applet_exec;
extern const struct command applet_pull;
extern const struct command applet_images;
extern const struct command applet_rmi;
extern const struct command applet_tag;
extern const struct command applet_inspect;
extern const struct command applet_prune;
extern const struct command applet_volume;
extern const struct command applet_save;
extern const struct command applet_bundle;
extern const struct command applet_load;
extern const struct command applet_cleanup;
extern const struct command applet_hello;
extern const struct command applet_runtime;
extern const struct command applet_shim;
extern const struct command applet_man;
extern const struct command applet_completion;

#endif

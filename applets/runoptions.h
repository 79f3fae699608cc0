/* runoptions.h - what `run` and `bundle` can be told about a container: rows of a table of options
 * over struct run_options. */
#ifndef RUNOPTIONS_H
#define RUNOPTIONS_H

#include "base/cli.h"
#include "image/store.h"
#include "monitor/runspec.h"

#define RUN_OPTIONS                                                                               \
	OPT(OPT_FLAG, run_options, terminal, 't', "tty", NULL, "give it a terminal"),             \
		OPT(OPT_LIST, run_options, env, 'e', "env", "NAME[=VALUE]",                       \
		    "set a variable, or pass ours on"),                                           \
		OPT(OPT_LIST, run_options, env_files, 0, "env-file", "FILE",                      \
		    "set variables, a line each"),                                                \
		OPT(OPT_STR, run_options, cwd, 'w', "workdir", "DIR", "working directory"),       \
		OPT(OPT_STR, run_options, user, 'u', "user", "USER[:GROUP]",                      \
		    "names of the image, or numbers"),                                            \
		OPT(OPT_STR, run_options, hostname, 'h', "hostname", "NAME", "the id otherwise"), \
		OPT(OPT_STR, run_options, entrypoint, 0, "entrypoint", "PROGRAM",                 \
		    "in the place of the image's; '' for none"),                                  \
		OPT(OPT_SIZE, run_options, memory, 'm', "memory", "SIZE",                         \
		    "at most so much, such as 64m"),                                              \
		OPT(OPT_STR, run_options, cpus, 0, "cpus", "NUMBER",                              \
		    "at most so many, such as 0.5"),                                              \
		OPT(OPT_I64, run_options, pids_limit, 0, "pids-limit", "NUMBER",                  \
		    "at most so many processes"),                                                 \
		OPT(OPT_LIST, run_options, volumes, 'v', "volume", "SRC:DST[:ro]",                \
		    "show a host's path inside"),                                                 \
		OPT(OPT_LIST, run_options, mounts, 0, "mount", "type=bind|tmpfs,...",             \
		    "the same, in words"),                                                        \
		OPT(OPT_LIST, run_options, tmpfs, 0, "tmpfs", "DST[:OPTIONS]",                    \
		    "an empty file system in memory"),                                            \
		OPT(OPT_FLAG, run_options, readonly, 0, "read-only", NULL,                        \
		    "the root file system cannot be written"),                                    \
		OPT(OPT_LIST, run_options, cap_add, 0, "cap-add", "NAME",                         \
		    "a capability more, or ALL"),                                                 \
		OPT(OPT_LIST, run_options, cap_drop, 0, "cap-drop", "NAME",                       \
		    "a capability less, or ALL"),                                                 \
		OPT(OPT_FLAG, run_options, privileged, 0, "privileged", NULL,                     \
		    "all capabilities and devices, no filter, nothing masked"),                   \
		OPT(OPT_STR, run_options, network, 0, "network", "none|host",                     \
		    "none: a loopback of its own (default)"),                                     \
		OPT(OPT_STR, run_options, network, 0, "net", "none|host", NULL),                  \
		OPT(OPT_LIST, run_options, security, 0, "security-opt", "WHAT",                   \
		    "no-new-privileges, seccomp=unconfined|FILE"),                                \
		OPT(OPT_STR, run_options, cgroup_parent, 0, "cgroup-parent", "PATH",              \
		    "where its cgroup goes"),                                                     \
		OPT(OPT_STR, run_options, stop_signal, 0, "stop-signal", "NAME",                  \
		    "what `coracle stop` sends"),                                                 \
		OPT(OPT_STR, run_options, pull, 0, "pull", "missing|always|never",                \
		    "get an image that is not there (default)"),                                  \
		OPT(OPT_PATH, run_options, verify_key, 0, "verify-key", "FILE",                   \
		    "pull it always, and only if this key signed it, see pull"),                  \
		OPT(OPT_FLAG, run_options, quiet, 'q', "quiet", NULL,                             \
		    "do not show how a pull goes on"),                                            \
		OPT(OPT_STR, run_options, store, 0, "store", "DIR",                               \
		    "the image store (default: $CORACLE_STORE or " DEFAULT_STORE ")")

#endif

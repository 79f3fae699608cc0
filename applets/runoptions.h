/* runoptions.h - what `run` and `bundle` can be told about a container: one table of options over
 * struct run_options. */
#ifndef RUNOPTIONS_H
#define RUNOPTIONS_H

#include "base/cli.h"

/* Of `run`; those of `bundle` are the same after the first RUN_OPTIONS_ONLY. */
extern const struct opt run_options_all[];
#define RUN_OPTIONS_ONLY 15

/* What they are unless given. */
struct run_options;
extern const struct run_options run_options_defaults;

#endif

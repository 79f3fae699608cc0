/* options_toml.h - runtime options as containerd's configuration has them: TOML. */
#ifndef TTRPC_OPTIONS_TOML_H
#define TTRPC_OPTIONS_TOML_H

#include "ttrpc/options.h"

/* The keys of runc's options (SystemdCgroup = true, Root = "/run/x", IoUid = 1000, ...) into what
 * out has already; strings go to a. Other keys, and tables, are passed over with a line in the log.
 * text needs no end but n. -EINVAL with the line's number said, or what toml_parse says. */
int options_toml_parse(const char *text, size_t n, struct arena *a, struct runtime_options *out,
		       struct err *e);

#endif

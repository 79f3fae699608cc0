/* parameters.h - what containerd says on stdin to a shim that is to start. */
#ifndef TTRPC_PARAMETERS_H
#define TTRPC_PARAMETERS_H

#include "base/buf.h"
#include "ttrpc/options.h"

struct parameters {
	bool bootstrap; /* containerd 2.3 or later, which wants a BootstrapResult */
	bool debug;
	const char *grpc, *ttrpc; /* containerd's sockets, never NULL; "": not said */
	const char *socket_dir;	  /* where ours is to be, the same */
	struct runtime_options options;
};

/* Decodes BootstrapParams (2.3 and later: options are an extension), or the Any of options, or the
 * nothing, that older ones send. The two have the same field numbers: bootstrap parameters are what
 * names our own id and namespace. What is neither is refused. Strings go to a. */
int parameters_read(const struct buf *in, const char *id, const char *namespace_, struct arena *a,
		    struct parameters *out, struct err *e);

#endif

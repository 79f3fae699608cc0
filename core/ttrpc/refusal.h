/* refusal.h - what a process's state forbids, in the words of containerd's own shim, which clients
 * know. */
#ifndef TTRPC_REFUSAL_H
#define TTRPC_REFUSAL_H

#include "ttrpc/shim.h"

enum verb {
	VERB_START,
	VERB_DELETE,
	VERB_EXEC,
	VERB_PAUSE,
	VERB_RESUME,
	VERB_CHECKPOINT,
	VERB_UPDATE,
};

/* 0, or RPC_FAILED_PRECONDITION said in e; also of all verbs once its task is being deleted. */
int member_may(const struct member *m, enum verb verb, struct err *e);

#endif

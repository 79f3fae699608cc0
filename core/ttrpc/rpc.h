/* rpc.h - how a call fails: gRPC's codes in an err, and their words. */
#ifndef TTRPC_RPC_H
#define TTRPC_RPC_H

#include "base/err.h"

/* gRPC's codes, as far as we say them. */
enum rpc_code {
	RPC_OK = 0,
	RPC_CANCELLED = 1,
	RPC_UNKNOWN = 2,
	RPC_INVALID_ARGUMENT = 3,
	RPC_DEADLINE_EXCEEDED = 4,
	RPC_NOT_FOUND = 5,
	RPC_ALREADY_EXISTS = 6,
	RPC_RESOURCE_EXHAUSTED = 8,
	RPC_FAILED_PRECONDITION = 9,
	RPC_UNIMPLEMENTED = 12,
	RPC_INTERNAL = 13,
	RPC_UNAVAILABLE = 14,
};

/* Says FMT with the code's own words after it ("container c1: not found"); returns what a handler
 * returns. */
int rpc_fail(struct err *e, enum rpc_code code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The code that an error is sent as: rpc_fail's, else what its errno means at large. */
enum rpc_code rpc_code_of(const struct err *e);

#endif

/* rpc.c - how a call fails: gRPC's codes in an err, and their words. */
#include "ttrpc/rpc.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

/* err codes above it are RPC codes, not errnos. */
#define RPC_BASE 20000

static const char *words(enum rpc_code code)
{
	switch (code) {
	case RPC_CANCELLED:
		return "context canceled";
	case RPC_INVALID_ARGUMENT:
		return "invalid argument";
	case RPC_DEADLINE_EXCEEDED:
		return "context deadline exceeded";
	case RPC_NOT_FOUND:
		return "not found";
	case RPC_ALREADY_EXISTS:
		return "already exists";
	case RPC_FAILED_PRECONDITION:
		return "failed precondition";
	case RPC_UNIMPLEMENTED:
		return "not implemented";
	case RPC_UNAVAILABLE:
		return "unavailable";
	default:
		return NULL;
	}
}

int rpc_fail(struct err *e, enum rpc_code code, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	const char *end = words(code);
	return refuse(e, RPC_BASE + (int)code, "%s%s%s", text, end ? ": " : "", end ? end : "");
}

enum rpc_code rpc_code_of(const struct err *e)
{
	if (e->code >= RPC_BASE)
		return (enum rpc_code)(e->code - RPC_BASE);
	switch (e->code) {
	case ENOMEM:
	case E2BIG:
		return RPC_RESOURCE_EXHAUSTED;
	case EEXIST:
		return RPC_ALREADY_EXISTS;
	case ENOSYS:
		return RPC_UNIMPLEMENTED;
	default:
		return RPC_UNKNOWN;
	}
}

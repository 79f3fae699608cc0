/* server.h - a ttrpc server on the loop: services are tables, answers may come later. */
#ifndef TTRPC_SERVER_H
#define TTRPC_SERVER_H

#include "base/loop.h"
#include "base/pb.h"
#include "ttrpc/rpc.h"

#include <stdbool.h>

/* One call that waits for its answer; gone once it has been answered. */
struct request;

/* What a handler gets. in and arena live until it returns, unless it keeps them. */
struct rpc {
	struct request *request;
	struct arena *arena, **kept;
	const void *in; /* decoded */
	void *out;	/* initialised; what it is to point at goes to the arena */
};

/* 0: out is the answer. RPC_LATER: request_reply or request_fail follows. Else -errno with e said,
 * or what rpc_fail returned. */
#define RPC_LATER 1

struct method {
	const char *name; /* NULL ends a table */
	const ProtobufCMessageDescriptor *in, *out;
	int (*handle)(void *arg, const struct rpc *r, struct err *e);
};

struct service {
	const char *name; /* NULL ends a table */
	const struct method *methods;
};

/* For an answer that comes later: the arena, with all that is in it, is the caller's to free. */
struct arena *rpc_keep(const struct rpc *r);

/* Answers a call. When its client is gone nothing happens, but r must be answered all the same. */
void request_reply(struct request *r, const void *message);
void request_fail(struct request *r, const struct err *e);

/* Calls that wait for the same answer. */
struct requests {
	struct request **v;
	unsigned n;
};

/* r is answered with the others. Those whose clients have gone meanwhile are dropped. RPC_LATER or
 * -ENOMEM. */
int requests_add(struct requests *all, struct request *r, struct err *e);

/* Drops those whose clients have gone, or that have been answered by their deadlines. */
void requests_prune(struct requests *all);

/* Answers all: with message, NULL: with e. */
void requests_end(struct requests *all, const void *message, const struct err *e);

struct server;
struct server_options {
	const struct service *services;
	void *arg;				  /* the handlers' */
	void (*peers)(void *arg, unsigned count); /* after a client came or went; may be NULL */
	unsigned max_connections;
};

/* Serves on the listening socket, which becomes the server's, whoever connects with our own uid.
 * NULL: errno. */
struct server *server_new(struct loop *l, int listener, const struct server_options *o);

/* Drops every connection and its waiting calls. Not from within a handler. */
void server_free(struct server *s);

/* It stops to accept when there is no fd left to do so, and looks again when one of its clients
 * goes or this is called: something else may have been closed. */
void server_listen(struct server *s);

#endif

/* client.h - calls that must arrive, in order, at a ttrpc server that may be away for a while. */
#ifndef TTRPC_CLIENT_H
#define TTRPC_CLIENT_H

#include "base/err.h"
#include "base/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One call is under way at a time; the next is sent when it has been answered, so the order holds.
 * While the server is away the calls wait, and it is looked for again after 50 ms, then twice as
 * long each time, up to 3 s. A call whose answer was lost with the connection is sent again: at
 * least once, not exactly once.
 *
 * About CLIENT_QUEUE calls wait at most. One more drops the oldest of those that matter least:
 * CALL_MINOR, or if there are none CALL_MAJOR. What is CALL_KEEP is never dropped, so that the
 * queue may grow past its bound by it alone. What the server itself refuses is dropped, with a line
 * in the log; what it puts off (unavailable, deadline exceeded) is sent again. */
#define CLIENT_QUEUE 2048u

enum call_weight { CALL_MINOR, CALL_MAJOR, CALL_KEEP };

struct client;
struct client_options {
	const char *address; /* path of the socket, with or without unix:// */
	const char *service, *method;
	const char *namespace_;	 /* sent as containerd's metadata; NULL: none */
	void (*idle)(void *arg); /* when the queue has become empty; may be NULL */
	void *arg;
};

/* Connects at the first call, not here. The strings are the caller's and must stay. NULL: errno. */
struct client *client_new(struct loop *l, const struct client_options *o);
void client_free(struct client *c);

/* A call. While one of the same fact waits and is not under way no other is queued; 0: it is like
 * no other. */
struct call {
	const void *payload;
	size_t n;
	enum call_weight weight;
	uint64_t fact;
};

/* Queues it, or not, see above. 0 or -ENOMEM. */
int client_call(struct client *c, const struct call *call);

/* How many calls are not yet answered. */
unsigned client_waiting(const struct client *c);

#endif

/* server.c - a ttrpc server on the loop: services are tables, answers may come later. */
#include "ttrpc/server.h"
#include "base/file.h"
#include "pb/ttrpc.pb-c.h"
#include "ttrpc/wire.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

/* err codes above it are RPC codes, not errnos. */
#define RPC_BASE 20000
/* Address space for one decoded request and its answer. */
#define REQUEST_MEMORY ((size_t)32 << 20)

struct connection {
	struct server *server;
	struct connection *next, **link;
	struct watch watch;
	struct wire_in in;
	struct wire_out out;
	struct request *requests;
	bool busy; /* its handler runs: whoever drops it leaves the rest to the handler */
	bool dead;
	bool blocked; /* waits for EPOLLOUT */
};

struct request {
	struct connection *conn; /* NULL: the client is gone */
	struct request *next, **link;
	uint32_t stream;
};

struct server {
	struct loop *loop;
	struct server_options o;
	struct watch listener;
	struct connection *connections;
	unsigned count;
	int spare; /* given up for a moment to accept and turn away when there are no fds left */
	bool deaf; /* not even so: until something may have been closed */
};

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

static void request_free(struct request *r)
{
	if (r->conn) {
		*r->link = r->next;
		if (r->next)
			r->next->link = r->link;
	}
	free(r);
}

/* The waiting calls of a client that went stay with whoever is to answer them. */
static void orphan_requests(struct connection *c)
{
	for (struct request *r = c->requests; r; r = r->next)
		r->conn = NULL;
	c->requests = NULL;
}

static void connection_free(struct connection *c)
{
	wire_in_free(&c->in);
	wire_out_free(&c->out);
	free(c);
}

void server_listen(struct server *s)
{
	if (!s->deaf)
		return;
	if (s->spare < 0)
		s->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	s->deaf = loop_change(s->loop, &s->listener, EPOLLIN) < 0;
}

static void drop(struct connection *c)
{
	struct server *s = c->server;
	if (c->dead)
		return;
	c->dead = true;
	loop_remove(s->loop, &c->watch);
	close(c->watch.fd);
	orphan_requests(c);
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	s->count--;
	server_listen(s);
	if (!c->busy)
		connection_free(c);
	if (s->o.peers)
		s->o.peers(s->o.arg, s->count);
}

static void flush(struct connection *c)
{
	int rc = wire_flush(&c->out, c->watch.fd);
	if (rc < 0) {
		drop(c);
		return;
	}
	bool blocked = rc == 0;
	if (blocked != c->blocked)
		loop_change(c->server->loop, &c->watch,
			    EPOLLIN | (blocked ? (uint32_t)EPOLLOUT : 0));
	c->blocked = blocked;
}

static void send_response(struct request *r, Ttrpc__Response *response)
{
	struct connection *c = r->conn;
	if (!c)
		return;
	struct frame f = { .stream = r->stream, .type = WIRE_RESPONSE };
	f.len = (uint32_t)ttrpc__response__get_packed_size(response);
	uint8_t *to = wire_add(&c->out, &f);
	if (!to) {
		drop(c);
		return;
	}
	ttrpc__response__pack(response, to);
	flush(c);
}

void request_fail(struct request *r, const struct err *e)
{
	Ttrpc__Status status = TTRPC__STATUS__INIT;
	Ttrpc__Response response = TTRPC__RESPONSE__INIT;
	char text[sizeof(e->msg)];
	memcpy(text, e->msg, sizeof(text));
	status.code = (int32_t)rpc_code_of(e);
	status.message = text;
	response.status = &status;
	send_response(r, &response);
	request_free(r);
}

static void fail_with(struct request *r, enum rpc_code code, const char *what)
{
	struct err e = { 0 };
	rpc_fail(&e, code, "%s", what);
	request_fail(r, &e);
}

/* In one buffer with its frame: the message is packed in place behind the response's own few
 * bytes. */
void request_reply(struct request *r, const void *message)
{
	size_t n = protobuf_c_message_get_packed_size(message);
	uint8_t small[512];
	uint8_t *p = n <= sizeof(small) ? small : malloc(n);
	if (!p || n > WIRE_MAX - 64) {
		fail_with(r, RPC_RESOURCE_EXHAUSTED, "the answer is too long");
	} else {
		Ttrpc__Response response = TTRPC__RESPONSE__INIT;
		response.payload.len = protobuf_c_message_pack(message, p);
		response.payload.data = p;
		send_response(r, &response);
		request_free(r);
	}
	if (p != small)
		free(p);
}

static const struct method *find_method(const struct server *s, const Ttrpc__Request *m,
					struct err *e)
{
	for (const struct service *v = s->o.services; v->name; v++) {
		if (strcmp(v->name, m->service) != 0)
			continue;
		for (const struct method *f = v->methods; f->name; f++)
			if (!strcmp(f->name, m->method))
				return f;
		rpc_fail(e, RPC_UNIMPLEMENTED, "method %s", m->method);
		return NULL;
	}
	rpc_fail(e, RPC_UNIMPLEMENTED, "service %s", m->service);
	return NULL;
}

struct arena *rpc_keep(const struct rpc *r)
{
	*r->kept = NULL;
	return r->arena;
}

static int handle(struct server *s, struct request *r, struct arena **own, const struct frame *f,
		  struct err *e)
{
	struct arena *a = *own;
	const Ttrpc__Request *m = pb_decode(&ttrpc__request__descriptor, a, f->p, f->len);
	if (!m)
		return rpc_fail(e, RPC_INVALID_ARGUMENT, "the request cannot be decoded");
	const struct method *method = find_method(s, m, e);
	if (!method)
		return -e->code;
	struct rpc call = { .request = r, .arena = a, .kept = own };
	call.in = pb_decode(method->in, a, m->payload.data, m->payload.len);
	call.out = arena_alloc(a, method->out->sizeof_message);
	if (!call.in || !call.out)
		return rpc_fail(e, RPC_INVALID_ARGUMENT, "%s's message cannot be decoded",
				method->name);
	protobuf_c_message_init(method->out, call.out);
	int rc = method->handle(s->o.arg, &call, e);
	if (rc == 0)
		request_reply(r, call.out);
	return rc;
}

static void on_request(struct connection *c, const struct frame *f)
{
	struct request *r = calloc(1, sizeof(*r));
	if (!r) {
		drop(c);
		return;
	}
	*r = (struct request){
		.conn = c, .next = c->requests, .link = &c->requests, .stream = f->stream
	};
	if (r->next)
		r->next->link = &r->next;
	c->requests = r;

	auto_arena *a = f->too_long ? NULL : arena_new(REQUEST_MEMORY);
	if (!a) {
		fail_with(r, RPC_RESOURCE_EXHAUSTED,
			  f->too_long ? "the request is longer than 4194304 bytes" : "no memory");
		return;
	}
	struct err e = { 0 };
	if (handle(c->server, r, &a, f, &e) < 0)
		request_fail(r, &e);
}

static void take_frames(struct connection *c)
{
	int rc = wire_read(&c->in, c->watch.fd);
	if (rc == -EAGAIN)
		return;
	if (rc <= 0) {
		drop(c);
		return;
	}
	struct frame f;
	while (!c->dead && wire_next(&c->in, &f))
		if (f.type == WIRE_REQUEST)
			on_request(c, &f);
}

static void on_connection(void *arg, uint32_t events)
{
	struct connection *c = arg;
	c->busy = true;
	if (events & EPOLLOUT)
		flush(c);
	if (!c->dead && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		take_frames(c);
	c->busy = false;
	if (c->dead)
		connection_free(c);
}

static bool is_us(int fd)
{
	struct ucred peer;
	socklen_t n = sizeof(peer);
	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) && peer.uid == geteuid();
}

/* Out of fds: without this the listener would be ready for ever. */
static void turn_away(struct server *s)
{
	put_fd(&s->spare, -1);
	int fd = accept4(s->listener.fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0)
		close(fd);
	s->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || s->spare < 0)
		s->deaf = loop_change(s->loop, &s->listener, 0) == 0;
}

static void on_listener(void *arg, uint32_t events)
{
	struct server *s = arg;
	(void)events;
	auto_close int fd = accept4(s->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE)
			turn_away(s);
		return;
	}
	if (s->count >= s->o.max_connections || !is_us(fd))
		return;
	struct connection *c = calloc(1, sizeof(*c));
	if (!c)
		return;
	*c = (struct connection){ .server = s, .next = s->connections, .link = &s->connections };
	c->watch = (struct watch){ .fd = fd, .ready = on_connection, .arg = c };
	if (loop_add(s->loop, &c->watch, EPOLLIN) < 0) {
		free(c);
		return;
	}
	take_fd(&fd);
	if (c->next)
		c->next->link = &c->next;
	s->connections = c;
	s->count++;
	if (s->o.peers)
		s->o.peers(s->o.arg, s->count);
}

struct server *server_new(struct loop *l, int listener, const struct server_options *o)
{
	struct server *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->loop = l;
	s->o = *o;
	s->listener = (struct watch){ .fd = listener, .ready = on_listener, .arg = s };
	s->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	fcntl(listener, F_SETFL, fcntl(listener, F_GETFL) | O_NONBLOCK);
	int rc = s->spare < 0 ? -errno : loop_add(l, &s->listener, EPOLLIN);
	if (rc < 0) {
		if (s->spare >= 0)
			close(s->spare);
		free(s);
		errno = -rc;
		return NULL;
	}
	return s;
}

void server_free(struct server *s)
{
	if (!s)
		return;
	s->o.peers = NULL;
	while (s->connections)
		drop(s->connections);
	loop_remove(s->loop, &s->listener);
	close(s->listener.fd);
	if (s->spare >= 0)
		close(s->spare);
	free(s);
}

unsigned server_peers(const struct server *s)
{
	return s->count;
}

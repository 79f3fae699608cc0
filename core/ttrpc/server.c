/* server.c - a ttrpc server on the loop: services are tables, answers may come later. */
#include "ttrpc/server.h"
#include "base/clock.h"
#include "base/file.h"
#include "pb/ttrpc.pb-c.h"
#include "ttrpc/wire.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

/* Address space for one decoded request and its answer. */
#define REQUEST_MEMORY ((size_t)32 << 20)
/* With more answers than this unread, a client is not listened to. */
#define UNREAD_MAX ((size_t)256 << 10)
#define MS	   1000000

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
	bool paused;  /* frames of it wait until it reads its answers */
	bool ended;   /* it will say no more, and wait for its answers */
	uint32_t wants;
};

struct request {
	struct connection *conn; /* NULL: the client is gone */
	struct request *next, **link;
	uint32_t stream;
	uint64_t deadline; /* monotonic, in ms; 0: none */
};

struct server {
	struct loop *loop;
	struct server_options o;
	struct watch listener, timer; /* of the nearest deadline; fd -1 until there was one */
	uint64_t nearest;	      /* 0: none */
	struct connection *connections;
	unsigned count;
	int spare; /* given up for a moment to accept and turn away when there are no fds left */
	bool deaf; /* not even so: until something may have been closed */
};

static void settle(struct connection *c);

static void request_leave(struct request *r)
{
	if (!r->conn)
		return;
	*r->link = r->next;
	if (r->next)
		r->next->link = r->link;
	r->conn = NULL;
}

static void request_free(struct request *r)
{
	struct connection *c = r->conn;
	request_leave(r);
	free(r);
	if (c && !c->busy)
		settle(c);
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

static bool is_slow(const struct connection *c)
{
	return c->out.bytes.len - c->out.sent > UNREAD_MAX;
}

/* Asks for what the connection can do now; one that has nothing left to do goes. */
static void settle(struct connection *c)
{
	uint32_t wants = 0;
	if (c->ended && !c->requests && !c->blocked && !c->paused) {
		drop(c);
		return;
	}
	if (!c->ended && !c->paused)
		wants |= EPOLLIN;
	if (c->blocked || c->paused)
		wants |= EPOLLOUT;
	if (wants != c->wants)
		loop_change(c->server->loop, &c->watch, wants);
	c->wants = wants;
}

static void flush(struct connection *c)
{
	int rc = wire_flush(&c->out, c->watch.fd);
	c->blocked = rc == 0;
	if (rc < 0)
		drop(c);
	else if (!c->busy)
		settle(c);
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

static void send_failure(struct request *r, const struct err *e)
{
	Ttrpc__Status status = TTRPC__STATUS__INIT;
	Ttrpc__Response response = TTRPC__RESPONSE__INIT;
	char text[sizeof(e->msg)];
	memcpy(text, e->msg, sizeof(text));
	text_utf8(text); /* it may have been cut in the midst of a character */
	status.code = (int32_t)rpc_code_of(e);
	status.message = text;
	response.status = &status;
	send_response(r, &response);
}

void request_fail(struct request *r, const struct err *e)
{
	send_failure(r, e);
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

void requests_prune(struct requests *all)
{
	unsigned kept = 0;
	for (unsigned i = 0; i < all->n; i++)
		if (all->v[i]->conn)
			all->v[kept++] = all->v[i];
		else
			free(all->v[i]);
	all->n = kept;
}

int requests_add(struct requests *all, struct request *r, struct err *e)
{
	requests_prune(all);
	struct request **more = reallocarray(all->v, all->n + 1, sizeof(*more));
	if (!more)
		return fail(e, ENOMEM, "wait");
	all->v = more;
	all->v[all->n++] = r;
	return RPC_LATER;
}

void requests_end(struct requests *all, const void *message, const struct err *e)
{
	struct requests was = *all;
	*all = (struct requests){ 0 };
	for (unsigned i = 0; i < was.n; i++)
		if (message)
			request_reply(was.v[i], message);
		else
			request_fail(was.v[i], e);
	free(was.v);
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

/* Answered by its deadline; whoever works on it answers nobody. */
static void request_expire(struct request *r)
{
	struct err e = { 0 };
	struct request last =
		*r; /* it goes when nobody waits for it any more, as after a failure */
	rpc_fail(&e, RPC_DEADLINE_EXCEEDED, "the request");
	request_leave(r);
	send_failure(&last, &e);
}

static void set_timer(struct server *s, uint64_t at)
{
	uint64_t now = clock_monotonic_ns() / MS;
	s->nearest = at;
	timer_set(s->timer.fd, at > now ? at - now : 1, 0);
}

static void on_deadline(void *arg, uint32_t events)
{
	struct server *s = arg;
	uint64_t times, now = clock_monotonic_ns() / MS, nearest = 0;
	(void)events;
	if (read(s->timer.fd, &times, sizeof(times)) <= 0)
		return;
	for (struct connection *c = s->connections, *next; c; c = next) {
		next = c->next;
		c->busy = true;
		for (struct request *r = c->requests, *after; !c->dead && r; r = after) {
			after = r->next;
			if (r->deadline && r->deadline <= now)
				request_expire(r);
			else if (r->deadline && (!nearest || r->deadline < nearest))
				nearest = r->deadline;
		}
		c->busy = false;
		if (c->dead)
			connection_free(c);
		else
			settle(c);
	}
	s->nearest = 0;
	if (nearest)
		set_timer(s, nearest);
}

/* One that is answered later has a deadline. */
static void watch_deadline(struct server *s, struct request *r, int64_t nanoseconds)
{
	if (s->timer.fd < 0) {
		s->timer.fd = timer_new(0, 0);
		if (s->timer.fd < 0 || loop_add(s->loop, &s->timer, EPOLLIN) < 0) {
			put_fd(&s->timer.fd, -1);
			return; /* the client keeps the time as well */
		}
	}
	r->deadline = clock_monotonic_ns() / MS + (uint64_t)nanoseconds / MS + 1;
	if (!s->nearest || r->deadline < s->nearest)
		set_timer(s, r->deadline);
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
	const struct connection *c = r->conn;
	int64_t time = m->timeout_nano;
	if (time < 0)
		return rpc_fail(e, RPC_DEADLINE_EXCEEDED, "%s", method->name);
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
	else if (rc == RPC_LATER && time && c->requests == r) /* not answered meanwhile */
		watch_deadline(s, r, time);
	return rc;
}

/* What a frame says that is no call; NULL: it is one. */
static const char *refusal(const struct frame *f, enum rpc_code *code)
{
	*code = RPC_INVALID_ARGUMENT;
	if (!(f->stream & 1))
		return "StreamID must be odd for client initiated streams";
	if (f->type == WIRE_DATA)
		return "StreamID is no longer active";
	*code = RPC_UNIMPLEMENTED;
	if (f->flags & (WIRE_REMOTE_CLOSED | WIRE_REMOTE_OPEN))
		return "streams";
	*code = RPC_RESOURCE_EXHAUSTED;
	return f->too_long ? "the request is longer than 4194304 bytes" : NULL;
}

static void on_frame(struct connection *c, const struct frame *f)
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

	enum rpc_code code;
	const char *why = refusal(f, &code);
	auto_arena *a = why ? NULL : arena_new(REQUEST_MEMORY);
	if (!a) {
		fail_with(r, code, why ? why : "no memory");
		return;
	}
	struct err e = { 0 };
	if (handle(c->server, r, &a, f, &e) < 0)
		request_fail(r, &e);
}

/* Of what has come whole, as much as the client reads answers to. */
static void take_frames(struct connection *c)
{
	struct frame f;
	c->paused = false;
	while (!c->dead && !(c->paused = is_slow(c)) && wire_next(&c->in, &f))
		if (f.type == WIRE_REQUEST || f.type == WIRE_DATA)
			on_frame(c, &f);
}

static void read_frames(struct connection *c, bool hung_up)
{
	int rc = wire_read(&c->in, c->watch.fd);
	if (rc == 0 && !hung_up)
		c->ended = true; /* shutdown(SHUT_WR): it may still want its answers */
	else if (rc <= 0 && rc != -EAGAIN)
		drop(c);
	else if (rc > 0)
		take_frames(c);
}

static void on_connection(void *arg, uint32_t events)
{
	struct connection *c = arg;
	bool hung_up = events & (EPOLLHUP | EPOLLERR);
	c->busy = true;
	if (hung_up && !(c->wants & EPOLLIN))
		drop(c);
	if (!c->dead && events & EPOLLOUT)
		flush(c);
	if (!c->dead && c->paused)
		take_frames(c);
	if (!c->dead && !c->paused && !c->ended && (events & EPOLLIN || hung_up))
		read_frames(c, hung_up);
	c->busy = false;
	if (!c->dead)
		settle(c);
	else
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
	c->wants = EPOLLIN;
	if (loop_add(s->loop, &c->watch, c->wants) < 0) {
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
	s->timer = (struct watch){ .fd = -1, .ready = on_deadline, .arg = s };
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
	if (s->timer.fd >= 0)
		loop_remove(s->loop, &s->timer);
	put_fd(&s->timer.fd, -1);
	if (s->spare >= 0)
		close(s->spare);
	free(s);
}

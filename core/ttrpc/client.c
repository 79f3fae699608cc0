/* client.c - calls that must arrive, in order, at a ttrpc server that may be away for a while. */
#include "ttrpc/client.h"
#include "base/fdpass.h"
#include "base/file.h"
#include "base/log.h"
#include "pb/ttrpc.pb-c.h"
#include "ttrpc/server.h"
#include "ttrpc/wire.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define BACKOFF_FIRST 50u /* ms */
#define BACKOFF_LAST  3000u

struct message {
	struct message *next;
	enum call_weight weight;
	uint32_t len;
	uint64_t fact;
	uint8_t bytes[]; /* a Request */
};

struct client {
	struct loop *loop;
	struct client_options o;
	struct watch socket, timer;
	bool sent; /* the first message is on its way */
	bool blocked;
	uint32_t stream, backoff;
	struct message *first, **last;
	unsigned count, dropped;
	struct wire_in in;
	struct wire_out out;
};

static void pump(struct client *c);

static void disconnect(struct client *c)
{
	if (c->socket.fd < 0)
		return;
	loop_remove(c->loop, &c->socket);
	put_fd(&c->socket.fd, -1);
	wire_in_free(&c->in);
	wire_out_free(&c->out);
	c->sent = c->blocked = false;
}

static void try_later(struct client *c)
{
	if (!c->first)
		return;
	c->backoff = !c->backoff		     ? BACKOFF_FIRST
		     : c->backoff * 2 > BACKOFF_LAST ? BACKOFF_LAST
						     : c->backoff * 2;
	timer_set(c->timer.fd, c->backoff, 0);
}

static void lost(struct client *c)
{
	disconnect(c);
	try_later(c);
}

static void on_timer(void *arg, uint32_t events)
{
	struct client *c = arg;
	uint64_t times;
	(void)events;
	if (read(c->timer.fd, &times, sizeof(times)) > 0)
		pump(c);
}

static void remove_first(struct client *c)
{
	struct message *m = c->first;
	c->first = m->next;
	if (!c->first)
		c->last = &c->first;
	c->count--;
	free(m);
}

/* What came back for the first message decides about it. */
static void settle(struct client *c, const struct frame *f)
{
	Ttrpc__Response *r = f->too_long ? NULL : ttrpc__response__unpack(NULL, f->len, f->p);
	int code = !r ? RPC_INTERNAL : r->status ? r->status->code : RPC_OK;
	c->sent = false;
	if (code == RPC_UNAVAILABLE || code == RPC_DEADLINE_EXCEEDED) {
		try_later(c);
	} else {
		if (code)
			log_warn("%s refused a call: %s", c->o.service,
				 r && r->status ? r->status->message : "its answer cannot be read");
		c->backoff = 0;
		remove_first(c);
	}
	if (r)
		ttrpc__response__free_unpacked(r, NULL);
	if (!c->first && c->dropped)
		log_warn("%s is back: %u calls had been dropped", c->o.service, c->dropped);
	if (!c->first)
		c->dropped = 0;
	if (!c->first && c->o.idle)
		c->o.idle(c->o.arg);
}

static void flush(struct client *c)
{
	int rc = wire_flush(&c->out, c->socket.fd);
	if (rc < 0) {
		lost(c);
		return;
	}
	bool blocked = rc == 0;
	if (blocked != c->blocked)
		loop_change(c->loop, &c->socket, EPOLLIN | (blocked ? (uint32_t)EPOLLOUT : 0));
	c->blocked = blocked;
}

static void on_socket(void *arg, uint32_t events)
{
	struct client *c = arg;
	struct frame f;
	if (events & EPOLLOUT)
		flush(c);
	if (c->socket.fd < 0 || !(events & ~(uint32_t)EPOLLOUT))
		return;
	int rc = wire_read(&c->in, c->socket.fd);
	if (rc == -EAGAIN)
		return;
	if (rc <= 0) {
		lost(c);
		return;
	}
	while (wire_next(&c->in, &f))
		if (c->sent && f.type == WIRE_RESPONSE && f.stream == c->stream)
			settle(c, &f);
	if (!c->backoff)
		pump(c);
}

/* A path of any length, by its directory. */
static int dial(const char *address)
{
	char dir[4096];
	const char *path = strncmp(address, "unix://", 7) ? address : address + 7;
	const char *slash = strrchr(path, '/');
	if (!slash || (size_t)(slash - path) >= sizeof(dir))
		return -EINVAL;
	memcpy(dir, path, (size_t)(slash - path));
	dir[slash - path] = 0;
	auto_close int at = open(*dir ? dir : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (at < 0)
		return -errno;
	return unix_connect(at, slash + 1, SOCK_STREAM | SOCK_NONBLOCK, NULL);
}

static int connect_now(struct client *c)
{
	int fd = dial(c->o.address);
	if (fd < 0)
		return fd;
	c->socket.fd = fd;
	int rc = loop_add(c->loop, &c->socket, EPOLLIN);
	if (rc < 0)
		put_fd(&c->socket.fd, -1);
	return rc;
}

static void pump(struct client *c)
{
	if (!c->first || c->sent)
		return;
	if (c->socket.fd < 0 && connect_now(c) < 0) {
		try_later(c);
		return;
	}
	c->stream += 2;
	struct frame f = { .stream = c->stream, .type = WIRE_REQUEST, .len = c->first->len };
	void *to = wire_add(&c->out, &f);
	if (!to) {
		lost(c);
		return;
	}
	memcpy(to, c->first->bytes, f.len);
	c->sent = true;
	flush(c);
}

/* The first that is not under way. */
static struct message **unsent(struct client *c)
{
	return c->sent ? &c->first->next : &c->first;
}

/* Room for one more. */
static void drop_one(struct client *c)
{
	struct message **least = NULL;
	for (struct message **link = unsent(c); *link && (!least || (*least)->weight);
	     link = &(*link)->next)
		if ((*link)->weight < (least ? (*least)->weight : CALL_KEEP))
			least = link;
	if (!least)
		return;
	struct message *m = *least;
	*least = m->next;
	if (!*least)
		c->last = least;
	c->count--;
	free(m);
	if (!c->dropped++)
		log_warn("%s is away: the oldest of %u calls is dropped", c->o.service,
			 CLIENT_QUEUE);
}

static bool is_waiting(struct client *c, uint64_t fact)
{
	struct message *m = *unsent(c);
	while (m && m->fact != fact)
		m = m->next;
	return m;
}

int client_call(struct client *c, const struct call *call)
{
	Ttrpc__KeyValue namespace_ = TTRPC__KEY_VALUE__INIT;
	Ttrpc__KeyValue *metadata[] = { &namespace_ };
	Ttrpc__Request r = TTRPC__REQUEST__INIT;
	r.service = (char *)(uintptr_t)c->o.service;
	r.method = (char *)(uintptr_t)c->o.method;
	r.payload.data = (uint8_t *)(uintptr_t)call->payload;
	r.payload.len = call->n;
	if (c->o.namespace_) {
		namespace_.key = (char *)(uintptr_t)"containerd-namespace-ttrpc";
		namespace_.value = (char *)(uintptr_t)c->o.namespace_;
		r.metadata = metadata;
		r.n_metadata = 1;
	}
	if (call->fact && is_waiting(c, call->fact))
		return 0;
	size_t len = ttrpc__request__get_packed_size(&r);
	struct message *m = len <= WIRE_MAX ? malloc(sizeof(*m) + len) : NULL;
	if (!m)
		return -ENOMEM;
	*m = (struct message){ .weight = call->weight, .len = (uint32_t)len, .fact = call->fact };
	ttrpc__request__pack(&r, m->bytes);
	if (c->count >= CLIENT_QUEUE)
		drop_one(c);
	*c->last = m;
	c->last = &m->next;
	c->count++;
	if (!c->backoff)
		pump(c);
	return 0;
}

struct client *client_new(struct loop *l, const struct client_options *o)
{
	struct client *c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	*c = (struct client){ .loop = l, .o = *o, .stream = UINT32_MAX, .last = &c->first };
	c->socket = (struct watch){ .fd = -1, .ready = on_socket, .arg = c };
	c->timer = (struct watch){ .fd = timer_new(0, 0), .ready = on_timer, .arg = c };
	int rc = c->timer.fd < 0 ? c->timer.fd : loop_add(l, &c->timer, EPOLLIN);
	if (rc < 0) {
		close_fdp(&c->timer.fd);
		free(c);
		errno = -rc;
		return NULL;
	}
	return c;
}

void client_free(struct client *c)
{
	if (!c)
		return;
	disconnect(c);
	while (c->first)
		remove_first(c);
	loop_remove(c->loop, &c->timer);
	close(c->timer.fd);
	free(c);
}

unsigned client_waiting(const struct client *c)
{
	return c->count;
}

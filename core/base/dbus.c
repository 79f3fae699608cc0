/* dbus.c - a client of D-Bus: calls, their answers, and the signals that come meanwhile. */
#include "base/dbus.h"
#include "base/clock.h"
#include "base/file.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#define LINE_MAX_SIZE 256 /* of the talk before the first message */

static uint64_t deadline_of(const struct dbus *d)
{
	return clock_monotonic_ns() + (uint64_t)d->timeout_ms * 1000000;
}

/* Waits for more bytes and adds them to in. */
static int receive(struct dbus *d, uint64_t deadline)
{
	for (;;) {
		uint64_t now = clock_monotonic_ns();
		int ms = now < deadline ? (int)((deadline - now) / 1000000) + 1 : 0;
		struct pollfd p = { .fd = d->fd, .events = POLLIN };
		int got = ms ? poll(&p, 1, ms) : 0;
		if (got == 0)
			return -ETIMEDOUT;
		void *room = buf_room(&d->in, 4096);
		if (!room)
			return -ENOMEM;
		ssize_t n = got < 0 ? -1 : recv(d->fd, room, 4096, MSG_DONTWAIT);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n == 0)
			return -ECONNRESET;
		if (n < 0)
			return -errno;
		d->in.len += (size_t)n;
		d->in.p[d->in.len] = 0;
		return 0;
	}
}

static int send_all(struct dbus *d, const void *p, size_t n)
{
	for (size_t at = 0; at < n;) {
		ssize_t done = send(d->fd, (const char *)p + at, n - at, MSG_NOSIGNAL);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		at += (size_t)done;
	}
	return 0;
}

/* One line of the talk before the messages: "OK 1234", "DATA", "REJECTED EXTERNAL". */
static int read_line(struct dbus *d, char out[LINE_MAX_SIZE], uint64_t deadline)
{
	char *end;
	while (!d->in.p || !(end = strstr(d->in.p, "\r\n"))) {
		int rc = d->in.len >= LINE_MAX_SIZE ? -EBADMSG : receive(d, deadline);
		if (rc < 0)
			return rc;
	}
	size_t n = (size_t)(end - d->in.p);
	if (n >= LINE_MAX_SIZE)
		return -EBADMSG;
	memcpy(out, d->in.p, n);
	out[n] = 0;
	buf_shift(&d->in, n + 2);
	return 0;
}

/* Who we are the kernel tells: in a user namespace we would not even know our number. All in one
 * go, and no message before the answer: systemd may leave lying what it gets together with BEGIN.
 */
static int introduce(struct dbus *d, struct err *e)
{
	static const char words[] = "\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n";
	char first[LINE_MAX_SIZE] = "", second[LINE_MAX_SIZE] = "";
	uint64_t deadline = deadline_of(d);
	int rc = send_all(d, words, sizeof(words) - 1);
	rc = rc < 0 ? rc : read_line(d, first, deadline);
	rc = rc < 0 ? rc : read_line(d, second, deadline);
	if (rc < 0)
		return fail(e, rc, "begin to speak with D-Bus");
	/* DATA and OK; before systemd 247 OK, and then something about the DATA. */
	bool accepted = !strncmp(first, "OK", 2) ||
			(!strncmp(first, "DATA", 4) && !strncmp(second, "OK", 2));
	return accepted ? 0
			: refuse(e, EACCES, "D-Bus does not accept us: %.80s",
				 !strncmp(first, "DATA", 4) ? second : first);
}

static int greet(struct dbus *d, struct err *e)
{
	struct dbus_message m;
	const struct dbus_call hello = { .destination = "org.freedesktop.DBus",
					 .path = "/org/freedesktop/DBus",
					 .interface = "org.freedesktop.DBus",
					 .member = "Hello" };
	return dbus_ask(d, &hello, &m, e);
}

/* Whoever has too many at the door lets us wait, but not for ever. */
static int connect_to(struct dbus *d, const char *name, struct err *e)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	const struct timeval limit = { d->timeout_ms / 1000, d->timeout_ms % 1000 * 1000 };
	if (strlen(name) >= sizeof(un.sun_path))
		return fail(e, ENAMETOOLONG, "socket %s", name);
	memcpy(un.sun_path, name, strlen(name));
	d->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (d->fd < 0 || setsockopt(d->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0 ||
	    connect(d->fd, (struct sockaddr *)&un, sizeof(un)) < 0)
		return fail(e, errno, "connect to socket %s", name);
	return 0;
}

int dbus_open(struct dbus *d, const char *path, bool bus, int timeout_ms, struct err *e)
{
	*d = (struct dbus){ .fd = -1,
			    .timeout_ms = timeout_ms,
			    .in = { .max = DBUS_MESSAGE_MAX + 8192 } };
	int rc = connect_to(d, path, e);
	if (rc == 0)
		rc = introduce(d, e);
	return rc == 0 && bus ? greet(d, e) : rc;
}

void dbus_close(struct dbus *d)
{
	put_fd(&d->fd, -1);
	buf_free(&d->in);
	buf_free(&d->out);
}

/* "%2f" is "/". */
static int unescape(const char *s, size_t n, char *out, size_t size)
{
	size_t to = 0;
	for (size_t i = 0; i < n; i++) {
		char c = s[i];
		if (c == '%') {
			char hex[3] = { 0 }, *end;
			if (i + 2 >= n)
				return -EINVAL;
			memcpy(hex, s + i + 1, 2);
			c = (char)strtoul(hex, &end, 16);
			if (*end || !c)
				return -EINVAL;
			i += 2;
		}
		if (to + 1 >= size)
			return -ENAMETOOLONG;
		out[to++] = c;
	}
	out[to] = 0;
	return to ? 0 : -EINVAL;
}

int dbus_address(const char *address, char *out, size_t size)
{
	for (const char *at = address; *at; at += strcspn(at, ";"), at += *at == ';') {
		if (strncmp(at, "unix:", 5) != 0)
			continue;
		const char *key = at + 5;
		while (strncmp(key, "path=", 5) != 0) {
			key += strcspn(key, ",;");
			if (*key != ',')
				break;
			key++;
		}
		if (!strncmp(key, "path=", 5))
			return unescape(key + 5, strcspn(key + 5, ",;"), out, size);
	}
	return -EINVAL;
}

int64_t dbus_send(struct dbus *d, const struct dbus_call *c, struct err *e)
{
	buf_shift(&d->out, d->out.len);
	dbus_put_call(&d->out, c, ++d->serial);
	int rc = d->out.failed ? -ENOMEM : send_all(d, d->out.p, d->out.len);
	return rc < 0 ? fail(e, rc, "D-Bus: call %s", c->member) : (int64_t)d->serial;
}

/* The next message; the one before is gone. */
static int next(struct dbus *d, struct dbus_message *out, uint64_t deadline)
{
	int size;
	buf_shift(&d->in, d->used);
	d->used = 0;
	while ((size = dbus_message_size(d->in.p ? d->in.p : "", d->in.len)) == 0 ||
	       (size > 0 && (size_t)size > d->in.len)) {
		int rc = receive(d, deadline);
		if (rc < 0)
			return rc;
	}
	if (size < 0)
		return size;
	d->used = (size_t)size;
	return dbus_message_parse(d->in.p, d->used, out);
}

static int said_no(const struct dbus_call *c, struct dbus_message *m, struct err *e)
{
	struct dbus_reader body = m->body;
	const char *words = *body.signature == 's' ? dbus_get_str(&body) : "";
	return refuse(e, EREMOTEIO, "D-Bus: %s: %s", c->member, *words ? words : m->error);
}

int dbus_ask(struct dbus *d, const struct dbus_call *c, struct dbus_message *reply, struct err *e)
{
	int64_t serial = dbus_send(d, c, e);
	uint64_t deadline = deadline_of(d);
	if (serial < 0)
		return (int)serial;
	for (;;) {
		int rc = next(d, reply, deadline);
		if (rc == -ETIMEDOUT)
			return refuse(e, ETIMEDOUT, "D-Bus: no answer to %s within %d seconds",
				      c->member, d->timeout_ms / 1000);
		if (rc < 0)
			return fail(e, rc, "D-Bus: wait for the answer to %s", c->member);
		bool ours = reply->reply_serial == (uint32_t)serial;
		if (ours && reply->type == DBUS_RETURN)
			return 0;
		if (ours && reply->type == DBUS_ERROR)
			return said_no(c, reply, e);
		if (reply->type == DBUS_SIGNAL && d->on_signal)
			d->on_signal(d->arg, reply);
	}
}

int dbus_wait(struct dbus *d, bool (*done)(void *arg), struct err *e)
{
	struct dbus_message m;
	uint64_t deadline = deadline_of(d);
	while (!done(d->arg)) {
		int rc = next(d, &m, deadline);
		if (rc < 0)
			return fail(e, rc, "D-Bus: wait for a signal");
		if (m.type == DBUS_SIGNAL && d->on_signal)
			d->on_signal(d->arg, &m);
	}
	return 0;
}

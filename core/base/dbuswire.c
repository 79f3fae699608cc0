/* dbuswire.c - messages of D-Bus as bytes: written little endian, read in either order. */
#include "base/dbuswire.h"

#include <errno.h>
#include <string.h>

#define DEPTH_MAX 32 /* of containers in each other */

static const struct {
	char type;
	uint8_t alignment, size; /* size 0: not fixed */
} types[] = {
	{ 'y', 1, 1 }, { 'b', 4, 4 }, { 'n', 2, 2 }, { 'q', 2, 2 }, { 'i', 4, 4 }, { 'u', 4, 4 },
	{ 'x', 8, 8 }, { 't', 8, 8 }, { 'd', 8, 8 }, { 'h', 4, 4 }, { 's', 4, 0 }, { 'o', 4, 0 },
	{ 'g', 1, 0 }, { 'a', 4, 0 }, { '(', 8, 0 }, { '{', 8, 0 }, { 'v', 1, 0 },
};
#define TYPES (sizeof(types) / sizeof(types[0]))

static size_t type_find(char type)
{
	size_t i = 0;
	while (i < TYPES && types[i].type != type)
		i++;
	return i;
}

size_t dbus_alignment(char type)
{
	size_t i = type_find(type);
	return i < TYPES ? types[i].alignment : 0;
}

void dbus_align(struct buf *b, size_t to)
{
	static const char zeros[8];
	buf_add(b, zeros, -b->len & (to - 1));
}

static void number(uint8_t *to, uint64_t v, size_t size)
{
	for (size_t i = 0; i < size; i++)
		to[i] = (uint8_t)(v >> 8 * i);
}

static void put_number(struct buf *b, uint64_t v, size_t size)
{
	uint8_t bytes[8];
	dbus_align(b, size);
	number(bytes, v, size);
	buf_add(b, bytes, size);
}

void dbus_put_u8(struct buf *b, uint8_t v)
{
	put_number(b, v, 1);
}

void dbus_put_u32(struct buf *b, uint32_t v)
{
	put_number(b, v, 4);
}

void dbus_put_u64(struct buf *b, uint64_t v)
{
	put_number(b, v, 8);
}

void dbus_put_str(struct buf *b, const char *s)
{
	size_t n = strlen(s);
	dbus_put_u32(b, (uint32_t)n);
	buf_add(b, s, n + 1);
}

void dbus_put_sig(struct buf *b, const char *s)
{
	size_t n = strlen(s);
	dbus_put_u8(b, (uint8_t)n);
	buf_add(b, s, n + 1);
}

struct dbus_array dbus_array_begin(struct buf *b, char type)
{
	struct dbus_array a;
	dbus_put_u32(b, 0);
	a.length = b->len - 4;
	dbus_align(b, dbus_alignment(type));
	a.start = b->len;
	return a;
}

void dbus_array_end(struct buf *b, struct dbus_array a)
{
	if (!b->failed)
		number((uint8_t *)b->p + a.length, b->len - a.start, 4);
}

enum { PATH = 1, INTERFACE, MEMBER, ERROR, REPLY_SERIAL, DESTINATION, SENDER, SIGNATURE };

static void put_field(struct buf *b, uint8_t code, char type, const char *value)
{
	const char signature[2] = { type, 0 };
	if (!value)
		return;
	dbus_align(b, 8);
	dbus_put_u8(b, code);
	dbus_put_sig(b, signature);
	if (type == 'g')
		dbus_put_sig(b, value);
	else
		dbus_put_str(b, value);
}

void dbus_put_call(struct buf *out, const struct dbus_call *c, uint32_t serial)
{
	auto_buf b = { 0 };
	dbus_put_u8(&b, 'l');
	dbus_put_u8(&b, DBUS_CALL);
	dbus_put_u8(&b, c->no_reply);
	dbus_put_u8(&b, 1); /* of the protocol */
	dbus_put_u32(&b, c->body ? (uint32_t)c->body->len : 0);
	dbus_put_u32(&b, serial);
	struct dbus_array fields = dbus_array_begin(&b, '(');
	put_field(&b, PATH, 'o', c->path);
	put_field(&b, DESTINATION, 's', c->destination);
	put_field(&b, INTERFACE, 's', c->interface);
	put_field(&b, MEMBER, 's', c->member);
	put_field(&b, SIGNATURE, 'g', c->signature);
	dbus_array_end(&b, fields);
	dbus_align(&b, 8);
	if (c->body)
		buf_add(&b, c->body->p, c->body->len);
	if (b.failed || (c->body && c->body->failed))
		out->failed = true;
	else
		buf_add(out, b.p, b.len);
}

/* The next n bytes, aligned; NULL and bad when there are not so many. */
static const uint8_t *take(struct dbus_reader *r, size_t alignment, size_t n)
{
	size_t at = r->at + (-r->at & (alignment - 1));
	if (r->bad || at > r->n || n > r->n - at) {
		r->bad = true;
		return NULL;
	}
	r->at = at + n;
	return r->p + at;
}

static uint64_t take_number(struct dbus_reader *r, size_t size)
{
	const uint8_t *p = take(r, size, size);
	uint64_t v = 0;
	for (size_t i = 0; p && i < size; i++)
		v |= (uint64_t)p[r->big ? size - 1 - i : i] << 8 * i;
	return v;
}

/* A string with its length before it and a NUL after it, and none within. */
static const char *take_str(struct dbus_reader *r, size_t length_size)
{
	uint64_t n = take_number(r, length_size);
	const uint8_t *p = take(r, 1, n + 1);
	if (p && memchr(p, 0, n + 1) != p + n) {
		r->bad = true;
		p = NULL;
	}
	return p ? (const char *)p : "";
}

static bool next_is(struct dbus_reader *r, const char *any)
{
	if (r->bad || !*r->signature || !strchr(any, *r->signature)) {
		r->bad = true;
		return false;
	}
	r->signature++;
	return true;
}

uint32_t dbus_get_u32(struct dbus_reader *r)
{
	return next_is(r, "ubi") ? (uint32_t)take_number(r, 4) : 0;
}

uint64_t dbus_get_u64(struct dbus_reader *r)
{
	return next_is(r, "tx") ? take_number(r, 8) : 0;
}

const char *dbus_get_str(struct dbus_reader *r)
{
	return next_is(r, "so") ? take_str(r, 4) : "";
}

void dbus_get_variant(struct dbus_reader *r)
{
	if (next_is(r, "v"))
		r->signature = take_str(r, 1);
}

/* The end of the first whole type of a signature; NULL: it is none. */
static const char *type_end(const char *s, int depth)
{
	if (depth > DEPTH_MAX || type_find(*s) == TYPES)
		return NULL;
	char close = *s == '(' ? ')' : *s == '{' ? '}' : 0;
	if (*s == 'a')
		return type_end(s + 1, depth + 1);
	if (!close)
		return s + 1;
	for (s++; s && *s && *s != close;)
		s = type_end(s, depth + 1);
	return s && *s == close ? s + 1 : NULL;
}

static void skip(struct dbus_reader *r, int depth);

static void skip_array(struct dbus_reader *r, int depth)
{
	uint32_t n = (uint32_t)take_number(r, 4);
	const char *type = r->signature, *end = type_end(type, depth);
	if (!end || !take(r, dbus_alignment(*type), 0) || !take(r, 1, n)) {
		r->bad = true;
		return;
	}
	/* Of an array only the length counts: who does not want it does not look into it. */
	r->signature = end;
}

static void skip_variant(struct dbus_reader *r, int depth)
{
	const char *after = r->signature;
	r->signature = take_str(r, 1);
	if (!*r->signature)
		r->bad = true;
	skip(r, depth);
	if (*r->signature)
		r->bad = true; /* a variant has one value */
	r->signature = after;
}

static void skip(struct dbus_reader *r, int depth)
{
	size_t i = type_find(*r->signature);
	if (r->bad || i == TYPES || depth > DEPTH_MAX) {
		r->bad = true;
		return;
	}
	char type = *r->signature++, close = type == '(' ? ')' : '}';
	if (types[i].size) {
		take(r, types[i].alignment, types[i].size);
	} else if (type == 'a') {
		skip_array(r, depth + 1);
	} else if (type == 'v') {
		skip_variant(r, depth + 1);
	} else if (type != '(' && type != '{') {
		take_str(r, type == 'g' ? 1 : 4);
	} else {
		take(r, 8, 0);
		while (!r->bad && *r->signature && *r->signature != close)
			skip(r, depth + 1);
		if (!*r->signature)
			r->bad = true;
		else
			r->signature++;
	}
}

void dbus_skip(struct dbus_reader *r)
{
	skip(r, 0);
}

#define FIXED 16 /* up to and with the length of the array of fields */

int dbus_message_size(const void *p, size_t n)
{
	const uint8_t *b = p;
	if (n < FIXED)
		return 0;
	if ((b[0] != 'l' && b[0] != 'B') || b[3] != 1)
		return -EBADMSG;
	struct dbus_reader r = { .p = b, .n = n, .at = 4, .signature = "", .big = b[0] == 'B' };
	uint64_t body = take_number(&r, 4);
	take_number(&r, 4);
	uint64_t fields = take_number(&r, 4);
	uint64_t size = (FIXED + fields + 7) / 8 * 8 + body;
	return size > DBUS_MESSAGE_MAX ? -EMSGSIZE : (int)size;
}

/* One field of the header, of those that matter here; its value has to be of its type. */
static void get_field(struct dbus_reader *r, struct dbus_message *m)
{
	take(r, 8, 0);
	uint8_t code = (uint8_t)take_number(r, 1);
	const char **to = code == PATH	      ? &m->path
			  : code == INTERFACE ? &m->interface
			  : code == MEMBER    ? &m->member
			  : code == ERROR     ? &m->error
					      : NULL;
	r->signature = "v";
	if (!to && code != REPLY_SERIAL && code != SIGNATURE) {
		dbus_skip(r);
		return;
	}
	dbus_get_variant(r);
	if (to)
		*to = dbus_get_str(r);
	else if (code == REPLY_SERIAL)
		m->reply_serial = dbus_get_u32(r);
	else if (next_is(r, "g"))
		m->body.signature = take_str(r, 1);
	if (*r->signature)
		r->bad = true;
}

int dbus_message_parse(const void *p, size_t n, struct dbus_message *out)
{
	const uint8_t *b = p;
	if (dbus_message_size(p, n) != (int)n || !n)
		return -EBADMSG;
	struct dbus_message m = {
		.type = b[1], .path = "", .interface = "", .member = "", .error = ""
	};
	struct dbus_reader r = { .p = b, .n = n, .at = 4, .signature = "", .big = b[0] == 'B' };
	m.body = r;
	size_t body = take_number(&r, 4);
	m.serial = (uint32_t)take_number(&r, 4);
	size_t fields = take_number(&r, 4);
	r.n = FIXED + fields;
	while (!r.bad && r.at < r.n)
		get_field(&r, &m);
	if (r.bad)
		return -EBADMSG;
	m.body.p = b + n - body; /* alignment counts from there: the header's end is aligned */
	m.body.n = body;
	m.body.at = 0;
	*out = m;
	return 0;
}

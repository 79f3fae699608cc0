/* wire.c - ttrpc frames: ten bytes of header, then the message. */
#include "ttrpc/wire.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_SIZE ((size_t)2048) /* most requests fit one read */

static uint32_t get_u32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put_u32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

/* Forgets the frame that was handed out; between frames the memory goes too. */
static void drop_used(struct wire_in *in)
{
	if (in->used == in->bytes.len)
		buf_free(&in->bytes);
	else
		buf_shift(&in->bytes, in->used);
	in->used = 0;
}

static void skip(struct wire_in *in)
{
	size_t n = in->skip < in->bytes.len ? in->skip : in->bytes.len;
	buf_shift(&in->bytes, n);
	in->skip -= n;
}

/* How much to ask for: the rest of the frame that has begun, when it is known. */
static size_t wanted(const struct wire_in *in)
{
	size_t have = in->bytes.len;
	if (in->skip || have < WIRE_HEADER)
		return READ_SIZE;
	size_t whole = WIRE_HEADER + get_u32((const uint8_t *)in->bytes.p);
	return whole > have && whole - have > READ_SIZE && whole <= WIRE_HEADER + WIRE_MAX
		       ? whole - have
		       : READ_SIZE;
}

int wire_read(struct wire_in *in, int fd)
{
	drop_used(in);
	size_t n = wanted(in);
	void *to = buf_room(&in->bytes, n);
	if (!to)
		return -ENOMEM;
	ssize_t got;
	do {
		got = read(fd, to, n);
	} while (got < 0 && errno == EINTR);
	int rc = got < 0 ? -errno : (int)got;
	if (got > 0)
		in->bytes.len += (size_t)got;
	else if (!in->bytes.len)
		buf_free(&in->bytes);
	skip(in);
	return rc;
}

int wire_feed(struct wire_in *in, const void *p, size_t n)
{
	drop_used(in);
	buf_add(&in->bytes, p, n);
	if (in->bytes.failed)
		return -ENOMEM;
	skip(in);
	return (int)n;
}

int wire_next(struct wire_in *in, struct frame *out)
{
	drop_used(in);
	if (in->skip || in->bytes.len < WIRE_HEADER)
		return 0;
	const uint8_t *p = (const uint8_t *)in->bytes.p;
	struct frame f = {
		.len = get_u32(p), .stream = get_u32(p + 4), .type = p[8], .flags = p[9]
	};
	if (f.len > WIRE_MAX) {
		f.too_long = true;
		in->skip = (size_t)WIRE_HEADER + f.len;
		skip(in);
	} else if (in->bytes.len < WIRE_HEADER + (size_t)f.len) {
		return 0;
	} else {
		f.p = p + WIRE_HEADER;
		in->used = WIRE_HEADER + (size_t)f.len;
	}
	*out = f;
	return 1;
}

void wire_in_free(struct wire_in *in)
{
	buf_free(&in->bytes);
	*in = (struct wire_in){ 0 };
}

void *wire_add(struct wire_out *out, const struct frame *f)
{
	if (f->len > WIRE_MAX)
		return NULL;
	out->bytes.max = WIRE_OUT_MAX;
	uint8_t *p = buf_room(&out->bytes, WIRE_HEADER + (size_t)f->len);
	if (!p)
		return NULL;
	put_u32(p, f->len);
	put_u32(p + 4, f->stream);
	p[8] = f->type;
	p[9] = f->flags;
	out->bytes.len += WIRE_HEADER + (size_t)f->len;
	return p + WIRE_HEADER;
}

int wire_flush(struct wire_out *out, int fd)
{
	while (out->sent < out->bytes.len) {
		ssize_t n = send(fd, out->bytes.p + out->sent, out->bytes.len - out->sent,
				 MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		out->sent += (size_t)n;
	}
	wire_out_free(out);
	return 1;
}

void wire_out_free(struct wire_out *out)
{
	buf_free(&out->bytes);
	*out = (struct wire_out){ 0 };
}

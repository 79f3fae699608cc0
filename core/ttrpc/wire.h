/* wire.h - ttrpc frames: ten bytes of header, then the message. */
#ifndef TTRPC_WIRE_H
#define TTRPC_WIRE_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

#define WIRE_HEADER 10
#define WIRE_MAX    ((size_t)4 << 20) /* bytes of one message */

enum wire_type {
	WIRE_REQUEST = 1,
	WIRE_RESPONSE = 2,
	WIRE_DATA = 3,
};

/* Flags of a request that is no unary call. */
#define WIRE_REMOTE_CLOSED 1
#define WIRE_REMOTE_OPEN   2

struct frame {
	uint32_t stream;
	uint8_t type, flags;
	bool too_long; /* over WIRE_MAX: its bytes were thrown away, p is NULL */
	uint32_t len;
	const uint8_t *p; /* valid until the next wire_read or wire_next */
};

/* What came in and is not yet a whole frame. Zeroed is empty. Never holds more than one frame's
 * bytes and a little, and no memory at all between frames. */
struct wire_in {
	struct buf bytes;
	size_t used; /* of bytes: handed out by wire_next, dropped by the next call */
	size_t skip; /* still to be thrown away of a frame that is too long */
};

/* Takes what the nonblocking fd has, at most one read. The number of bytes, 0 at the end, -EAGAIN,
 * -errno. */
int wire_read(struct wire_in *in, int fd);

/* The same from memory, for whoever has the bytes already. n or -ENOMEM. */
int wire_feed(struct wire_in *in, const void *p, size_t n);

/* The next whole frame: 1 with *out filled, or 0 when more has to be read. */
int wire_next(struct wire_in *in, struct frame *out);

void wire_in_free(struct wire_in *in);

/* What is to go out. Zeroed is empty. */
struct wire_out {
	struct buf bytes;
	size_t sent;
};

/* Appends one frame; its len bytes are then written to what is returned. NULL: no memory, or more
 * than WIRE_OUT_MAX bytes are waiting already, which a peer that reads does not cause. */
#define WIRE_OUT_MAX ((size_t)16 << 20)
void *wire_add(struct wire_out *out, const struct frame *f);

/* Sends what the nonblocking socket takes. 1: all is sent; 0: wait for EPOLLOUT; -errno. */
int wire_flush(struct wire_out *out, int fd);

void wire_out_free(struct wire_out *out);

#endif

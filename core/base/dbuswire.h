/* dbuswire.h - messages of D-Bus as bytes: written little endian, read in either order. */
#ifndef BASE_DBUSWIRE_H
#define BASE_DBUSWIRE_H

#include "base/buf.h"

#include <stdint.h>

#define DBUS_MESSAGE_MAX ((size_t)1 << 20) /* of those that are read */

/* Each appends one value, aligned as counted from the beginning of the buf: of a message, or of its
 * body. */
void dbus_put_u8(struct buf *b, uint8_t v);
void dbus_put_u32(struct buf *b, uint32_t v);	 /* also booleans */
void dbus_put_u64(struct buf *b, uint64_t v);	 /* also int64 */
void dbus_put_str(struct buf *b, const char *s); /* also object paths */
void dbus_put_sig(struct buf *b, const char *s); /* begins a variant too */
void dbus_align(struct buf *b, size_t to);	 /* structs and dictionary entries begin so: 8 */

/* What a value of this type is aligned to; 0: there is no such type. */
size_t dbus_alignment(char type);

/* The elements of an array go between these two. */
struct dbus_array {
	size_t length, start;
};
struct dbus_array dbus_array_begin(struct buf *b, char type);
void dbus_array_end(struct buf *b, struct dbus_array a);

/* A method to be called. */
struct dbus_call {
	const char *destination; /* NULL where only one listens */
	const char *path, *interface, *member;
	const char *signature; /* NULL: no arguments */
	const struct buf *body;
	bool no_reply;
};
void dbus_put_call(struct buf *b, const struct dbus_call *c, uint32_t serial);

/* Values in the order of their signature. What is not there, or is of another type, makes it bad
 * and is 0 or "". */
struct dbus_reader {
	const uint8_t *p;
	size_t n, at;
	const char *signature; /* what is left of it */
	bool big, bad;
};
uint32_t dbus_get_u32(struct dbus_reader *r);
uint64_t dbus_get_u64(struct dbus_reader *r);
const char *dbus_get_str(struct dbus_reader *r); /* of type s or o; points into the message */

/* Steps into a variant: its value is what is next. */
void dbus_get_variant(struct dbus_reader *r);

/* Leaves out one value, whatever it is. */
void dbus_skip(struct dbus_reader *r);

enum { DBUS_CALL = 1, DBUS_RETURN = 2, DBUS_ERROR = 3, DBUS_SIGNAL = 4 };

struct dbus_message {
	uint8_t type;
	uint32_t serial, reply_serial;
	const char *path, *interface, *member, *error; /* "": not there */
	struct dbus_reader body;
};

/* The size of the message that begins so; 0: more of it is needed to tell. -EBADMSG, or -EMSGSIZE
 * beyond the limit. */
int dbus_message_size(const void *p, size_t n);

/* A whole message, which must stay. -EBADMSG. */
int dbus_message_parse(const void *p, size_t n, struct dbus_message *out);

#endif

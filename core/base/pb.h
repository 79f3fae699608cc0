/* pb.h - protobuf messages in arenas. */
#ifndef BASE_PB_H
#define BASE_PB_H

#include "base/arena.h"

#include <protobuf-c/protobuf-c.h>
#include <stdint.h>

/* Decodes into a; never to be freed but with it. NULL: not such a message, or over the arena's
 * cap. */
void *pb_decode(const ProtobufCMessageDescriptor *type, struct arena *a, const void *p, size_t n);

/* The bytes of m, in a. NULL at the cap. */
void *pb_encode(const void *m, struct arena *a, size_t *n);

/* The last part of a message type's name in a type URL, so that "type.googleapis.com/x.Y" is
 * "x.Y". */
const char *pb_type_name(const char *url);

#endif

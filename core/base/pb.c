/* pb.c - protobuf messages in arenas. */
#include "base/pb.h"

#include <string.h>

static void *take(void *a, size_t n)
{
	return arena_alloc(a, n);
}

static void leave(void *a, void *p)
{
	(void)a;
	(void)p;
}

void *pb_decode(const ProtobufCMessageDescriptor *type, struct arena *a, const void *p, size_t n)
{
	ProtobufCAllocator in_arena = { .alloc = take, .free = leave, .allocator_data = a };
	return protobuf_c_message_unpack(type, &in_arena, n, p);
}

void *pb_encode(const void *m, struct arena *a, size_t *n)
{
	size_t size = protobuf_c_message_get_packed_size(m);
	uint8_t *p = arena_alloc(a, size ? size : 1);
	if (p)
		*n = protobuf_c_message_pack(m, p);
	return p;
}

const char *pb_type_name(const char *url)
{
	static const char google[] = "type.googleapis.com/";
	return strncmp(url, google, sizeof(google) - 1) ? url : url + sizeof(google) - 1;
}

/* wire_test.c - ttrpc frames in and out. */
#include "tap.h"
#include "ttrpc/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void add(struct wire_out *out, uint32_t stream, const void *p, size_t n)
{
	struct frame f = { .stream = stream, .type = WIRE_REQUEST, .len = (uint32_t)n };
	void *to = wire_add(out, &f);
	ok(to);
	if (to)
		memcpy(to, p, n);
}

static void a_header_is_ten_big_endian_bytes(void)
{
	struct wire_out out = { 0 };
	add(&out, 0x01020304, "hi", 2);
	ok(out.bytes.len == 12 && !memcmp(out.bytes.p, "\0\0\0\2\1\2\3\4\1\0hi", 12));
	wire_out_free(&out);
}

static void a_frame_arrives_byte_by_byte(void)
{
	struct wire_out out = { 0 };
	struct wire_in in = { 0 };
	struct frame f;
	int got = 0;
	add(&out, 1, "one", 3);
	add(&out, 3, "", 0);
	for (size_t i = 0; i < out.bytes.len; i++) {
		is_int(wire_feed(&in, out.bytes.p + i, 1), 1);
		while (wire_next(&in, &f)) {
			is_int(f.stream, got ? 3 : 1);
			is_int(f.len, got ? 0 : 3);
			ok(!f.len || !memcmp(f.p, "one", 3));
			got++;
		}
	}
	is_int(got, 2);
	wire_out_free(&out);
	wire_in_free(&in);
}

static void nothing_is_kept_between_frames(void)
{
	struct wire_out out = { 0 };
	struct wire_in in = { 0 };
	struct frame f;
	add(&out, 1, "one", 3);
	wire_feed(&in, out.bytes.p, out.bytes.len);
	is_int(wire_next(&in, &f), 1);
	is_int(wire_next(&in, &f), 0);
	ok(!in.bytes.p);
	wire_out_free(&out);
}

static void a_frame_that_is_too_long_is_thrown_away(void)
{
	struct wire_in in = { 0 };
	struct wire_out next = { 0 };
	struct frame f;
	size_t len = WIRE_MAX + 1, left = len;
	uint8_t header[WIRE_HEADER] = { (uint8_t)(len >> 24),
					(uint8_t)(len >> 16),
					(uint8_t)(len >> 8),
					(uint8_t)len,
					0,
					0,
					0,
					7,
					WIRE_REQUEST,
					0 };
	static char some[70000];
	wire_feed(&in, header, sizeof(header));
	is_int(wire_next(&in, &f), 1);
	ok(f.too_long && !f.p && f.stream == 7);
	while (left) {
		size_t n = left < sizeof(some) ? left : sizeof(some);
		wire_feed(&in, some, n);
		is_int(wire_next(&in, &f), 0);
		ok(in.bytes.len == 0);
		left -= n;
	}
	add(&next, 9, "after", 5);
	wire_feed(&in, next.bytes.p, next.bytes.len);
	is_int(wire_next(&in, &f), 1);
	ok(f.stream == 9 && !f.too_long && !memcmp(f.p, "after", 5));
	wire_out_free(&next);
	wire_in_free(&in);
}

static void the_longest_frame_crosses_a_nonblocking_socket(void)
{
	int s[2];
	ok(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, s));
	char *big = malloc(WIRE_MAX);
	memset(big, 'x', WIRE_MAX);
	struct wire_out out = { 0 };
	struct wire_in in = { 0 };
	struct frame f = { 0 };
	add(&out, 5, big, WIRE_MAX);
	int sent = 0, rounds = 0;
	while (!wire_next(&in, &f) && rounds++ < 100000) {
		if (!sent)
			sent = wire_flush(&out, s[0]);
		int n = wire_read(&in, s[1]);
		ok(n > 0 || n == -EAGAIN);
	}
	is_int(sent, 1);
	ok(f.len == WIRE_MAX && f.stream == 5 && !memcmp(f.p, big, WIRE_MAX));
	free(big);
	wire_in_free(&in);
	close(s[0]);
	is_int(wire_read(&in, s[1]), 0);
	close(s[1]);
}

static void a_peer_that_never_reads_is_refused_in_the_end(void)
{
	struct wire_out out = { 0 };
	struct frame f = { .len = WIRE_MAX };
	int added = 0;
	while (added < 10 && wire_add(&out, &f))
		added++;
	is_int(added, 3);
	f.len = WIRE_MAX + 1;
	ok(!wire_add(&out, &f));
	wire_out_free(&out);
}

int main(void)
{
	test(a_header_is_ten_big_endian_bytes);
	test(a_frame_arrives_byte_by_byte);
	test(nothing_is_kept_between_frames);
	test(a_frame_that_is_too_long_is_thrown_away);
	test(the_longest_frame_crosses_a_nonblocking_socket);
	test(a_peer_that_never_reads_is_refused_in_the_end);
	return done_testing();
}

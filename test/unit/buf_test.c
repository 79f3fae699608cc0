/* buf_test.c - bytes that grow, up to a limit. */
#include "tap.h"

#include "base/buf.h"

static void it_grows_and_ends_with_nul(void)
{
	auto_buf b = { 0 };
	for (int i = 0; i < 1000; i++)
		buf_printf(&b, "%d,", i % 10);
	is_int(b.len, 2000);
	is_int(strlen(b.p), 2000);
	buf_char(&b, 'x');
	buf_add(&b, "", 0);
	is_str(b.p + 1998, "9,x");
}

static void a_failure_leaves_it_as_it_was(void)
{
	auto_buf b = { .max = 8 };
	buf_str(&b, "1234");
	buf_str(&b, "56789");
	ok(b.failed);
	is_str(b.p, "1234");
	buf_str(&b, "5");
	is_str(b.p, "1234");
	is_int(b.len, 4);
}

static void room_can_be_filled_by_hand(void)
{
	auto_buf b = { 0 };
	char *to = buf_room(&b, 100);
	ok(to);
	memcpy(to, "abc", 3);
	b.len += 3;
	buf_str(&b, "d");
	is_str(b.p, "abcd");
	ok(!buf_room(&b, SIZE_MAX));
	ok(b.failed);
}

static void bytes_can_be_dropped_from_the_front(void)
{
	auto_buf b = { 0 };
	buf_shift(&b, 3);
	buf_str(&b, "abcdef");
	buf_shift(&b, 2);
	is_str(b.p, "cdef");
	buf_shift(&b, 99);
	is_int(b.len, 0);
	is_str(b.p, "");
	buf_free(&b);
	ok(!b.p && !b.cap);
}

static void what_it_was_lent_is_left_when_it_is_full(void)
{
	char room[8];
	memset(room, 'x', sizeof(room));
	auto_buf b = { BUF_IN(room) };
	is_str(b.p, "");
	buf_str(&b, "abcdefg");
	ok(b.p == room);
	buf_str(&b, "hi");
	ok(b.p != room);
	is_str(b.p, "abcdefghi");
	is_str(room, "abcdefg");
	buf_free(&b);
	ok(!b.p && !b.lent);
}

static void what_it_was_lent_is_not_freed(void)
{
	char room[8];
	auto_buf b = { BUF_IN(room), .max = 8 };
	buf_str(&b, "abc");
	buf_str(&b, "far too long for it");
	ok(b.failed);
	is_str(b.p, "abc");
	buf_free(&b);
	is_str(room, "abc");
}

int main(void)
{
	test(it_grows_and_ends_with_nul);
	test(a_failure_leaves_it_as_it_was);
	test(room_can_be_filled_by_hand);
	test(bytes_can_be_dropped_from_the_front);
	test(what_it_was_lent_is_left_when_it_is_full);
	test(what_it_was_lent_is_not_freed);
	return done_testing();
}

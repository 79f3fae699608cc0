/* bits_test.c - sets of small numbers. */
#include "tap.h"

#include "base/bits.h"

#include <errno.h>

static void lists_and_ranges_are_read(void)
{
	struct bits b;
	is_int(bits_parse("0-3,7", &b), 0);
	is_int((long)b.v[0], 0x8f);
	is_int((long)b.n, 5);
	is_int(bits_parse(" 1 , ,3-3,\n", &b), 0);
	is_int((long)b.v[0], 10);
	is_int(bits_parse("64,8191", &b), 0);
	ok(b.v[64 / BITS_WORD] == 1ul << 64 % BITS_WORD && b.n == 2);
	is_int(bits_parse("", &b), 0);
	is_int((long)b.n, 0);
	is_int(bits_parse(NULL, &b), 0);
}

static void what_is_no_list_is_refused(void)
{
	struct bits b;
	static const char *const bad[] = { "a", "1-", "-1", "3-1", "1 2", "1-2-3", "1;2", "0x1" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (bits_parse(bad[i], &b) != -EINVAL)
			TAP_FAIL("accepted: '%s'", bad[i]);
	is_int(bits_parse("8192", &b), -ERANGE);
	is_int(bits_parse("0-99999999999999999999999", &b), -ERANGE);
}

int main(void)
{
	test(lists_and_ranges_are_read);
	test(what_is_no_list_is_refused);
	return done_testing();
}

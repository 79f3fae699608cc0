/* arena_test.c - memory that is freed all at once, up to a cap. */
#include "tap.h"

#include "base/arena.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static void memory_is_zeroed_aligned_and_apart(void)
{
	auto_arena *a = arena_new(65536);
	char *p = arena_alloc(a, 3), *q = arena_alloc(a, 5);
	ok(p && q && q >= p + 3);
	is_int((uintptr_t)p % 16, 0);
	is_int((uintptr_t)q % 16, 0);
	for (int i = 0; i < 5; i++)
		is_int(q[i], 0);
}

static void the_cap_is_e2big(void)
{
	auto_arena *a = arena_new(4096);
	errno = 0;
	ok(!arena_alloc(a, 1 << 20));
	is_int(errno, E2BIG);
	ok(arena_alloc(a, 16));
	size_t n = 0;
	while (arena_alloc(a, 64))
		n++;
	ok(n > 32 && n < 256);
	ok(!arena_alloc(a, 64));
}

/* Beyond its first chunk, and one that is larger than any. */
static void it_grows_up_to_the_cap(void)
{
	auto_arena *a = arena_new((size_t)8 << 20);
	char *p[64];
	bool kept = true;
	for (int i = 0; i < 64; i++) {
		p[i] = arena_alloc(a, 20000);
		kept = kept && p[i] && (uintptr_t)p[i] % 16 == 0 && !p[i][0] && !p[i][19999];
		if (kept)
			memset(p[i], i, 20000);
	}
	char *large = arena_alloc(a, (size_t)6 << 20);
	ok(large && !large[0] && !large[((size_t)6 << 20) - 1]);
	for (int i = 0; kept && i < 64; i++)
		kept = p[i][0] == i && p[i][19999] == i;
	ok(kept);
	ok(!arena_alloc(a, (size_t)1 << 20));
	ok(arena_alloc(a, 1000));
}

static void sizes_that_overflow_reach_the_cap(void)
{
	auto_arena *a = arena_new(4096);
	ok(!arena_array(a, SIZE_MAX / 2, 4));
	ok(!arena_alloc(a, SIZE_MAX));
	ok(!arena_strn(a, "x", SIZE_MAX));
	ok(arena_array(a, 0, 8));
	ok(!arena_new(SIZE_MAX));
}

static void strings_are_copied_and_formatted(void)
{
	auto_arena *a = arena_new(4096);
	char text[] = "hello";
	char *s = arena_str(a, text), *n = arena_strn(a, text, 2);
	text[0] = 'j';
	is_str(s, "hello");
	is_str(n, "he");
	is_str(arena_printf(a, "%s-%d", s, 7), "hello-7");
	is_str(arena_printf(a, "/%s/%s", s, n), "/hello/he");
	is_str(arena_printf(a, "100%%"), "100%");
	is_str(arena_printf(a, "%s", ""), "");
	arena_free(NULL);
}

static void what_does_not_fit_is_e2big_and_leaves_no_trace(void)
{
	static char big[5000];
	auto_arena *a = arena_new(4000);
	memset(big, 'x', sizeof(big) - 1);
	ok(!arena_printf(a, "%s", big) && errno == E2BIG);
	errno = 0;
	ok(!arena_printf(a, "%s%d", big, 1) && errno == E2BIG);
	const char *rest = arena_alloc(a, 3000);
	size_t zeros = 0;
	while (rest && zeros < 3000 && !rest[zeros])
		zeros++;
	is_int(zeros, 3000);
}

static void what_is_longer_than_the_rest_of_a_chunk_gets_a_new_one(void)
{
	static char big[5000];
	auto_arena *a = arena_new((size_t)1 << 20);
	memset(big, 'x', sizeof(big) - 1);
	ok(arena_alloc(a, 62000));
	is_str(arena_printf(a, "%s", big), big);
	is_str(arena_printf(a, "%d", 7), "7");
	auto_arena *b = arena_new((size_t)1 << 20);
	ok(arena_alloc(b, 62000));
	is_int((int)strlen(arena_printf(b, "%s%d", big, 12)), 5001);
}

int main(void)
{
	test(memory_is_zeroed_aligned_and_apart);
	test(the_cap_is_e2big);
	test(it_grows_up_to_the_cap);
	test(sizes_that_overflow_reach_the_cap);
	test(strings_are_copied_and_formatted);
	test(what_does_not_fit_is_e2big_and_leaves_no_trace);
	test(what_is_longer_than_the_rest_of_a_chunk_gets_a_new_one);
	return done_testing();
}

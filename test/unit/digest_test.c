/* digest_test.c - digests of both algorithms, against FIPS 180-4's examples. */
#include "base/digest.h"
#include "tap.h"

#define ABC                                                               \
	"sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee6" \
	"4b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"

static void known_texts_have_their_known_digests(void)
{
	char got[DIGEST_TEXT];
	ok(digest_is(ABC, "abc", 3, got));
	is_str(got, ABC);
	ok(digest_is("sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		     "abc", 3, got));
	ok(!digest_is(ABC, "abd", 3, got));
	is_int((int)strlen(got), DIGEST_TEXT - 1);
	ok(!digest_is("sha256:", "abc", 3, got));
	is_int((int)strlen(got), SHA256_TEXT - 1);
}

static void pieces_make_the_same_as_the_whole(void)
{
	static const char *const likes[] = { "sha256:", "sha512:" };
	char bytes[1000], whole[DIGEST_TEXT], pieces[DIGEST_TEXT];
	memset(bytes, 'x', sizeof(bytes));
	for (size_t i = 0; i < 2; i++)
		for (size_t piece = 1; piece < sizeof(bytes); piece += 63) {
			struct digest d;
			digest_begin(&d, likes[i]);
			for (size_t at = 0; at < sizeof(bytes); at += piece)
				digest_add(&d, bytes + at,
					   sizeof(bytes) - at < piece ? sizeof(bytes) - at : piece);
			digest_end(&d, pieces);
			digest_is(likes[i], bytes, sizeof(bytes), whole);
			is_str(pieces, whole);
		}
}

int main(void)
{
	test(known_texts_have_their_known_digests);
	test(pieces_make_the_same_as_the_whole);
	return done_testing();
}

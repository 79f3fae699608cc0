/* sha256_test.c - digests against FIPS 180-4's examples, and both ways of computing them against
 * each other. */
#include "base/sha256.h"
#include "tap.h"

static void known_texts_have_their_known_digests(void)
{
	char text[SHA256_TEXT];
	sha256_text("", 0, text);
	is_str(text, "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	sha256_text("abc", 3, text);
	is_str(text, "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	const char *two = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
	sha256_text(two, strlen(two), text);
	is_str(text, "sha256:248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void a_million_letters_in_odd_pieces_have_their_known_digest(void)
{
	static char many[1000000];
	char text[SHA256_TEXT];
	memset(many, 'a', sizeof(many));
	for (size_t piece = 1; piece < 100000; piece = piece * 3 + 1) {
		struct sha256 s;
		sha256_init(&s);
		for (size_t at = 0; at < sizeof(many); at += piece)
			sha256_add(&s, many + at,
				   sizeof(many) - at < piece ? sizeof(many) - at : piece);
		sha256_end_text(&s, text);
		is_str(text,
		       "sha256:cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	}
}

static void the_plain_way_gives_the_same_at_every_length(void)
{
	uint8_t bytes[3000]; /* enough for the processor to be asked */
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7);
	for (size_t n = 0; n < sizeof(bytes); n++) {
		char plain[SHA256_TEXT], text[SHA256_TEXT];
		struct sha256 s;
		sha256_init_plain(&s);
		sha256_add(&s, bytes, n / 3);
		sha256_add(&s, bytes + n / 3, n - n / 3);
		sha256_end_text(&s, plain);
		sha256_text(bytes, n, text);
		is_str(plain, text);
	}
}

static void copies_of_what_was_begun_go_on_each_by_itself(void)
{
	char want[SHA256_TEXT], text[SHA256_TEXT];
	static const size_t expected[] = { 0, 100, 100000 };
	for (size_t i = 0; i < 3; i++) {
		struct sha256 begun;
		sha256_init(&begun);
		sha256_expect(&begun, expected[i]);
		for (size_t n = 0; n < 200; n++) {
			struct sha256 s = begun;
			uint8_t bytes[200];
			memset(bytes, (int)n, n);
			sha256_add(&s, bytes, n);
			sha256_end_text(&s, text);
			sha256_text(bytes, n, want);
			is_str(text, want);
		}
	}
}

int main(void)
{
	test(known_texts_have_their_known_digests);
	test(a_million_letters_in_odd_pieces_have_their_known_digest);
	test(the_plain_way_gives_the_same_at_every_length);
	test(copies_of_what_was_begun_go_on_each_by_itself);
	return done_testing();
}

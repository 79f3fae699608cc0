/* ed25519_test.c - signatures by Ed25519, against RFC 8032's examples. */
#include "image/ed25519.h"
#include "tap.h"

struct example {
	const char *key, *text, *signature;
	bool hashed;
};
static const struct example examples[] = {
	{ "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
	  "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e3970"
	  "1cf9b46bd25bf5f0595bbe24655141438e7a100b" },
	{ "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
	  "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613"
	  "d0f11d8c387b2eaeb4302aeeb00d291612bb0c00" },
	{ "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
	  "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760"
	  "984dc6594a7c15e9716ed28dc027beceea1ec40a" },
	{ "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf", "616263",
	  "98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae4131f85042463c2a355a2003d0"
	  "62adf5aaa10b8c61e636062aaad11c2a26083406",
	  true },
};
#define EXAMPLES (sizeof(examples) / sizeof(examples[0]))

static size_t unhex(const char *hex, uint8_t *out)
{
	size_t n = strlen(hex) / 2;
	for (size_t i = 0; i < n; i++) {
		unsigned v = 0;
		sscanf(hex + 2 * i, "%2x", &v);
		out[i] = (uint8_t)v;
	}
	return n;
}

struct bytes {
	uint8_t key[ED25519_KEY], text[8], signature[ED25519_SIGNATURE];
	size_t n;
};

static struct bytes bytes_of(const struct example *x)
{
	struct bytes b = { 0 };
	unhex(x->key, b.key);
	b.n = unhex(x->text, b.text);
	unhex(x->signature, b.signature);
	return b;
}

static void examples_verify_and_only_as_what_they_are(void)
{
	for (size_t i = 0; i < EXAMPLES; i++) {
		struct bytes b = bytes_of(&examples[i]);
		ok(ed25519_is_signed(b.key, b.signature, b.text, b.n) == !examples[i].hashed);
		ok(ed25519ph_is_signed(b.key, b.signature, b.text, b.n) == examples[i].hashed);
	}
}

static void every_changed_bit_is_seen(void)
{
	struct bytes good = bytes_of(&examples[2]);
	size_t taken = 0;
	for (size_t bit = 0; bit < 8 * ED25519_SIGNATURE; bit++) {
		struct bytes b = good;
		b.signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
		taken += ed25519_is_signed(b.key, b.signature, b.text, b.n);
		b = good;
		b.key[bit / 8 % ED25519_KEY] ^= (uint8_t)(1 << bit % 8);
		taken += ed25519_is_signed(b.key, b.signature, b.text, b.n);
		b = good;
		b.text[bit / 8 % b.n] ^= (uint8_t)(1 << bit % 8);
		taken += ed25519_is_signed(b.key, b.signature, b.text, b.n);
	}
	is_int((int)taken, 0);
	ok(!ed25519_is_signed(good.key, good.signature, good.text, good.n - 1));
}

/* The same number, written larger by the order of the group. */
static void a_signature_has_one_form(void)
{
	static const uint8_t order[32] = { 0xed, 0xd3, 0xf5, 0x5c, 0x1a,       0x63,
					   0x12, 0x58, 0xd6, 0x9c, 0xf7,       0xa2,
					   0xde, 0xf9, 0xde, 0x14, [31] = 0x10 };
	struct bytes b = bytes_of(&examples[0]);
	for (unsigned i = 0, carry = 0; i < 32; i++) {
		carry += (unsigned)b.signature[32 + i] + order[i];
		b.signature[32 + i] = (uint8_t)carry;
		carry >>= 8;
	}
	ok(!ed25519_is_signed(b.key, b.signature, b.text, b.n));
}

static void a_key_that_is_no_point_verifies_nothing(void)
{
	struct bytes b = bytes_of(&examples[0]);
	memset(b.key, 0, sizeof(b.key));
	b.key[0] = 2;
	ok(!ed25519_is_signed(b.key, b.signature, b.text, b.n));
}

int main(void)
{
	test(examples_verify_and_only_as_what_they_are);
	test(every_changed_bit_is_seen);
	test(a_signature_has_one_form);
	test(a_key_that_is_no_point_verifies_nothing);
	return done_testing();
}

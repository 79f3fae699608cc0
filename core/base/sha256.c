/* sha256.c - SHA-256 of a stream of bytes, with the processor's instructions where it has them. */
#include "base/sha256.h"

#include <string.h>

#define WORTH_IT 16 /* blocks */

static const uint32_t constants[64] __attribute__((aligned(16))) = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
	0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
	0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
	0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
	0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
	0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
	0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
	0xc67178f2,
};

static uint32_t rotate(uint32_t x, int n)
{
	return x >> n | x << (32 - n);
}

static uint32_t big_endian(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void schedule(uint32_t w[64], const uint8_t *p)
{
	for (int i = 0; i < 16; i++)
		w[i] = big_endian(p + 4 * i);
	for (int i = 16; i < 64; i++) {
		uint32_t a = w[i - 15], b = w[i - 2];
		w[i] = w[i - 16] + w[i - 7] + (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) +
		       (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
	}
}

static void blocks_plain(uint32_t state[8], const uint8_t *p, size_t n)
{
	for (; n; n--, p += 64) {
		uint32_t w[64];
		uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
		uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
		schedule(w, p);
		for (int i = 0; i < 64; i++) {
			uint32_t t1 = h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) +
				      ((e & f) ^ (~e & g)) + constants[i] + w[i];
			uint32_t t2 = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) +
				      ((a & b) ^ (a & c) ^ (b & c));
			h = g, g = f, f = e, e = d + t1;
			d = c, c = b, b = a, a = t1 + t2;
		}
		state[0] += a, state[1] += b, state[2] += c, state[3] += d;
		state[4] += e, state[5] += f, state[6] += g, state[7] += h;
	}
}

#ifdef __x86_64__
#include <cpuid.h>
#include <immintrin.h>

static bool processor_can(void)
{
	unsigned a, b, c, d;
	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSSE3) || !(c & bit_SSE4_1))
		return false;
	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA);
}

#define WITH_SHA __attribute__((target("sha,sse4.1,ssse3")))

/* Four rounds on s[0] = ABEF and s[1] = CDGH. */
WITH_SHA static inline __attribute__((always_inline)) void rounds(__m128i s[2], __m128i w, int at)
{
	__m128i k = _mm_add_epi32(w, _mm_load_si128((const __m128i *)(constants + at)));
	s[1] = _mm_sha256rnds2_epu32(s[1], s[0], k);
	s[0] = _mm_sha256rnds2_epu32(s[0], s[1], _mm_shuffle_epi32(k, 0x0e));
}

/* The next four words of the schedule, in the place of the oldest. */
WITH_SHA static inline __attribute__((always_inline)) __m128i next(__m128i w0, __m128i w1,
								   __m128i w2, __m128i w3)
{
	__m128i t = _mm_add_epi32(_mm_sha256msg1_epu32(w0, w1), _mm_alignr_epi8(w3, w2, 4));
	return _mm_sha256msg2_epu32(t, w3);
}

WITH_SHA static void blocks_fast(uint32_t h[8], const uint8_t *p, size_t n)
{
	const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
	__m128i s[2], dcba = _mm_loadu_si128((const __m128i *)h);
	__m128i hgfe = _mm_loadu_si128((const __m128i *)(h + 4));
	dcba = _mm_shuffle_epi32(dcba, 0xb1);
	hgfe = _mm_shuffle_epi32(hgfe, 0x1b);
	s[0] = _mm_alignr_epi8(dcba, hgfe, 8);
	s[1] = _mm_blend_epi16(hgfe, dcba, 0xf0);
	for (; n; n--, p += 64) {
		const __m128i *in = (const __m128i *)p;
		__m128i was0 = s[0], was1 = s[1];
		__m128i w0 = _mm_shuffle_epi8(_mm_loadu_si128(in), swap);
		__m128i w1 = _mm_shuffle_epi8(_mm_loadu_si128(in + 1), swap);
		__m128i w2 = _mm_shuffle_epi8(_mm_loadu_si128(in + 2), swap);
		__m128i w3 = _mm_shuffle_epi8(_mm_loadu_si128(in + 3), swap);
		for (int i = 0;; i += 16) {
			rounds(s, w0, i);
			rounds(s, w1, i + 4);
			rounds(s, w2, i + 8);
			rounds(s, w3, i + 12);
			if (i == 48)
				break;
			w0 = next(w0, w1, w2, w3);
			w1 = next(w1, w2, w3, w0);
			w2 = next(w2, w3, w0, w1);
			w3 = next(w3, w0, w1, w2);
		}
		s[0] = _mm_add_epi32(s[0], was0);
		s[1] = _mm_add_epi32(s[1], was1);
	}
	dcba = _mm_shuffle_epi32(s[0], 0x1b);
	hgfe = _mm_shuffle_epi32(s[1], 0xb1);
	_mm_storeu_si128((__m128i *)h, _mm_blend_epi16(dcba, hgfe, 0xf0));
	_mm_storeu_si128((__m128i *)(h + 4), _mm_alignr_epi8(hgfe, dcba, 8));
}
#else
static bool processor_can(void)
{
	return false;
}

static void blocks_fast(uint32_t h[8], const uint8_t *p, size_t n)
{
	blocks_plain(h, p, n);
}
#endif

/* The question ends a virtual machine's turn, four times: that is longer than a few blocks take. */
static void ask(struct sha256 *s, size_t n)
{
	if (!s->ask || n < WORTH_IT)
		return;
	s->fast = processor_can();
	s->ask = false;
}

static void blocks(struct sha256 *s, const uint8_t *p, size_t n)
{
	ask(s, n);
	if (s->fast)
		blocks_fast(s->h, p, n);
	else
		blocks_plain(s->h, p, n);
}

void sha256_init_plain(struct sha256 *s)
{
	static const uint32_t start[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
					   0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };
	*s = (struct sha256){ 0 };
	memcpy(s->h, start, sizeof(start));
}

void sha256_init(struct sha256 *s)
{
	sha256_init_plain(s);
	s->ask = true;
}

void sha256_expect(struct sha256 *s, size_t n)
{
	ask(s, n / 64);
	s->ask = false;
}

void sha256_add(struct sha256 *s, const void *p, size_t n)
{
	const uint8_t *in = p;
	size_t had = s->len % 64;
	s->len += n;
	if (had) {
		size_t part = 64 - had < n ? 64 - had : n;
		memcpy(s->block + had, in, part);
		in += part;
		n -= part;
		if (had + part < 64)
			return;
		blocks(s, s->block, 1);
	}
	if (n >= 64)
		blocks(s, in, n / 64);
	if (n % 64)
		memcpy(s->block, in + n / 64 * 64, n % 64);
}

void sha256_end(struct sha256 *s, uint8_t out[SHA256_BYTES])
{
	static const uint8_t pad[64] = { 0x80 };
	uint64_t bits = s->len * 8;
	uint8_t tail[8];
	for (int i = 0; i < 8; i++)
		tail[i] = (uint8_t)(bits >> (56 - 8 * i));
	sha256_add(s, pad, 1 + (119 - s->len % 64) % 64);
	sha256_add(s, tail, 8);
	for (int i = 0; i < SHA256_BYTES; i++)
		out[i] = (uint8_t)(s->h[i / 4] >> (24 - 8 * (i % 4)));
}

void hex_text(const uint8_t *p, size_t n, char *out)
{
	static const char hex[] = "0123456789abcdef";
	for (size_t i = 0; i < n; i++) {
		out[2 * i] = hex[p[i] >> 4];
		out[2 * i + 1] = hex[p[i] & 15];
	}
	out[2 * n] = 0;
}

void sha256_end_text(struct sha256 *s, char out[SHA256_TEXT])
{
	uint8_t raw[SHA256_BYTES];
	sha256_end(s, raw);
	memcpy(out, "sha256:", 7);
	hex_text(raw, SHA256_BYTES, out + 7);
}

void sha256_text(const void *p, size_t n, char out[SHA256_TEXT])
{
	struct sha256 s;
	sha256_init(&s);
	sha256_add(&s, p, n);
	sha256_end_text(&s, out);
}

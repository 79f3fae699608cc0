/* hosts_fuzz.c - foreign bytes as a hosts.toml: what is accepted has hosts that can be spoken to.
 */
#include "image/hosts.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	auto_arena *a = arena_new((size_t)8 << 20);
	struct hosts h;
	struct err e = { 0 };
	if (!a)
		return 0;
	if (hosts_parse((const char *)p, n, "/dir", a, &h, &e) < 0) {
		if (!*e.msg)
			abort();
		return 0;
	}
	if (!h.n || h.n > HOSTS_MAX)
		abort();
	for (size_t i = 0; i < h.n; i++) {
		const struct host *at = &h.v[i];
		if (at->base && (strncmp(at->base, "http", 4) != 0 || strpbrk(at->base, " \r\n")))
			abort();
		if (!at->base && i != h.n - 1)
			abort();
		for (size_t k = 0; k < at->http.ca.n; k++)
			if (*at->http.ca.v[k] != '/')
				abort();
		for (size_t k = 0; k < at->http.headers.n; k++)
			if (strpbrk(at->http.headers.v[k], "\r\n"))
				abort();
		if (at->http.cert && (*at->http.cert != '/' || *at->http.key != '/'))
			abort();
	}
	return 0;
}

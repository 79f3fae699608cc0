/* toml_fuzz.c - foreign bytes as runtime options in TOML: what is accepted has strings, and a
 * refusal changes nothing. */
#include "base/log.h"
#include "ttrpc/options_toml.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	const struct runtime_options none = {
		.shim_cgroup = "", .binary = "", .root = "", .criu_work_path = ""
	};
	static const struct log_options quiet = { .level = LOG_ERROR };
	struct runtime_options o = none;
	struct err e = { 0 };
	auto_arena *a = arena_new((size_t)1 << 20);
	if (!a)
		return 0;
	log_open(&quiet, NULL); /* keys that are not known are no news here */
	if (options_toml_parse((const char *)p, n, a, &o, &e) < 0) {
		if (memcmp(&o, &none, sizeof(o)) != 0 || !*e.msg)
			abort();
		return 0;
	}
	if (strlen(o.shim_cgroup) + strlen(o.binary) + strlen(o.root) + strlen(o.criu_work_path) >
	    n)
		abort();
	return 0;
}

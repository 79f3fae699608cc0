/* json_fuzz.c - foreign bytes as JSON of every type that a table can name, and as a string to be
 * written. */
#include "base/arena.h"
#include "base/json.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

struct thing {
	const char *key, *text, *raw;
	int64_t i;
	uint64_t u;
	int small;
	uint32_t id;
	bool yes;
	struct opt_i64 oi;
	struct opt_u64 ou;
	struct opt_bool ob;
	struct strs strs;
	struct u32s ids;
	struct pairs pairs;
	struct thing *ptr;
	struct {
		struct thing *v;
		size_t n;
	} list, dict;
	struct timespec when;
};

static const struct json_field fields[] = {
	JSON(J_STR, thing, text, "s"),
	JSON(J_RAW, thing, raw, "r"),
	JSON(J_I64, thing, i, "i"),
	JSON(J_U64, thing, u, "u"),
	JSON(J_INT, thing, small, "n"),
	JSON(J_U32, thing, id, "d"),
	JSON(J_BOOL, thing, yes, "b"),
	JSON(J_OPT_I64, thing, oi, "oi"),
	JSON(J_OPT_U64, thing, ou, "ou"),
	JSON(J_OPT_BOOL, thing, ob, "ob"),
	JSON(J_STRS, thing, strs, "l"),
	JSON(J_U32S, thing, ids, "x"),
	JSON(J_PAIRS, thing, pairs, "m"),
	JSON(J_TIME, thing, when, "t"),
	JSON_SUB(J_PTR, thing, ptr, "p", fields, thing),
	JSON_SUB(J_LIST, thing, list, "a", fields, thing),
	JSON_SUB(J_DICT, thing, dict, "o", fields, thing),
	{ 0 },
};

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	auto_arena *a = arena_new((size_t)64 << 20);
	struct thing t = { 0 }, back = { 0 };
	struct err e = { 0 };
	auto_buf quoted = { 0 }, text = { 0 };
	if (!a)
		return 0;
	buf_str(&quoted, "{\"s\":");
	json_string(&quoted, (const char *)p, n);
	buf_char(&quoted, '}');
	int rc = json_read(quoted.p, quoted.len, fields, &back, a, &e);
	if (rc < 0 && !memchr(p, 0, n))
		abort(); /* what we quote, we can read; but for a NUL, which is refused */
	if (json_read((const char *)p, n, fields, &t, a, &e) < 0)
		return 0;
	json_write(&text, fields, &t, 1);
	memset(&back, 0, sizeof(back));
	if (text.failed || json_read(text.p, text.len, fields, &back, a, &e) == -EINVAL)
		abort();
	return 0;
}

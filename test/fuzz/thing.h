/* thing.h - a value of every type that a table can name, for what reads by tables. */
#ifndef FUZZ_THING_H
#define FUZZ_THING_H

#include "base/arena.h"
#include "base/json.h"

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

static const struct json_field thing_fields[] = {
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
	JSON_SUB(J_PTR, thing, ptr, "p", thing_fields, thing),
	JSON_SUB(J_LIST, thing, list, "a", thing_fields, thing),
	JSON_SUB(J_DICT, thing, dict, "o", thing_fields, thing),
	{ 0 },
};

#endif

/* toml.h - TOML as a tree. */
#ifndef BASE_TOML_H
#define BASE_TOML_H

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum toml_kind {
	TOML_TABLE,
	TOML_ARRAY,
	TOML_STRING,
	TOML_NUMBER, /* a whole one */
	TOML_FLAG,
	TOML_OTHER, /* a fraction, a date or a time: its text */
};

struct toml {
	enum toml_kind kind;
	unsigned line;
	const char *key;    /* NULL in an array */
	const char *string; /* of TOML_STRING and TOML_OTHER */
	int64_t number;
	bool flag;
	bool closed, opened;	   /* of the reader: no key may join, has had its [header] */
	struct toml *first, *last; /* of a table, an array; in the order of the text */
	struct toml *next;	   /* beside it */
};

/* TOML 1.0 into a table. -EINVAL with the line and what is wrong there, -E2BIG for more than 10,000
 * values, 32 levels or the arena's cap. */
int toml_parse(const char *text, size_t len, struct arena *a, struct toml *out, struct err *e);

/* What a table has by that key; NULL when nothing, or when it is no table. */
const struct toml *toml_get(const struct toml *table, const char *key);

#endif

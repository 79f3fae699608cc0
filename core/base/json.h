/* json.h - JSON to structs and back, described once by a table of fields. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"

#include <stdbool.h>
#include <stddef.h>

enum json_type {
	J_STR = 1,  /* const char *; absent and null: NULL */
	J_BOOL,	    /* bool */
	J_INT,	    /* int */
	J_I64,	    /* int64_t */
	J_U32,	    /* uint32_t */
	J_U64,	    /* uint64_t */
	J_OPT_I64,  /* struct opt_i64 */
	J_OPT_U64,  /* struct opt_u64 */
	J_OPT_BOOL, /* struct opt_bool */
	J_STRS,	    /* struct strs */
	J_U32S,	    /* struct u32s */
	J_PAIRS,    /* struct pairs */
	J_STRUCT,   /* a struct in place, described by sub; empty when all its fields are */
	J_PTR,	    /* a pointer to one, NULL when absent; sub and size needed */
	J_LIST,	    /* {T *v; size_t n;} of structs; sub and size needed */
	J_DICT,	    /* the same from an object; each T begins with `const char *key` */
	J_RAW,	    /* const char *: the value's own JSON, without blanks */
	J_TIME,	    /* struct timespec, as RFC 3339 with nanoseconds, UTC; zero: absent */
};

/* Flags of a field. */
enum {
	J_REQUIRED = 1, /* reading fails when it is absent; always written */
	J_KEEP = 2,	/* written even when empty, zero or false */
};

/* Narrow: there are hundreds of them. */
struct json_field {
	const char *name; /* NULL ends a table */
	enum json_type type : 8;
	unsigned flags : 8;
	unsigned offset : 16;
	unsigned size : 16; /* of one element, for J_PTR, J_LIST and J_DICT */
	const struct json_field *sub;
};

#define JSON(type_, struct_, member_, name_) \
	{ .name = (name_), .type = (type_), .offset = offsetof(struct struct_, member_) }
#define JSON_F(type_, struct_, member_, name_, flags_) \
	{ .name = (name_),                             \
	  .type = (type_),                             \
	  .flags = (flags_),                           \
	  .offset = offsetof(struct struct_, member_) }
#define JSON_SUB(type_, struct_, member_, name_, sub_, elem_) \
	{ .name = (name_),                                    \
	  .type = (type_),                                    \
	  .offset = offsetof(struct struct_, member_),        \
	  .sub = (sub_),                                      \
	  .size = sizeof(struct elem_) }

/* Parses text[0..len) and fills the zeroed obj by the table; 64-bit numbers are exact. Strings and
 * lists go to the arena. Unknown names are ignored, and so is the case of known ones; of a name
 * given twice the last counts. A wrong type, a number out of range, text after the value or more
 * than 64 levels are refused with where they are ("process.args[1]: expected a string"). -EINVAL
 * for those, -E2BIG over the arena's cap. */
int json_read(const char *text, size_t len, const struct json_field *table, void *obj,
	      struct arena *a, struct err *e);

#define JSON_TABS (-1)

/* Appends obj as JSON: compact for indent 0, else indented by that many spaces, or by tabs. Fails
 * only as the buf does. */
void json_write(struct buf *b, const struct json_field *table, const void *obj, int indent);

/* Appends s as a JSON string with its quotes; bytes that are not UTF-8 become U+FFFD. */
void json_string(struct buf *b, const char *s, size_t n);

#endif

/* json.c - JSON to structs and back, described once by a table of fields. */
#include "base/json.h"
#include "base/clock.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define JSON_DEPTH 64

/* Where in the document the reader is, for messages. */
struct where {
	const struct where *up;
	const char *name; /* NULL: an index */
	size_t index;
};

struct reader {
	struct arena *a;
	struct err *e;
};

static void where_text(const struct where *w, struct buf *b)
{
	if (!w)
		return;
	where_text(w->up, b);
	if (w->name)
		buf_printf(b, "%s%.60s", b->len ? "." : "", w->name);
	else
		buf_printf(b, "[%zu]", w->index);
}

static int wrong(struct reader *r, const struct where *w, const char *what)
{
	auto_buf b = { .max = 512 };
	where_text(w, &b);
	return refuse(r->e, EINVAL, "%s: %s", b.len ? b.p : "the document", what);
}

static int too_big(struct reader *r, const struct where *w)
{
	wrong(r, w, "too large");
	if (r->e)
		r->e->code = E2BIG;
	return -E2BIG;
}

static int read_object(struct reader *r, const cJSON *j, const struct json_field *table, void *obj,
		       const struct where *w);

/* An integer within [min, max]; the ends saturate, since a double cannot hold them exactly. */
static int read_number(struct reader *r, const cJSON *j, double min, double max,
		       const struct where *w, double *out)
{
	if (!cJSON_IsNumber(j))
		return wrong(r, w, "expected a number");
	double d = j->valuedouble;
	if (d != floor(d))
		return wrong(r, w, "expected a whole number");
	if (d < min || d > max)
		return wrong(r, w, "out of range");
	*out = d;
	return 0;
}

static int64_t to_i64(double d)
{
	return d >= 9223372036854775807.0 ? INT64_MAX : (int64_t)d;
}

static uint64_t to_u64(double d)
{
	return d >= 18446744073709551615.0 ? UINT64_MAX : (uint64_t)d;
}

static int read_i64(struct reader *r, const cJSON *j, int64_t *out, const struct where *w)
{
	double d = 0;
	/* 2^63 and up are kernel habits for "no limit": they saturate. */
	int rc = read_number(r, j, -9223372036854775808.0, 18446744073709551616.0, w, &d);
	if (rc == 0)
		*out = to_i64(d);
	return rc;
}

static int read_u64(struct reader *r, const cJSON *j, uint64_t *out, const struct where *w)
{
	double d = 0;
	int rc = read_number(r, j, 0, 18446744073709551616.0, w, &d);
	if (rc == 0)
		*out = to_u64(d);
	return rc;
}

static int read_u32(struct reader *r, const cJSON *j, uint32_t *out, const struct where *w)
{
	double d = 0;
	int rc = read_number(r, j, 0, UINT32_MAX, w, &d);
	if (rc == 0)
		*out = (uint32_t)d;
	return rc;
}

static int read_int(struct reader *r, const cJSON *j, int *out, const struct where *w)
{
	double d = 0;
	int rc = read_number(r, j, INT32_MIN, INT32_MAX, w, &d);
	if (rc == 0)
		*out = (int)d;
	return rc;
}

static int read_string(struct reader *r, const cJSON *j, const char **out, const struct where *w)
{
	if (!cJSON_IsString(j))
		return wrong(r, w, "expected a string");
	*out = arena_str(r->a, j->valuestring);
	return *out ? 0 : too_big(r, w);
}

static int read_bool(struct reader *r, const cJSON *j, bool *out, const struct where *w)
{
	if (!cJSON_IsBool(j))
		return wrong(r, w, "expected true or false");
	*out = cJSON_IsTrue(j);
	return 0;
}

static int read_time(struct reader *r, const cJSON *j, struct timespec *out, const struct where *w)
{
	if (!cJSON_IsString(j) || clock_parse(j->valuestring, out) < 0)
		return wrong(r, w, "expected a time (RFC 3339)");
	return 0;
}

static int read_raw(struct reader *r, const cJSON *j, const char **out, const struct where *w)
{
	char *text = cJSON_PrintUnformatted(j);
	*out = text ? arena_str(r->a, text) : NULL;
	cJSON_free(text);
	return *out ? 0 : too_big(r, w);
}

struct raw_list {
	char *v;
	size_t n;
};

static size_t children(const cJSON *j)
{
	size_t n = 0;
	for (const cJSON *c = j->child; c; c = c->next)
		n++;
	return n;
}

static int read_strs(struct reader *r, const cJSON *j, struct strs *out, const struct where *w)
{
	if (!cJSON_IsArray(j))
		return wrong(r, w, "expected a list of strings");
	size_t n = children(j), i = 0;
	const char **v = arena_array(r->a, n + 1, sizeof(*v)); /* one more: a NULL for execve */
	if (!v)
		return too_big(r, w);
	for (const cJSON *c = j->child; c; c = c->next, i++) {
		int rc = read_string(r, c, &v[i], &(struct where){ .up = w, .index = i });
		if (rc < 0)
			return rc;
	}
	*out = (struct strs){ v, n };
	return 0;
}

static int read_u32s(struct reader *r, const cJSON *j, struct u32s *out, const struct where *w)
{
	if (!cJSON_IsArray(j))
		return wrong(r, w, "expected a list of numbers");
	size_t n = children(j), i = 0;
	uint32_t *v = arena_array(r->a, n, sizeof(*v));
	if (!v)
		return too_big(r, w);
	for (const cJSON *c = j->child; c; c = c->next, i++) {
		int rc = read_u32(r, c, &v[i], &(struct where){ .up = w, .index = i });
		if (rc < 0)
			return rc;
	}
	*out = (struct u32s){ v, n };
	return 0;
}

static int read_pairs(struct reader *r, const cJSON *j, struct pairs *out, const struct where *w)
{
	if (!cJSON_IsObject(j))
		return wrong(r, w, "expected an object of strings");
	size_t n = children(j), i = 0;
	struct pair *v = arena_array(r->a, n, sizeof(*v));
	if (!v)
		return too_big(r, w);
	for (const cJSON *c = j->child; c; c = c->next, i++) {
		int rc = read_string(r, c, &v[i].value,
				     &(struct where){ .up = w, .name = c->string });
		if (rc < 0)
			return rc;
		v[i].key = arena_str(r->a, c->string);
		if (!v[i].key)
			return too_big(r, w);
	}
	*out = (struct pairs){ v, n };
	return 0;
}

static int read_list(struct reader *r, const cJSON *j, const struct json_field *f,
		     struct raw_list *out, const struct where *w)
{
	bool dict = f->type == J_DICT;
	if (dict ? !cJSON_IsObject(j) : !cJSON_IsArray(j))
		return wrong(r, w, dict ? "expected an object" : "expected a list");
	size_t n = children(j), i = 0;
	char *v = arena_array(r->a, n, f->size);
	if (!v)
		return too_big(r, w);
	for (const cJSON *c = j->child; c; c = c->next, i++) {
		struct where here = { .up = w, .name = dict ? c->string : NULL, .index = i };
		int rc = read_object(r, c, f->sub, v + i * f->size, &here);
		if (rc < 0)
			return rc;
		if (dict && !(*(const char **)(v + i * f->size) = arena_str(r->a, c->string)))
			return too_big(r, w);
	}
	*out = (struct raw_list){ v, n };
	return 0;
}

static int read_ptr(struct reader *r, const cJSON *j, const struct json_field *f, void **out,
		    const struct where *w)
{
	void *p = arena_alloc(r->a, f->size);
	if (!p)
		return too_big(r, w);
	int rc = read_object(r, j, f->sub, p, w);
	if (rc == 0)
		*out = p;
	return rc;
}

static int read_field(struct reader *r, const cJSON *j, const struct json_field *f, void *p,
		      const struct where *w)
{
	switch (f->type) {
	case J_STR:
		return read_string(r, j, p, w);
	case J_BOOL:
		return read_bool(r, j, p, w);
	case J_INT:
		return read_int(r, j, p, w);
	case J_I64:
		return read_i64(r, j, p, w);
	case J_U32:
		return read_u32(r, j, p, w);
	case J_U64:
		return read_u64(r, j, p, w);
	case J_OPT_I64:
		((struct opt_i64 *)p)->set = true;
		return read_i64(r, j, &((struct opt_i64 *)p)->v, w);
	case J_OPT_U64:
		((struct opt_u64 *)p)->set = true;
		return read_u64(r, j, &((struct opt_u64 *)p)->v, w);
	case J_OPT_BOOL:
		((struct opt_bool *)p)->set = true;
		return read_bool(r, j, &((struct opt_bool *)p)->v, w);
	case J_STRS:
		return read_strs(r, j, p, w);
	case J_U32S:
		return read_u32s(r, j, p, w);
	case J_PAIRS:
		return read_pairs(r, j, p, w);
	case J_STRUCT:
		return read_object(r, j, f->sub, p, w);
	case J_PTR:
		return read_ptr(r, j, f, p, w);
	case J_LIST:
	case J_DICT:
		return read_list(r, j, f, p, w);
	case J_RAW:
		return read_raw(r, j, p, w);
	case J_TIME:
		return read_time(r, j, p, w);
	}
	return wrong(r, w, "has no type");
}

static const struct json_field *field_find(const struct json_field *table, const char *name)
{
	for (const struct json_field *f = table; f->name; f++)
		if (!strcmp(f->name, name))
			return f;
	return NULL;
}

static int read_object(struct reader *r, const cJSON *j, const struct json_field *table, void *obj,
		       const struct where *w)
{
	uint64_t seen = 0, have = 0;
	if (!cJSON_IsObject(j))
		return wrong(r, w, "expected an object");
	for (const cJSON *c = j->child; c; c = c->next) {
		const struct json_field *f = field_find(table, c->string);
		struct where here = { .up = w, .name = c->string };
		if (!f)
			continue;
		if (seen & (1ull << (f - table)))
			return wrong(r, &here, "given twice");
		seen |= 1ull << (f - table);
		if (cJSON_IsNull(c)) /* as if it were absent */
			continue;
		have |= 1ull << (f - table);
		int rc = read_field(r, c, f, (char *)obj + f->offset, &here);
		if (rc < 0)
			return rc;
	}
	for (const struct json_field *f = table; f->name; f++)
		if ((f->flags & J_REQUIRED) && !(have & (1ull << (f - table))))
			return wrong(r, &(struct where){ .up = w, .name = f->name }, "missing");
	return 0;
}

/* What the parser would not tell: it takes any depth, and a string with a NUL for the part before
 * it. */
static int look_over(const char *text, size_t len, struct err *e)
{
	int depth = 0;
	bool quoted = false;
	for (size_t i = 0; i < len; i++) {
		if (quoted) {
			bool escaped = text[i] == '\\' && len - i > 5 &&
				       !memcmp(text + i + 1, "u0000", 5);
			if (escaped || !text[i])
				return refuse(e, EINVAL, "a string has a NUL character in it");
			if (text[i] == '\\')
				i++;
			else if (text[i] == '"')
				quoted = false;
		} else if (text[i] == '"') {
			quoted = true;
		} else if (text[i] == '{' || text[i] == '[') {
			if (++depth > JSON_DEPTH)
				return refuse(e, EINVAL, "more than %d levels deep", JSON_DEPTH);
		} else if (text[i] == '}' || text[i] == ']') {
			depth--;
		}
	}
	return 0;
}

static int malformed(const char *text, size_t len, const char *end, struct err *e)
{
	size_t line = 1, column = 1;
	for (const char *p = text; end && p < end && p < text + len; p++) {
		column = *p == '\n' ? 1 : column + 1;
		line += *p == '\n';
	}
	return refuse(e, EINVAL, "not valid JSON at line %zu, column %zu", line, column);
}

int json_read(const char *text, size_t len, const struct json_field *table, void *obj,
	      struct arena *a, struct err *e)
{
	const char *end = NULL;
	if (look_over(text, len, e) < 0)
		return -EINVAL;
	cJSON *j = cJSON_ParseWithLengthOpts(text, len, &end, 0);
	if (!j)
		return malformed(text, len, end, e);
	while (end < text + len && strchr(" \t\r\n", *end) && *end)
		end++;
	int rc = 0;
	if (end < text + len && *end)
		rc = malformed(text, len, end, e);
	struct reader r = { a, e };
	if (rc == 0)
		rc = read_object(&r, j, table, obj, NULL);
	cJSON_Delete(j);
	return rc;
}

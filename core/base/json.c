/* json.c - JSON to structs and back, described once by a table of fields. */
#include "base/json.h"
#include "base/clock.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define JSON_DEPTH 64
#define TREE_ROOM  (48 << 10) /* bytes: what cJSON makes of most documents */

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

/* As Go has it: what can be nothing becomes that, whatever the same key said before, and what
 * cannot stays. Whether it is nothing now. */
static bool set_null(const struct json_field *f, void *p)
{
	switch (f->type) {
	case J_OPT_I64:
	case J_OPT_U64:
		*(struct opt_u64 *)p = (struct opt_u64){ 0 };
		return true;
	case J_OPT_BOOL:
		*(struct opt_bool *)p = (struct opt_bool){ 0 };
		return true;
	case J_STRS:
	case J_U32S:
	case J_PAIRS:
	case J_LIST:
	case J_DICT:
		*(struct strs *)p = (struct strs){ 0 };
		return true;
	case J_PTR:
		*(void **)p = NULL;
		return true;
	default:
		return false;
	}
}

static int read_object(struct reader *r, const cJSON *j, const struct json_field *table, void *obj,
		       const struct where *w);

/* A double holds whole numbers up to 15 digits. Longer ones are given to the parser as strings that
 * begin so, which no text in UTF-8 does. */
#define LONG_NUMBER  '\xff'
#define EXACT_DIGITS 15

static bool is_long(const cJSON *j)
{
	return cJSON_IsString(j) && j->valuestring[0] == LONG_NUMBER;
}

struct number {
	bool negative;
	uint64_t v; /* without the sign */
};

static int read_number(struct reader *r, const cJSON *j, struct number *out, const struct where *w)
{
	if (is_long(j)) {
		out->negative = j->valuestring[1] == '-';
		errno = 0;
		out->v = strtoull(j->valuestring + 1 + out->negative, NULL, 10);
		return errno ? wrong(r, w, "out of range") : 0;
	}
	if (!cJSON_IsNumber(j))
		return wrong(r, w, "expected a number");
	double d = fabs(j->valuedouble);
	if (d != floor(d))
		return wrong(r, w, "expected a whole number");
	if (d >= 18446744073709551616.0)
		return wrong(r, w, "out of range");
	*out = (struct number){ j->valuedouble < 0, (uint64_t)d };
	return 0;
}

static int read_signed(struct reader *r, const cJSON *j, int64_t min, int64_t max, int64_t *out,
		       const struct where *w)
{
	struct number n;
	int rc = read_number(r, j, &n, w);
	if (rc < 0)
		return rc;
	if (n.v > (uint64_t)INT64_MAX + n.negative)
		return wrong(r, w, "out of range");
	int64_t v = n.negative ? (int64_t)(0 - n.v) : (int64_t)n.v;
	if (v < min || v > max)
		return wrong(r, w, "out of range");
	*out = v;
	return 0;
}

static int read_unsigned(struct reader *r, const cJSON *j, uint64_t max, uint64_t *out,
			 const struct where *w)
{
	struct number n;
	int rc = read_number(r, j, &n, w);
	if (rc == 0 && (n.v > max || (n.negative && n.v)))
		rc = wrong(r, w, "out of range");
	if (rc == 0)
		*out = n.v;
	return rc;
}

static int read_i64(struct reader *r, const cJSON *j, int64_t *out, const struct where *w)
{
	return read_signed(r, j, INT64_MIN, INT64_MAX, out, w);
}

static int read_u64(struct reader *r, const cJSON *j, uint64_t *out, const struct where *w)
{
	return read_unsigned(r, j, UINT64_MAX, out, w);
}

static int read_u32(struct reader *r, const cJSON *j, uint32_t *out, const struct where *w)
{
	uint64_t v;
	int rc = read_unsigned(r, j, UINT32_MAX, &v, w);
	if (rc == 0)
		*out = (uint32_t)v;
	return rc;
}

static int read_int(struct reader *r, const cJSON *j, int *out, const struct where *w)
{
	int64_t v;
	int rc = read_signed(r, j, INT32_MIN, INT32_MAX, &v, w);
	if (rc == 0)
		*out = (int)v;
	return rc;
}

static int read_string(struct reader *r, const cJSON *j, const char **out, const struct where *w)
{
	if (!cJSON_IsString(j) || is_long(j))
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
	char *text = cJSON_PrintUnformatted(j), *to = text, *p = text;
	while (to && (*to = *p)) {
		if (*p == '"' && p[1] == LONG_NUMBER && (p == text || p[-1] != '\\')) {
			size_t n = strcspn(p + 2, "\""); /* as it was */
			to = (char *)memmove(to, p + 2, n) + n;
			p += n + 3;
		} else {
			to++, p++;
		}
	}
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
	/* Given twice, the second goes over the first, as in Go. */
	void *p = *out ? *out : arena_alloc(r->a, f->size);
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

/* As Go reads it: where the name is not there, one that differs in nothing but case is. */
static const struct json_field *field_find(const struct json_field *table, const char *name)
{
	const struct json_field *near = NULL;
	for (const struct json_field *f = table; f->name; f++) {
		if (!strcmp(f->name, name))
			return f;
		if (!near && !strcasecmp(f->name, name))
			near = f;
	}
	return near;
}

static int read_object(struct reader *r, const cJSON *j, const struct json_field *table, void *obj,
		       const struct where *w)
{
	uint64_t have = 0;
	if (!cJSON_IsObject(j))
		return wrong(r, w, "expected an object");
	for (const cJSON *c = j->child; c; c = c->next) {
		const struct json_field *f = field_find(table, c->string);
		struct where here = { .up = w, .name = c->string };
		if (!f)
			continue;
		if (cJSON_IsNull(c)) {
			if (set_null(f, (char *)obj + f->offset))
				have &= ~(1ull << (f - table));
			continue;
		}
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

static int malformed(const char *text, size_t len, const char *end, struct err *e)
{
	size_t line = 1, column = 1;
	for (const char *p = text; end && p < end && p < text + len; p++) {
		column = *p == '\n' ? 1 : column + 1;
		line += *p == '\n';
	}
	return refuse(e, EINVAL, "not valid JSON at line %zu, column %zu", line, column);
}

static size_t number_length(const char *p, const char *end)
{
	const char *at = p;
	while (at < end && *at && strchr("+-.eE0123456789", *at))
		at++;
	return (size_t)(at - p);
}

/* A whole one with more digits than are exact; of all others the parser knows best. */
static bool is_too_long(const char *p, size_t n)
{
	size_t sign = *p == '-', i = sign;
	while (i < n && p[i] >= '0' && p[i] <= '9')
		i++;
	return i == n && n - sign > EXACT_DIGITS;
}

/* What ends before p; the parser takes these for blanks. */
static bool is_name(const char *p, const char *end)
{
	while (p < end && (unsigned char)*p <= ' ')
		p++;
	return p < end && *p == ':';
}

#define HEX_DIGITS "0123456789abcdefABCDEF"

/* \uXXXX begins at p, with four of these digits; "": with whatever. */
static bool is_escaped(const char *p, const char *end, const char *digits)
{
	if (*p != '\\' || end - p < 6 || p[1] != 'u')
		return false;
	for (int i = 2; *digits && i < 6; i++)
		if (!memchr(digits, p[i], strlen(digits)))
			return false;
	return true;
}

/* The text as the parser is to have it, in out when it has long numbers. Looks for what the parser
 * would not tell: it takes any depth, a string with a NUL for the part before it, and one with a
 * line break. */
static int look_over(const char *text, size_t len, struct buf *out, struct err *e)
{
	const char *end = text + len, *done = text;
	int depth = 0;
	bool quoted = false;
	for (const char *p = text; p < end; p++) {
		if (quoted && *p != '\\' && (unsigned char)*p >= ' ') {
			quoted = *p != '"';
		} else if (quoted) {
			if (!*p || is_escaped(p, end, "0"))
				return refuse(e, EINVAL, "a string has a NUL character in it");
			if ((unsigned char)*p < ' ' ||
			    (is_escaped(p, end, "") && !is_escaped(p, end, HEX_DIGITS)))
				return malformed(text, len, p, e);
			p++;
		} else if (*p == '"') {
			quoted = true;
			if (p + 1 < end && p[1] == LONG_NUMBER)
				return malformed(text, len, p, e);
		} else if (*p == '{' || *p == '[') {
			if (++depth > JSON_DEPTH)
				return refuse(e, EINVAL, "more than %d levels deep", JSON_DEPTH);
		} else if (*p == '}' || *p == ']') {
			depth--;
		} else if (*p == '-' || (*p >= '0' && *p <= '9')) {
			size_t n = number_length(p, end);
			if (is_too_long(p, n) && !is_name(p + n, end)) {
				buf_add(out, done, (size_t)(p - done));
				buf_printf(out, "\"%c%.*s\"", LONG_NUMBER, (int)n, p);
				done = p + n;
			}
			p += n - 1;
		}
	}
	if (done > text)
		buf_add(out, done, (size_t)(end - done));
	return out->failed ? fail(e, ENOMEM, "read JSON") : 0;
}

/* cJSON asks for memory without saying for which document, in hundreds of small pieces. As long as
 * there is room they come from here, without a call of the allocator's or the kernel's. */
static struct {
	char *start, *at, *end;
} room;

static void *piece(size_t n)
{
	n = (n + 15) & ~(size_t)15;
	if (n > (size_t)(room.end - room.at))
		return malloc(n);
	room.at += n;
	return room.at - n;
}

static void piece_free(void *p)
{
	if ((uintptr_t)p < (uintptr_t)room.start || (uintptr_t)p >= (uintptr_t)room.end)
		free(p);
}

static int read_tree(const char *text, size_t len, const struct json_field *table, void *obj,
		     struct reader *r)
{
	const char *end = NULL;
	cJSON *j = cJSON_ParseWithLengthOpts(text, len, &end, 0);
	if (!j)
		return malformed(text, len, end, r->e);
	while (end < text + len && strchr(" \t\r\n", *end) && *end)
		end++;
	int rc = end < text + len && *end ? malformed(text, len, end, r->e)
					  : read_object(r, j, table, obj, NULL);
	cJSON_Delete(j);
	return rc;
}

int json_read(const char *text, size_t len, const struct json_field *table, void *obj,
	      struct arena *a, struct err *e)
{
	_Alignas(16) char own[TREE_ROOM];
	auto_buf changed = { 0 };
	int rc = look_over(text, len, &changed, e);
	if (rc < 0)
		return rc;
	if (changed.len) {
		text = changed.p;
		len = changed.len;
	}
	room.start = room.at = own;
	room.end = own + sizeof(own);
	cJSON_InitHooks(&(cJSON_Hooks){ piece, piece_free });
	rc = read_tree(text, len, table, obj, &(struct reader){ a, e });
	room.start = room.at = room.end = NULL;
	return rc;
}

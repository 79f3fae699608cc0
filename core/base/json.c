/* json.c - JSON to structs, described once by a table of fields. */
#include "base/json.h"
#include "base/clock.h"
#include "base/jsonscan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Where in the document the reader is, for messages. */
struct where {
	const struct where *up;
	const char *name; /* NULL: an index */
	size_t index;
};

/* at is the beginning of a value, and after a read_...() its end. The text was checked. */
struct reader {
	const char *at;
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

static int read_object(struct reader *r, const struct json_field *table, void *obj,
		       const struct where *w);

struct number {
	bool negative;
	uint64_t v; /* without the sign */
};

/* A whole number, to the last digit. What is written with a point or an exponent goes through a
 * double. */
static int read_number(struct reader *r, struct number *out, const struct where *w)
{
	char text[64];
	const char *end = json_end(r->at);
	size_t n = (size_t)(end - r->at);
	if (*r->at != '-' && (*r->at < '0' || *r->at > '9'))
		return wrong(r, w, "expected a number");
	if (n >= sizeof(text))
		return wrong(r, w, "out of range");
	memcpy(text, r->at, n);
	text[n] = 0;
	r->at = end;
	out->negative = *text == '-';
	if (strpbrk(text, ".eE")) {
		double d = fabs(strtod(text, NULL));
		if (d != floor(d))
			return wrong(r, w, "expected a whole number");
		if (d >= 18446744073709551616.0)
			return wrong(r, w, "out of range");
		out->v = (uint64_t)d;
		return 0;
	}
	errno = 0;
	out->v = strtoull(text + out->negative, NULL, 10);
	return errno ? wrong(r, w, "out of range") : 0;
}

static int read_signed(struct reader *r, int64_t min, int64_t max, int64_t *out,
		       const struct where *w)
{
	struct number n;
	int rc = read_number(r, &n, w);
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

static int read_unsigned(struct reader *r, uint64_t max, uint64_t *out, const struct where *w)
{
	struct number n;
	int rc = read_number(r, &n, w);
	if (rc == 0 && (n.v > max || (n.negative && n.v)))
		rc = wrong(r, w, "out of range");
	if (rc == 0)
		*out = n.v;
	return rc;
}

static int read_int(struct reader *r, int *out, const struct where *w)
{
	int64_t v;
	int rc = read_signed(r, INT32_MIN, INT32_MAX, &v, w);
	if (rc == 0)
		*out = (int)v;
	return rc;
}

static int read_u32(struct reader *r, uint32_t *out, const struct where *w)
{
	uint64_t v;
	int rc = read_unsigned(r, UINT32_MAX, &v, w);
	if (rc == 0)
		*out = (uint32_t)v;
	return rc;
}

static char *decoded(struct reader *r)
{
	const char *end = json_end(r->at);
	char *out = arena_alloc(r->a, (size_t)(end - r->at));
	if (out)
		json_decode(r->at, out);
	r->at = end;
	return out;
}

static int read_string(struct reader *r, const char **out, const struct where *w)
{
	if (*r->at != '"')
		return wrong(r, w, "expected a string");
	*out = decoded(r);
	return *out ? 0 : too_big(r, w);
}

static bool literal(struct reader *r, const char *word)
{
	size_t n = strlen(word);
	bool is = (size_t)(json_end(r->at) - r->at) == n && !memcmp(r->at, word, n);
	r->at += is ? n : 0;
	return is;
}

static int read_bool(struct reader *r, bool *out, const struct where *w)
{
	*out = literal(r, "true");
	return *out || literal(r, "false") ? 0 : wrong(r, w, "expected true or false");
}

static int read_time(struct reader *r, struct timespec *out, const struct where *w)
{
	const char *text;
	int rc = *r->at == '"' ? read_string(r, &text, w) : -EINVAL;
	if (rc == -E2BIG)
		return rc;
	return rc < 0 || clock_parse(text, out) < 0 ? wrong(r, w, "expected a time (RFC 3339)") : 0;
}

static int read_raw(struct reader *r, const char **out, const struct where *w)
{
	const char *end = json_end(r->at);
	*out = arena_strn(r->a, r->at, (size_t)(end - r->at));
	r->at = end;
	return *out ? 0 : too_big(r, w);
}

/* Walks through a list or an object: whether there is one more, and r->at is at it. */
static bool each(struct reader *r, bool *begun)
{
	if (*begun && *r->at == ',')
		r->at++;
	else if (!*begun)
		r->at++; /* the bracket */
	*begun = true;
	r->at = json_blank(r->at);
	bool more = *r->at != ']' && *r->at != '}';
	r->at += !more;
	return more;
}

/* Past the name of a member. */
static void to_value(struct reader *r)
{
	r->at = json_blank(json_blank(json_end(r->at)) + 1);
}

/* The name of a member; NULL: no memory. */
static char *name(struct reader *r, struct where *here)
{
	const char *from = r->at;
	char *out = decoded(r);
	here->name = out;
	r->at = from;
	to_value(r);
	return out;
}

static size_t count(const struct reader *r, bool object)
{
	struct reader c = *r;
	size_t n = 0;
	for (bool begun = false; each(&c, &begun); n++) {
		if (object)
			to_value(&c);
		c.at = json_blank(json_end(c.at));
	}
	return n;
}

struct raw_list {
	char *v;
	size_t n;
};

/* An element of a list, or a member of an object, whose name is at the beginning of it. */
static int read_element(struct reader *r, const struct json_field *f, char *p,
			const struct where *w)
{
	switch (f->type) {
	case J_STRS:
		return read_string(r, (const char **)p, w);
	case J_U32S:
		return read_u32(r, (uint32_t *)p, w);
	case J_PAIRS:
		return read_string(r, &((struct pair *)p)->value, w);
	default:
		return read_object(r, f->sub, p, w);
	}
}

static const struct many {
	const char *expected;
	size_t size; /* 0: the field's */
	bool object;
} manys[] = {
	[J_STRS] = { "expected a list of strings", sizeof(char *), false },
	[J_U32S] = { "expected a list of numbers", sizeof(uint32_t), false },
	[J_PAIRS] = { "expected an object of strings", sizeof(struct pair), true },
	[J_LIST] = { "expected a list", 0, false },
	[J_DICT] = { "expected an object", 0, true },
};

static int read_many(struct reader *r, const struct json_field *f, struct raw_list *out,
		     const struct where *w)
{
	const struct many *m = &manys[f->type];
	size_t size = m->size ? m->size : f->size, n, i = 0;
	if (*r->at != (m->object ? '{' : '['))
		return wrong(r, w, m->expected);
	n = count(r, m->object);
	char *v = arena_array(r->a, n + 1, size); /* one more: a NULL for execve */
	if (!v)
		return too_big(r, w);
	for (bool begun = false; each(r, &begun); i++) {
		struct where here = { .up = w, .index = i };
		char *p = v + i * size, *key = NULL;
		if (m->object && !(key = name(r, &here)))
			return too_big(r, w);
		int rc = read_element(r, f, p, &here);
		if (rc < 0)
			return rc;
		if (key)
			*(const char **)p = key;
		r->at = json_blank(r->at);
	}
	*out = (struct raw_list){ v, n };
	return 0;
}

/* Given twice, the second goes over the first, as in Go. */
static int read_ptr(struct reader *r, const struct json_field *f, void **out, const struct where *w)
{
	void *p = *out ? *out : arena_alloc(r->a, f->size);
	if (!p)
		return too_big(r, w);
	int rc = read_object(r, f->sub, p, w);
	if (rc == 0)
		*out = p;
	return rc;
}

static int read_field(struct reader *r, const struct json_field *f, void *p, const struct where *w)
{
	switch (f->type) {
	case J_STR:
		return read_string(r, p, w);
	case J_BOOL:
		return read_bool(r, p, w);
	case J_INT:
		return read_int(r, p, w);
	case J_I64:
		return read_signed(r, INT64_MIN, INT64_MAX, p, w);
	case J_U32:
		return read_u32(r, p, w);
	case J_U64:
		return read_unsigned(r, UINT64_MAX, p, w);
	case J_OPT_I64:
		((struct opt_i64 *)p)->set = true;
		return read_signed(r, INT64_MIN, INT64_MAX, &((struct opt_i64 *)p)->v, w);
	case J_OPT_U64:
		((struct opt_u64 *)p)->set = true;
		return read_unsigned(r, UINT64_MAX, &((struct opt_u64 *)p)->v, w);
	case J_OPT_BOOL:
		((struct opt_bool *)p)->set = true;
		return read_bool(r, &((struct opt_bool *)p)->v, w);
	case J_STRS:
	case J_U32S:
	case J_PAIRS:
	case J_LIST:
	case J_DICT:
		return read_many(r, f, p, w);
	case J_STRUCT:
		return read_object(r, f->sub, p, w);
	case J_PTR:
		return read_ptr(r, f, p, w);
	case J_RAW:
		return read_raw(r, p, w);
	case J_TIME:
		return read_time(r, p, w);
	}
	return wrong(r, w, "has no type");
}

static const struct json_field *field_find(const struct json_field *table, const char *s)
{
	size_t n = (size_t)(json_end(s) - s) - 2;
	for (const struct json_field *f = table; f->name; f++)
		if (!strncmp(f->name, s + 1, n) && !f->name[n])
			return f;
	return NULL;
}

static int read_object(struct reader *r, const struct json_field *table, void *obj,
		       const struct where *w)
{
	uint64_t have = 0;
	if (*r->at != '{')
		return wrong(r, w, "expected an object");
	for (bool begun = false; each(r, &begun);) {
		const struct json_field *f = field_find(table, r->at);
		to_value(r);
		if (!f || literal(r, "null")) { /* null is as if it were absent */
			r->at = f ? r->at : json_end(r->at);
		} else {
			struct where here = { w, f->name, 0 };
			int rc = read_field(r, f, (char *)obj + f->offset, &here);
			if (rc < 0)
				return rc;
			have |= 1ull << (f - table);
		}
		r->at = json_blank(r->at);
	}
	for (const struct json_field *f = table; f->name; f++)
		if ((f->flags & J_REQUIRED) && !(have & (1ull << (f - table))))
			return wrong(r, &(struct where){ w, f->name, 0 }, "missing");
	return 0;
}

int json_read(const char *text, size_t len, const struct json_field *table, void *obj,
	      struct arena *a, struct err *e)
{
	struct reader r = { .a = a, .e = e };
	int rc = json_check(text, len, e);
	if (rc < 0)
		return rc;
	r.at = json_blank(text);
	return read_object(&r, table, obj, NULL);
}

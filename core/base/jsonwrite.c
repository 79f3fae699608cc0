/* jsonwrite.c - structs to JSON, by the tables of json.h. */
#include "base/clock.h"
#include "base/json.h"

#include <inttypes.h>
#include <string.h>

#define ALWAYS (J_KEEP | J_REQUIRED)

struct writer {
	struct buf *b;
	int indent, depth;
};

static size_t plain_run(const char *s, size_t n)
{
	size_t i = 0;
	while (i < n && s[i] >= 0x20 && s[i] < 0x7f && s[i] != '"' && s[i] != '\\')
		i++;
	return i;
}

void json_string(struct buf *b, const char *s, size_t n)
{
	static const char plain[] = "\"\\\b\f\n\r\t", letter[] = "\"\\bfnrt";
	buf_char(b, '"');
	for (size_t i = 0; i < n;) {
		size_t as_is = plain_run(s + i, n - i); /* most often all there is */
		buf_add(b, s + i, as_is);
		i += as_is;
		if (i == n)
			break;
		unsigned char c = (unsigned char)s[i];
		const char *at = c ? strchr(plain, c) : NULL;
		size_t len = utf8_len((const unsigned char *)s + i, n - i);
		if (at)
			buf_printf(b, "\\%c", letter[at - plain]);
		else if (c < 0x20 || c == 0x7f)
			buf_printf(b, "\\u%04x", c);
		else if (c == 0xc2 && len && (unsigned char)s[i + 1] < 0xa0) /* C1 */
			buf_printf(b, "\\u%04x", (unsigned char)s[i + 1]);
		else if (len)
			buf_add(b, s + i, len);
		else
			buf_str(b, "\xef\xbf\xbd");
		i += len ? len : 1;
	}
	buf_char(b, '"');
}

static void newline(struct writer *w)
{
	if (!w->indent)
		return;
	buf_char(w->b, '\n');
	bool tabs = w->indent == JSON_TABS;
	for (int i = 0; i < (tabs ? w->depth : w->indent * w->depth); i++)
		buf_char(w->b, tabs ? '\t' : ' ');
}

static void open_with(struct writer *w, char c)
{
	buf_char(w->b, c);
	w->depth++;
}

static void close_with(struct writer *w, char c, bool any)
{
	w->depth--;
	if (any)
		newline(w);
	buf_char(w->b, c);
}

static void item(struct writer *w, bool *any)
{
	if (*any)
		buf_char(w->b, ',');
	*any = true;
	newline(w);
}

static void name(struct writer *w, const char *s)
{
	json_string(w->b, s, strlen(s));
	buf_str(w->b, w->indent ? ": " : ":");
}

static void text(struct writer *w, const char *s)
{
	s = s ? s : "";
	json_string(w->b, s, strlen(s));
}

struct raw_list {
	const char *v;
	size_t n;
};

static bool empty(const struct json_field *f, const void *p)
{
	switch (f->type) {
	case J_STR:
	case J_RAW:
		return !*(const char *const *)p || !**(const char *const *)p;
	case J_PTR:
		return !*(void *const *)p;
	case J_BOOL:
		return !*(const bool *)p;
	case J_INT:
		return !*(const int *)p;
	case J_U32:
		return !*(const uint32_t *)p;
	case J_I64:
	case J_U64:
		return !*(const uint64_t *)p;
	case J_OPT_I64:
		return !((const struct opt_i64 *)p)->set;
	case J_OPT_U64:
		return !((const struct opt_u64 *)p)->set;
	case J_OPT_BOOL:
		return !((const struct opt_bool *)p)->set;
	case J_STRS:
	case J_U32S:
	case J_PAIRS:
	case J_LIST:
	case J_DICT:
		return !((const struct raw_list *)p)->n;
	case J_STRUCT:
		for (const struct json_field *s = f->sub; s->name; s++)
			if ((s->flags & ALWAYS) || !empty(s, (const char *)p + s->offset))
				return false;
		return true;
	case J_TIME:
		return !((const struct timespec *)p)->tv_sec &&
		       !((const struct timespec *)p)->tv_nsec;
	}
	return true;
}

static void write_object(struct writer *w, const struct json_field *table, const void *obj);

static void write_list(struct writer *w, const struct json_field *f, const void *p)
{
	const struct raw_list *l = p;
	bool any = false, dict = f->type == J_DICT;
	open_with(w, dict ? '{' : '[');
	for (size_t i = 0; i < l->n; i++) {
		const char *element = l->v + i * f->size;
		item(w, &any);
		if (dict)
			name(w, *(const char *const *)element);
		write_object(w, f->sub, element);
	}
	close_with(w, dict ? '}' : ']', any);
}

static void write_strs(struct writer *w, const struct strs *l)
{
	bool any = false;
	open_with(w, '[');
	for (size_t i = 0; i < l->n; i++) {
		item(w, &any);
		text(w, l->v[i]);
	}
	close_with(w, ']', any);
}

static void write_u32s(struct writer *w, const struct u32s *l)
{
	bool any = false;
	open_with(w, '[');
	for (size_t i = 0; i < l->n; i++) {
		item(w, &any);
		buf_printf(w->b, "%" PRIu32, l->v[i]);
	}
	close_with(w, ']', any);
}

static void write_pairs(struct writer *w, const struct pairs *l)
{
	bool any = false;
	open_with(w, '{');
	for (size_t i = 0; i < l->n; i++) {
		item(w, &any);
		name(w, l->v[i].key);
		text(w, l->v[i].value);
	}
	close_with(w, '}', any);
}

static void write_time(struct writer *w, struct timespec t)
{
	char out[CLOCK_TEXT];
	clock_format_short(t, out);
	text(w, out);
}

static void write_field(struct writer *w, const struct json_field *f, const void *p)
{
	switch (f->type) {
	case J_STR:
		text(w, *(const char *const *)p);
		return;
	case J_RAW:
		buf_str(w->b, *(const char *const *)p ? *(const char *const *)p : "null");
		return;
	case J_BOOL:
		buf_str(w->b, *(const bool *)p ? "true" : "false");
		return;
	case J_OPT_BOOL:
		buf_str(w->b, ((const struct opt_bool *)p)->v ? "true" : "false");
		return;
	case J_INT:
		buf_printf(w->b, "%d", *(const int *)p);
		return;
	case J_I64:
		buf_printf(w->b, "%" PRId64, *(const int64_t *)p);
		return;
	case J_OPT_I64:
		buf_printf(w->b, "%" PRId64, ((const struct opt_i64 *)p)->v);
		return;
	case J_U32:
		buf_printf(w->b, "%" PRIu32, *(const uint32_t *)p);
		return;
	case J_U64:
		buf_printf(w->b, "%" PRIu64, *(const uint64_t *)p);
		return;
	case J_OPT_U64:
		buf_printf(w->b, "%" PRIu64, ((const struct opt_u64 *)p)->v);
		return;
	case J_STRS:
		write_strs(w, p);
		return;
	case J_U32S:
		write_u32s(w, p);
		return;
	case J_PAIRS:
		write_pairs(w, p);
		return;
	case J_STRUCT:
		write_object(w, f->sub, p);
		return;
	case J_PTR:
		if (*(void *const *)p)
			write_object(w, f->sub, *(void *const *)p);
		else
			buf_str(w->b, "null");
		return;
	case J_LIST:
	case J_DICT:
		write_list(w, f, p);
		return;
	case J_TIME:
		write_time(w, *(const struct timespec *)p);
		return;
	}
}

static void write_object(struct writer *w, const struct json_field *table, const void *obj)
{
	bool any = false;
	open_with(w, '{');
	for (const struct json_field *f = table; f->name; f++) {
		const char *p = (const char *)obj + f->offset;
		if (!(f->flags & ALWAYS) && empty(f, p))
			continue;
		item(w, &any);
		name(w, f->name);
		write_field(w, f, p);
	}
	close_with(w, '}', any);
}

void json_write(struct buf *b, const struct json_field *table, const void *obj, int indent)
{
	struct writer w = { b, indent, 0 };
	write_object(&w, table, obj);
}

/* yaml.c - YAML read as JSON, by libyaml's events. */
#include "base/yaml.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define DEPTH_MAX  64
#define KEYS_MAX   256
#define NUMBER_MAX 60 /* characters */
#define TAGS_MAX   1000

/* What a node will be read as: a mapping's fields, what each element is, or a string. */
struct target {
	const struct json_field *table, *each;
	bool text, texts;
};

/* A mapping or a sequence that is open. */
struct level {
	bool map, keyed; /* keyed: the value of a key comes next */
	size_t n;	 /* elements until now */
	size_t names;	 /* where its keys begin */
	struct target is, next;
};

struct reader {
	yaml_parser_t parser;
	const char *text;
	size_t len, documents, depth;
	struct level levels[DEPTH_MAX];
	struct target root;
	struct buf names; /* the keys of all mappings that are open, each with its NUL */
	struct buf *out;
	struct err *e;
};

static int wrong(struct reader *r, const yaml_event_t *ev, const char *what)
{
	return refuse(r->e, EINVAL, "line %zu: %s", ev->start_mark.line + 1, what);
}

static int malformed(struct reader *r)
{
	const yaml_parser_t *p = &r->parser;
	size_t line = p->problem_mark.line + 1;
	if (p->error == YAML_MEMORY_ERROR)
		return fail(r->e, ENOMEM, "read YAML");
	if (p->error == YAML_READER_ERROR) {
		line = 1;
		for (size_t i = 0; i < p->problem_offset && i < r->len; i++)
			line += r->text[i] == '\n';
	}
	return refuse(r->e, EINVAL, "line %zu: not valid YAML: %s", line,
		      p->problem ? p->problem : "cannot be read");
}

/* --- targets --------------------------------------------------------------------------------- */

static struct target target_field(const struct json_field *f)
{
	switch (f->type) {
	case J_STR:
	case J_TIME:
		return (struct target){ .text = true };
	case J_STRS:
	case J_PAIRS:
		return (struct target){ .texts = true };
	case J_STRUCT:
	case J_PTR:
		return (struct target){ .table = f->sub };
	case J_LIST:
	case J_DICT:
		return (struct target){ .each = f->sub };
	default:
		return (struct target){ 0 };
	}
}

static struct target target_next(const struct level *l, const char *key)
{
	for (const struct json_field *f = l->map ? l->is.table : NULL; f && f->name; f++)
		if (!strcmp(f->name, key))
			return target_field(f);
	return (struct target){ .table = l->is.each, .text = l->is.texts };
}

/* --- scalars --------------------------------------------------------------------------------- */

static bool is_one_of(const char *s, const char *const words[static 4])
{
	for (int i = 0; i < 4; i++)
		if (!strcmp(s, words[i]))
			return true;
	return false;
}

#define DIGITS "0123456789"

/* 12, -1.5, 2e9: as JSON has them too */
static bool is_decimal(const char *p)
{
	const char *end = p + strspn(p, DIGITS);
	if (end == p || (*p == '0' && end > p + 1))
		return false;
	if (*end == '.') {
		const char *part = end + 1;
		end = part + strspn(part, DIGITS);
		if (end == part)
			return false;
	}
	if (*end == 'e' || *end == 'E') {
		const char *part = end + 1;
		part += *part == '-' || *part == '+';
		end = part + strspn(part, DIGITS);
		if (end == part)
			return false;
	}
	return !*end;
}

/* Adds it to out when it is one. */
static bool number(const char *s, struct buf *out)
{
	static const struct {
		const char *prefix, *digits;
		int base;
	} bases[] = { { "0x", DIGITS "abcdefABCDEF", 16 },
		      { "0o", "01234567", 8 },
		      { "0", "01234567", 8 } };
	const char *p = s + (*s == '-' || *s == '+'), *minus = *s == '-' ? "-" : "";
	if (strnlen(p, NUMBER_MAX + 1) > NUMBER_MAX)
		return false;
	for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
		const char *digits = p + strlen(bases[i].prefix);
		if (strncmp(p, bases[i].prefix, strlen(bases[i].prefix)) != 0 || !*digits ||
		    digits[strspn(digits, bases[i].digits)])
			continue;
		errno = 0;
		unsigned long long v = strtoull(digits, NULL, bases[i].base);
		if (!errno)
			buf_printf(out, "%s%llu", minus, v);
		return !errno;
	}
	if (is_decimal(p))
		buf_printf(out, "%s%s", minus, p);
	return is_decimal(p);
}

static void value(struct reader *r, const yaml_event_t *ev, const struct target *is)
{
	static const char *const nulls[] = { "", "~", "null", "Null" };
	static const char *const yes[] = { "true", "True", "TRUE", "true" };
	static const char *const no[] = { "false", "False", "FALSE", "false" };
	const char *s = (const char *)ev->data.scalar.value;
	bool plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	if (plain && (is_one_of(s, nulls) || !strcmp(s, "NULL")))
		buf_str(r->out, "null");
	else if (plain && !is->text && is_one_of(s, yes))
		buf_str(r->out, "true");
	else if (plain && !is->text && is_one_of(s, no))
		buf_str(r->out, "false");
	else if (!plain || is->text || !number(s, r->out))
		json_string(r->out, s, ev->data.scalar.length);
}

static int key(struct reader *r, const yaml_event_t *ev, struct level *l)
{
	const char *s = (const char *)ev->data.scalar.value;
	size_t n = ev->data.scalar.length;
	if (ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && !strcmp(s, "<<"))
		return wrong(r, ev, "a merge (<<) is not read: write out what it stands for");
	for (size_t at = l->names; at < r->names.len; at += strlen(r->names.p + at) + 1)
		if (!strcmp(r->names.p + at, s))
			return refuse(r->e, EINVAL, "line %zu: the key '%.60s' is there twice",
				      ev->start_mark.line + 1, s);
	if (l->n == KEYS_MAX)
		return wrong(r, ev, "more than 256 keys in one mapping");
	buf_add(&r->names, s, n + 1);
	if (r->names.failed)
		return fail(r->e, ENOMEM, "read YAML");
	if (l->n++)
		buf_char(r->out, ',');
	json_string(r->out, s, n);
	buf_char(r->out, ':');
	l->next = target_next(l, s);
	l->keyed = true;
	return 0;
}

/* --- nodes ----------------------------------------------------------------------------------- */

/* A value begins: what it is to be. */
static struct target begin(struct reader *r)
{
	struct level *l = r->depth ? &r->levels[r->depth - 1] : NULL;
	if (!l)
		return r->root;
	if (!l->map && l->n++)
		buf_char(r->out, ',');
	l->keyed = false;
	return l->next;
}

static bool is_key(const struct reader *r)
{
	const struct level *l = r->depth ? &r->levels[r->depth - 1] : NULL;
	return l && l->map && !l->keyed;
}

static int scalar(struct reader *r, const yaml_event_t *ev)
{
	if (ev->data.scalar.tag)
		return wrong(r, ev, "a tag (!) is not read");
	if (memchr(ev->data.scalar.value, 0, ev->data.scalar.length))
		return wrong(r, ev, "a string has a NUL character in it");
	if (is_key(r))
		return key(r, ev, &r->levels[r->depth - 1]);
	struct target is = begin(r);
	value(r, ev, &is);
	return 0;
}

static int open_level(struct reader *r, const yaml_event_t *ev, bool map, const void *tag)
{
	if (tag)
		return wrong(r, ev, "a tag (!) is not read");
	if (is_key(r))
		return wrong(r, ev, "a key that is a list or a mapping is not read");
	if (r->depth == DEPTH_MAX)
		return wrong(r, ev, "more than 64 levels deep");
	struct level l = { .map = map, .names = r->names.len, .is = begin(r) };
	l.next = target_next(&l, "");
	r->levels[r->depth++] = l;
	buf_char(r->out, map ? '{' : '[');
	return 0;
}

static int close_level(struct reader *r)
{
	const struct level *l = &r->levels[--r->depth];
	r->names.len = l->names;
	buf_char(r->out, l->map ? '}' : ']');
	return 0;
}

/* 1 after the last. */
static int event(struct reader *r, const yaml_event_t *ev)
{
	switch (ev->type) {
	case YAML_DOCUMENT_START_EVENT:
		return r->documents++ ? wrong(r, ev, "a second document is not read") : 0;
	case YAML_SCALAR_EVENT:
		return scalar(r, ev);
	case YAML_ALIAS_EVENT:
		return wrong(r, ev, "an alias (*) is not read: write out what it stands for");
	case YAML_MAPPING_START_EVENT:
		return open_level(r, ev, true, ev->data.mapping_start.tag);
	case YAML_SEQUENCE_START_EVENT:
		return open_level(r, ev, false, ev->data.sequence_start.tag);
	case YAML_MAPPING_END_EVENT:
	case YAML_SEQUENCE_END_EVENT:
		return close_level(r);
	case YAML_STREAM_END_EVENT:
		return r->documents ? 1 : wrong(r, ev, "there is nothing in it");
	default:
		return 0;
	}
}

/* libyaml compares each with all before it. */
static bool has_many_tags(const char *text, size_t len)
{
	const char *at = text, *end = text + len;
	size_t n = 0;
	while (n <= TAGS_MAX && (at = memmem(at, (size_t)(end - at), "%TAG", 4))) {
		at += 4;
		n++;
	}
	return n > TAGS_MAX;
}

int yaml_to_json(const char *text, size_t len, const struct json_field *table, struct buf *out,
		 struct err *e)
{
	struct reader r = {
		.text = text, .len = len, .root = { .table = table }, .out = out, .e = e
	};
	if (len && has_many_tags(text, len))
		return refuse(e, EINVAL, "line 1: more than 1000 %%TAG directives");
	int rc = yaml_parser_initialize(&r.parser) ? 0 : fail(e, ENOMEM, "read YAML");
	if (rc < 0)
		return rc;
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
	while (rc == 0) {
		yaml_event_t ev;
		rc = yaml_parser_parse(&r.parser, &ev) ? event(&r, &ev) : malformed(&r);
		yaml_event_delete(&ev); /* an empty one after an error */
	}
	yaml_parser_delete(&r.parser);
	buf_free(&r.names);
	if (rc > 0 && out->failed)
		return fail(e, ENOMEM, "read YAML");
	return rc < 0 ? rc : 0;
}

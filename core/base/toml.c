/* toml.c - TOML as a tree: one pass, no look-ahead beyond three characters. */
#include "base/toml.h"
#include "base/buf.h"

#include <stdlib.h>
#include <string.h>

#define VALUES_MAX 10000
#define LEVELS_MAX 32

struct parser {
	const char *p;
	struct arena *a;
	struct err *e;
	unsigned line, values;
};

static int bad(struct parser *p, const char *why)
{
	return refuse(p->e, EINVAL, "line %u: %s", p->line, why);
}

static int full(struct parser *p)
{
	return refuse(p->e, E2BIG, "line %u: too much of it", p->line);
}

static void skip_space(struct parser *p)
{
	p->p += strspn(p->p, " \t");
}

/* A comment, and the line's end. 1: it was there. */
static int line_end(struct parser *p)
{
	skip_space(p);
	if (*p->p == '#')
		p->p += strcspn(p->p, "\n");
	if (*p->p == '\r' && p->p[1] == '\n')
		p->p++;
	if (*p->p == '\n') {
		p->p++;
		p->line++;
		return 1;
	}
	return !*p->p;
}

static void skip_lines(struct parser *p)
{
	while (line_end(p) && *p->p)
		;
}

static struct toml *add(struct parser *p, struct toml *to, const char *key, enum toml_kind kind)
{
	struct toml *t = ++p->values > VALUES_MAX ? NULL : arena_alloc(p->a, sizeof(*t));
	if (!t)
		return NULL;
	t->kind = kind;
	t->line = p->line;
	t->key = key;
	if (to->last)
		to->last->next = t;
	else
		to->first = t;
	to->last = t;
	return t;
}

const struct toml *toml_get(const struct toml *table, const char *key)
{
	if (!table || table->kind != TOML_TABLE)
		return NULL;
	for (const struct toml *t = table->first; t; t = t->next)
		if (!strcmp(t->key, key))
			return t;
	return NULL;
}

/* --- strings --- */

static void add_utf8(struct buf *b, unsigned long c)
{
	if (c < 0x80) {
		buf_char(b, (char)c);
		return;
	}
	int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
	static const unsigned char marks[] = { 0, 0xc0, 0xe0, 0xf0 };
	buf_char(b, (char)(marks[more] | c >> (6 * more)));
	while (more--)
		buf_char(b, (char)(0x80 | (c >> (6 * more) & 0x3f)));
}

/* After a backslash. */
static int escape(struct parser *p, bool lines, struct buf *b)
{
	static const char from[] = "btnfr\"\\", to[] = "\b\t\n\f\r\"\\";
	char c = *p->p;
	const char *known = c ? strchr(from, c) : NULL;
	if (known) {
		buf_char(b, to[known - from]);
		p->p++;
		return 0;
	}
	if (c == 'u' || c == 'U') {
		size_t n = c == 'u' ? 4 : 8;
		char hex[9] = { 0 };
		if (strspn(p->p + 1, "0123456789abcdefABCDEF") < n)
			return bad(p, "not enough hex digits after \\u");
		memcpy(hex, p->p + 1, n);
		unsigned long code = strtoul(hex, NULL, 16);
		if (!code || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
			return bad(p, "no character has the number after \\u");
		add_utf8(b, code);
		p->p += 1 + n;
		return 0;
	}
	if (!lines || !line_end(p) || !*p->p)
		return bad(p, "an escape that is not known");
	while (*p->p == ' ' || *p->p == '\t' || *p->p == '\r' || *p->p == '\n')
		p->line += *p->p++ == '\n';
	return 0;
}

/* At a quote: "...", '...', and both thrice, which may have line ends in them. */
static int read_string(struct parser *p, bool may_be_long, const char **out)
{
	auto_buf b = { 0 };
	char q = *p->p;
	bool lines = may_be_long && p->p[1] == q && p->p[2] == q;
	p->p += lines ? 3 : 1;
	if (lines && (*p->p == '\n' || (*p->p == '\r' && p->p[1] == '\n')))
		line_end(p);
	for (;;) {
		char c = *p->p;
		if (!c || (!lines && c == '\n'))
			return bad(p, "a string without an end");
		/* Up to two quotes more may stand before the end of a long one. */
		if (c == q && (!lines || (p->p[1] == q && p->p[2] == q && p->p[3] != q)))
			break;
		p->p++;
		p->line += c == '\n';
		int rc = 0;
		if (c == '\\' && q == '"')
			rc = escape(p, lines, &b);
		else if (((unsigned char)c < ' ' && !strchr("\t\n\r", c)) || c == 0x7f)
			rc = bad(p, "a control character");
		else
			buf_char(&b, c);
		if (rc < 0)
			return rc;
	}
	p->p += lines ? 3 : 1;
	*out = b.failed ? NULL : arena_strn(p->a, b.p ? b.p : "", b.len);
	return *out ? 0 : full(p);
}

static int read_key(struct parser *p, const char **out)
{
	skip_space(p);
	if (*p->p == '"' || *p->p == '\'')
		return read_string(p, false, out);
	size_t n = strspn(p->p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				"0123456789_-");
	if (!n)
		return bad(p, "expected a key");
	*out = arena_strn(p->a, p->p, n);
	p->p += n;
	return *out ? 0 : full(p);
}

/* --- values --- */

static int read_value(struct parser *p, struct toml *to, const char *key, int level);

/* A number, or what else has no quotes. */
static int read_word(struct parser *p, struct toml *t)
{
	char digits[72];
	size_t n = strcspn(p->p, ",]}# \t\r\n"), k = 0;
	const char *text = arena_strn(p->a, p->p, n);
	if (!text)
		return full(p);
	if (!n || n >= sizeof(digits))
		return bad(p, "expected a value");
	p->p += n;
	if (!strcmp(text, "true") || !strcmp(text, "false")) {
		t->kind = TOML_FLAG;
		t->flag = *text == 't';
		return 0;
	}
	for (size_t i = 0; i < n; i++)
		if (text[i] != '_')
			digits[k++] = text[i];
	digits[k] = 0;
	static const char *const marks[] = { "0x", "0o", "0b" };
	static const int bases[] = { 16, 8, 2 };
	int base = 10;
	const char *from = digits;
	for (size_t i = 0; i < 3; i++)
		if (!strncmp(digits, marks[i], 2)) {
			base = bases[i];
			from += 2;
		}
	char *end;
	errno = 0;
	t->kind = TOML_NUMBER;
	t->number = strtoll(from, &end, base);
	if (end > from && !*end && errno == 0)
		return 0;
	if (!strspn(text, "+-0123456789infa") ||
	    text[strspn(text, "+-0123456789.:eEinfatTzZ_")] != 0)
		return bad(p, "expected a value: text needs quotes");
	t->kind = TOML_OTHER;
	t->string = text;
	return 0;
}

static int read_array(struct parser *p, struct toml *t, int level)
{
	t->kind = TOML_ARRAY;
	t->closed = true;
	p->p++;
	for (;;) {
		skip_lines(p);
		if (*p->p == ']')
			break;
		int rc = read_value(p, t, NULL, level + 1);
		if (rc < 0)
			return rc;
		skip_lines(p);
		if (*p->p == ']')
			break;
		if (*p->p++ != ',')
			return bad(p, "expected , or ] in an array");
	}
	p->p++;
	return 0;
}

static int read_pair(struct parser *p, struct toml *table, int level);

static int read_inline(struct parser *p, struct toml *t, int level)
{
	t->kind = TOML_TABLE;
	p->p++;
	skip_space(p);
	while (*p->p != '}') {
		int rc = read_pair(p, t, level + 1);
		if (rc < 0)
			return rc;
		skip_space(p);
		if (*p->p == '}')
			break;
		if (*p->p++ != ',')
			return bad(p, "expected , or } in a table");
	}
	p->p++;
	t->closed = true;
	return 0;
}

static int read_value(struct parser *p, struct toml *to, const char *key, int level)
{
	if (level > LEVELS_MAX)
		return full(p);
	skip_space(p);
	struct toml *t = add(p, to, key, TOML_STRING);
	if (!t)
		return full(p);
	if (*p->p == '"' || *p->p == '\'')
		return read_string(p, true, &t->string);
	if (*p->p == '[')
		return read_array(p, t, level);
	return *p->p == '{' ? read_inline(p, t, level) : read_word(p, t);
}

/* The table below another, made when it is not there; of an array of tables its last. */
static int go_down(struct parser *p, struct toml **at, const char *key)
{
	struct toml *t = (struct toml *)toml_get(*at, key);
	if (!t)
		t = add(p, *at, key, TOML_TABLE);
	if (!t)
		return full(p);
	if (t->kind == TOML_ARRAY && !t->closed)
		t = t->last;
	if (t->kind != TOML_TABLE || t->closed)
		return bad(p, "a key that has a value already");
	*at = t;
	return 0;
}

/* Keys with dots between them: all but the last lead down. */
static int read_path(struct parser *p, struct toml **at, const char **last)
{
	int levels = 0;
	for (;;) {
		int rc = read_key(p, last);
		if (rc < 0)
			return rc;
		skip_space(p);
		if (*p->p != '.')
			return 0;
		p->p++;
		if (++levels > LEVELS_MAX)
			return full(p);
		rc = go_down(p, at, *last);
		if (rc < 0)
			return rc;
	}
}

static int read_pair(struct parser *p, struct toml *table, int level)
{
	const char *key;
	int rc = read_path(p, &table, &key);
	if (rc < 0)
		return rc;
	if (*p->p != '=')
		return bad(p, "expected = after a key");
	if (toml_get(table, key))
		return bad(p, "a key that has a value already");
	p->p++;
	return read_value(p, table, key, level + 1);
}

/* [a.b] and [[a.b]]. */
static int read_header(struct parser *p, struct toml *root, struct toml **table)
{
	const char *key;
	struct toml *at = root;
	bool array = p->p[1] == '[';
	p->p += array ? 2 : 1;
	int rc = read_path(p, &at, &key);
	if (rc < 0)
		return rc;
	if (*p->p != ']' || (array && p->p[1] != ']'))
		return bad(p, "expected ] after a table's name");
	p->p += array ? 2 : 1;
	struct toml *t = (struct toml *)toml_get(at, key);
	if (array) {
		if (!t)
			t = add(p, at, key, TOML_ARRAY);
		if (t && (t->kind != TOML_ARRAY || t->closed))
			return bad(p, "a key that has a value already");
		t = t ? add(p, t, NULL, TOML_TABLE) : NULL;
	} else {
		if (!t)
			t = add(p, at, key, TOML_TABLE);
		if (t && (t->kind != TOML_TABLE || t->closed || t->opened))
			return bad(p, "a table that is there already");
	}
	if (!t)
		return full(p);
	t->opened = true;
	*table = t;
	return 0;
}

int toml_parse(const char *text, size_t len, struct arena *a, struct toml *out, struct err *e)
{
	struct parser p = { .a = a, .e = e, .line = 1 };
	*out = (struct toml){ .kind = TOML_TABLE };
	struct toml *table = out;
	if (len && memchr(text, 0, len))
		return refuse(e, EINVAL, "a NUL byte in it");
	p.p = arena_strn(a, text, len);
	if (!p.p)
		return full(&p);
	for (skip_lines(&p); *p.p; skip_lines(&p)) {
		int rc = *p.p == '[' ? read_header(&p, out, &table) : read_pair(&p, table, 0);
		if (rc < 0)
			return rc;
		if (!line_end(&p))
			return bad(&p, "more on the line than belongs there");
	}
	return 0;
}

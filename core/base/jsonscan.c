/* jsonscan.c - the grammar of JSON: is it, and where does a value end? */
#include "base/jsonscan.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define JSON_DEPTH 64

/* at stays where the text stops being JSON. */
struct scan {
	const char *at, *end;
	int depth;
	const char *refused; /* well formed, but not taken */
};

static bool value(struct scan *s);

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int hex_digit(char c)
{
	return is_digit(c)	      ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

static void blank(struct scan *s)
{
	while (s->at < s->end && is_blank(*s->at))
		s->at++;
}

static bool next(struct scan *s, char c)
{
	bool is = s->at < s->end && *s->at == c;
	s->at += is;
	return is;
}

static bool escape(struct scan *s)
{
	if (s->at == s->end)
		return false;
	char c = *s->at;
	if (c != 'u') {
		bool known = c && strchr("\"\\/bfnrt", c);
		s->at += known;
		return known;
	}
	int code = 0;
	s->at++;
	for (int i = 0; i < 4; i++, s->at++) {
		int digit = s->at < s->end ? hex_digit(*s->at) : -1;
		if (digit < 0)
			return false;
		code = code * 16 + digit;
	}
	if (!code)
		s->refused = "a string has a NUL character in it";
	return code;
}

static bool string(struct scan *s)
{
	if (!next(s, '"'))
		return false;
	while (s->at < s->end && (unsigned char)*s->at >= ' ') {
		char c = *s->at++;
		if (c == '"')
			return true;
		if (c == '\\' && !escape(s))
			return false;
	}
	return false;
}

static bool digits(struct scan *s)
{
	const char *from = s->at;
	while (s->at < s->end && is_digit(*s->at))
		s->at++;
	return s->at > from;
}

static bool number(struct scan *s)
{
	next(s, '-');
	if (!next(s, '0') && !digits(s))
		return false;
	if (next(s, '.') && !digits(s))
		return false;
	if (!next(s, 'e') && !next(s, 'E'))
		return true;
	if (!next(s, '+'))
		next(s, '-');
	return digits(s);
}

static bool literal(struct scan *s, const char *word)
{
	while (*word && next(s, *word))
		word++;
	return !*word;
}

static bool member(struct scan *s, bool object)
{
	blank(s);
	if (object) {
		if (!string(s))
			return false;
		blank(s);
		if (!next(s, ':'))
			return false;
		blank(s);
	}
	if (!value(s))
		return false;
	blank(s);
	return true;
}

static bool collection(struct scan *s, bool object)
{
	char close = object ? '}' : ']';
	s->at++;
	blank(s);
	if (next(s, close))
		return true;
	if (++s->depth > JSON_DEPTH) {
		s->refused = "more than 64 levels deep";
		return false;
	}
	do {
		if (!member(s, object))
			return false;
	} while (next(s, ','));
	s->depth--;
	return next(s, close);
}

static bool value(struct scan *s)
{
	switch (s->at < s->end ? *s->at : 0) {
	case '{':
	case '[':
		return collection(s, *s->at == '{');
	case '"':
		return string(s);
	case 't':
		return literal(s, "true");
	case 'f':
		return literal(s, "false");
	case 'n':
		return literal(s, "null");
	default:
		return number(s);
	}
}

int json_check(const char *text, size_t len, struct err *e)
{
	struct scan s = { .at = text, .end = text + len };
	size_t line = 1, column = 1;
	blank(&s);
	bool good = value(&s);
	if (good)
		blank(&s);
	if (good && s.at == s.end)
		return 0;
	if (s.refused)
		return refuse(e, EINVAL, "%s", s.refused);
	for (const char *p = text; p < s.at; p++) {
		column = *p == '\n' ? 1 : column + 1;
		line += *p == '\n';
	}
	return refuse(e, EINVAL, "not valid JSON at line %zu, column %zu", line, column);
}

const char *json_blank(const char *at)
{
	while (is_blank(*at))
		at++;
	return at;
}

static const char *string_end(const char *at)
{
	for (at++; *at != '"'; at++)
		at += *at == '\\';
	return at + 1;
}

const char *json_end(const char *at)
{
	size_t depth = 0;
	do {
		char c = *at;
		if (c == '"') {
			at = string_end(at);
		} else if (c == '{' || c == '[') {
			depth++;
			at++;
		} else if (c == '}' || c == ']') {
			depth--;
			at++;
		} else if (depth) {
			at++;
		} else {
			while (!is_blank(*at) && *at != ',' && *at != '}' && *at != ']')
				at++;
		}
	} while (depth);
	return at;
}

static uint32_t unicode(const char **at)
{
	uint32_t code = 0;
	for (int i = 0; i < 4; i++)
		code = code * 16 + (uint32_t)hex_digit(*(*at)++);
	return code;
}

/* \uXXXX, or two of them. */
static uint32_t code_point(const char **at)
{
	uint32_t high = unicode(at);
	if (high < 0xd800 || high > 0xdfff)
		return high;
	if (high <= 0xdbff && (*at)[0] == '\\' && (*at)[1] == 'u') {
		const char *after = *at + 2;
		uint32_t low = unicode(&after);
		if (low >= 0xdc00 && low <= 0xdfff) {
			*at = after;
			return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
		}
	}
	return 0xfffd;
}

static char *utf8(char *out, uint32_t c)
{
	static const unsigned char lead[] = { 0, 0xc0, 0xe0, 0xf0 };
	int more = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
	*out++ = (char)(lead[more] | (c >> (6 * more)));
	while (more--)
		*out++ = (char)(0x80 | ((c >> (6 * more)) & 0x3f));
	return out;
}

void json_decode(const char *at, char *out)
{
	static const char letter[] = "bfnrt", plain[] = "\b\f\n\r\t";
	for (at++; *at != '"';) {
		char c = *at++;
		if (c != '\\') {
			*out++ = c;
			continue;
		}
		c = *at++;
		const char *known = strchr(letter, c);
		if (c == 'u')
			out = utf8(out, code_point(&at));
		else
			*out++ = known ? plain[known - letter] : c;
	}
	*out = 0;
}

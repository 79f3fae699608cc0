/* systemd_value.c - the value of a property, as people write it, as D-Bus has it. */
#include "box/systemd_props.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 4096

/* One of numbers, words, booleans. */
struct scalar {
	char type;
	uint64_t number;
	double real;
	char text[TEXT_MAX];
};

static const struct {
	const char *name;
	char type;
	int64_t min;
	uint64_t max;
} kinds[] = {
	{ "boolean", 'b', 0, 1 },
	{ "byte", 'y', 0, UINT8_MAX },
	{ "int16", 'n', INT16_MIN, INT16_MAX },
	{ "uint16", 'q', 0, UINT16_MAX },
	{ "int32", 'i', INT32_MIN, INT32_MAX },
	{ "uint32", 'u', 0, UINT32_MAX },
	{ "int64", 'x', INT64_MIN, INT64_MAX },
	{ "uint64", 't', 0, UINT64_MAX },
	{ "double", 'd', 0, 0 },
	{ "string", 's', 0, 0 },
	{ "objectpath", 'o', 0, 0 },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static void blanks(const char **at)
{
	while (isspace((unsigned char)**at))
		(*at)++;
}

static bool word(const char **at, const char *w)
{
	size_t n = strlen(w);
	if (strncmp(*at, w, n) != 0 || isalnum((unsigned char)(*at)[n]))
		return false;
	*at += n;
	blanks(at);
	return true;
}

static int quoted(const char **at, char *out)
{
	char quote = *(*at)++;
	size_t n = 0;
	for (; **at != quote; (*at)++) {
		char c = **at;
		if (c == '\\' && (c = *++*at) && strchr("nt", c))
			c = c == 'n' ? '\n' : '\t';
		if (!c || n + 1 >= TEXT_MAX)
			return -EINVAL;
		out[n++] = c;
	}
	(*at)++;
	out[n] = 0;
	return 0;
}

/* Whole, or with a fraction; its type is the one that was named, or follows from that. */
static int number(const char **at, char named, struct scalar *out)
{
	char *end, *real_end;
	bool negative = **at == '-';
	errno = 0;
	int64_t whole = negative ? strtoll(*at, &end, 0) : 0;
	uint64_t positive = negative ? 0 : strtoull(*at, &end, 0);
	bool lost = errno == ERANGE;
	out->real = strtod(*at, &real_end);
	out->type = named ? named : real_end > end ? 'd' : 'i';
	if (real_end == *at || (out->type != 'd' && real_end > end))
		return -EINVAL;
	*at = real_end;
	for (size_t i = 0; out->type != 'd' && i < KINDS; i++)
		if (kinds[i].type == out->type &&
		    (lost || (negative ? whole < kinds[i].min : positive > kinds[i].max)))
			return -EINVAL;
	out->number = negative ? (uint64_t)whole : positive;
	return 0;
}

static int scalar(const char **at, struct scalar *out)
{
	char named = 0;
	int rc = 0;
	for (size_t i = 0; !named && i < KINDS; i++)
		if (word(at, kinds[i].name))
			named = kinds[i].type;
	*out = (struct scalar){ .type = named };
	bool yes = word(at, "true");
	if (yes || word(at, "false")) {
		out->type = 'b';
		out->number = yes;
	} else if (**at == '\'' || **at == '"') {
		out->type = named == 'o' ? 'o' : 's';
		rc = quoted(at, out->text);
	} else {
		rc = number(at, named, out);
	}
	if (rc == 0 && named && named != out->type)
		rc = -EINVAL;
	blanks(at);
	return rc;
}

static void put(struct buf *b, const struct scalar *s)
{
	uint64_t bits;
	switch (s->type) {
	case 's':
	case 'o':
		dbus_put_str(b, s->text);
		break;
	case 'd':
		memcpy(&bits, &s->real, sizeof(bits));
		dbus_put_u64(b, bits);
		break;
	case 'y':
		dbus_put_u8(b, (uint8_t)s->number);
		break;
	case 'n':
	case 'q':
		dbus_align(b, 2);
		dbus_put_u8(b, (uint8_t)s->number);
		dbus_put_u8(b, (uint8_t)(s->number >> 8));
		break;
	case 'x':
	case 't':
		dbus_put_u64(b, s->number);
		break;
	default:
		dbus_put_u32(b, (uint32_t)s->number);
	}
}

/* All of the same type: that of the first, or the one that is given before it for an empty one. */
static int array(struct buf *b, const char **at, char type)
{
	struct scalar one;
	const char *first = *at;
	char signature[3] = "a";
	if (!type && (scalar(&first, &one) < 0 || !(type = one.type)))
		return -EINVAL;
	signature[1] = type;
	dbus_put_sig(b, signature);
	struct dbus_array a = dbus_array_begin(b, type);
	while (**at && **at != ']') {
		if (scalar(at, &one) < 0 || one.type != type)
			return -EINVAL;
		put(b, &one);
		if (**at == ',')
			(*at)++;
		else if (**at != ']')
			return -EINVAL;
		blanks(at);
	}
	dbus_array_end(b, a);
	if (**at != ']')
		return -EINVAL;
	(*at)++;
	return 0;
}

static int single(struct buf *b, const char **at, uint64_t scale)
{
	struct scalar s;
	int rc = scalar(at, &s);
	if (rc == 0 && scale) {
		bool counts = s.type != 's' && s.type != 'o' && s.type != 'b';
		if (s.type != 'd')
			s.real = (double)s.number;
		if (!counts || !(s.real >= 0 && s.real <= 1e12)) /* nor NaN */
			return -EINVAL;
		s.number = s.type == 'd' ? (uint64_t)(s.real * (double)scale) : s.number * scale;
		s.type = 't';
	}
	if (rc < 0)
		return rc;
	const char signature[2] = { s.type, 0 };
	dbus_put_sig(b, signature);
	put(b, &s);
	return 0;
}

int prop_text(struct buf *b, const char *text, uint64_t scale)
{
	char type = 0;
	blanks(&text);
	if (*text == '@') { /* @as [] */
		if (text[1] != 'a' || !text[2] || !strchr("bynqiuxtdso", text[2]))
			return -EINVAL;
		type = text[2];
		text += 3;
		blanks(&text);
		if (*text != '[')
			return -EINVAL;
	}
	int rc;
	if (*text == '[') {
		text++;
		blanks(&text);
		rc = scale ? -EINVAL : array(b, &text, type);
	} else {
		rc = single(b, &text, scale);
	}
	blanks(&text);
	return rc < 0 || *text ? -EINVAL : 0;
}

/* pattern.c - extended regular expressions, as far as people use them to choose names. All ways of
 * matching are followed at once, and loops in loops so many times at the most: no pattern takes for
 * ever. */
#include "base/pattern.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define DEPTH 8		/* of groups in groups */
#define STEPS (1 << 18) /* for a text */

/* Before which bytes of the text one may be. */
struct places {
	bool at[PATTERN_TEXT + 1];
};

struct matching {
	const char *p; /* what is still to come of the pattern */
	const char *text;
	size_t n;
	int depth, steps;
	bool bad;
};

/* The ']' that ends a class; NULL: none does, or one with a name is in it. */
static const char *class_end(const char *p)
{
	p += *p == '^';
	p += *p == ']';
	for (; *p && *p != ']'; p++)
		if (*p == '[' && p[1] && strchr(":.=", p[1]))
			return NULL;
	return *p ? p : NULL;
}

static bool in_class(const char *p, unsigned char c)
{
	bool not = *p == '^', found = false;
	p += not;
	for (const char *first = p; p == first || *p != ']'; p++) {
		unsigned char from = (unsigned char)*p, to = from;
		if (p[1] == '-' && p[2] != ']') {
			to = (unsigned char)p[2];
			p += 2;
		}
		found |= c >= from && c <= to;
	}
	return found != not;
}

static bool is_one(const char *p, char c)
{
	return *p == '.' || (*p == '[' ? in_class(p + 1, (unsigned char)c) : c == p[*p == '\\']);
}

static void alternatives(struct matching *m, struct places *s);

static void group(struct matching *m, struct places *s)
{
	m->p++;
	m->bad |= m->depth == DEPTH;
	m->depth++;
	if (!m->bad)
		alternatives(m, s);
	m->depth--;
	m->bad |= *m->p != ')';
	m->p += !m->bad;
}

/* One byte of the text, its begin or its end; or a group. */
static void atom(struct matching *m, struct places *s)
{
	m->bad |= ++m->steps > STEPS;
	if (*m->p == '(') {
		group(m, s);
		return;
	}
	const char *p = m->p, *last = *p == '[' ? class_end(p + 1) : p + (*p == '\\');
	struct places next = { 0 };
	if (!last || !*last || strchr("*+?{", *p) ||
	    (*p == '\\' && isalnum((unsigned char)*last))) {
		m->bad = true;
		return;
	}
	m->p = last + 1;
	for (size_t i = 0; i <= m->n; i++)
		if (*p == '^' || *p == '$')
			s->at[i] = s->at[i] && i == (*p == '^' ? 0 : m->n);
		else if (i < m->n && s->at[i] && is_one(p, m->text[i]))
			next.at[i + 1] = true;
	if (*p != '^' && *p != '$')
		*s = next;
}

/* Once more from where it is new to be, as long as there is such. */
static void again(struct matching *m, const char *from, struct places *s)
{
	struct places front = *s;
	for (bool more = true; more && !m->bad;) {
		more = false;
		m->p = from;
		atom(m, &front);
		for (size_t i = 0; i <= m->n; i++) {
			front.at[i] = front.at[i] && !s->at[i];
			s->at[i] |= front.at[i];
			more |= front.at[i];
		}
	}
}

static void repeated(struct matching *m, struct places *s)
{
	const char *from = m->p;
	const struct places before = *s;
	atom(m, s);
	char how = *m->p;
	if (how != '*' && how != '+' && how != '?')
		return;
	if (how != '?')
		again(m, from, s);
	for (size_t i = 0; how != '+' && i <= m->n; i++)
		s->at[i] |= before.at[i];
	m->p++;
}

static void alternatives(struct matching *m, struct places *s)
{
	const struct places begin = *s;
	struct places all = { 0 };
	for (;; m->p++) {
		*s = begin;
		while (!m->bad && *m->p && *m->p != '|' && *m->p != ')')
			repeated(m, s);
		for (size_t i = 0; i <= m->n; i++)
			all.at[i] |= s->at[i];
		if (m->bad || *m->p != '|')
			break;
	}
	*s = all;
}

int pattern_found(const char *pattern, const char *text)
{
	struct matching m = { .p = pattern, .text = text, .n = strnlen(text, PATTERN_TEXT) };
	struct places s;
	memset(s.at, true, sizeof(s.at));
	alternatives(&m, &s);
	if (m.steps > STEPS)
		return -E2BIG;
	return m.bad || *m.p ? -EINVAL : memchr(s.at, true, m.n + 1) != NULL;
}

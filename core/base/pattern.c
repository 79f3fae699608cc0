/* pattern.c - extended regular expressions, as far as people use them to choose names. All ways of
 * matching are followed at once, step by step of the text, so no pattern takes for ever. */
#include "base/pattern.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define DEPTH 8	  /* of groups in groups */
#define STEPS 512 /* of a pattern */

/* Where one may be in a pattern. The ways on are from here: so steps can be moved together. */
struct step {
	enum { STEP_BYTE, STEP_BEGIN, STEP_END, STEP_EITHER, STEP_FOUND } kind;
	const char *p; /* STEP_BYTE: such a one */
	short way, other;
};

struct steps {
	const char *p; /* what is still to come of the pattern */
	int depth;
	bool bad;
	short n;
	struct step v[STEPS];
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

static void put(struct steps *s, short at, struct step step)
{
	if (s->n == STEPS) {
		s->bad = true;
		return;
	}
	memmove(&s->v[at + 1], &s->v[at], (size_t)(s->n++ - at) * sizeof(step));
	s->v[at] = step;
}

static void either(struct steps *s, short at, int way, int other)
{
	put(s, at, (struct step){ STEP_EITHER, NULL, (short)way, (short)other });
}

static void alternatives(struct steps *s);

static void group(struct steps *s)
{
	s->p++;
	s->bad |= s->depth == DEPTH;
	s->depth++;
	if (!s->bad)
		alternatives(s);
	s->depth--;
	s->bad |= *s->p != ')';
	s->p += !s->bad;
}

/* One byte of the text, its begin or its end; or a group. */
static void atom(struct steps *s)
{
	const char *p = s->p, *last = *p == '[' ? class_end(p + 1) : p + (*p == '\\');
	if (*p == '(') {
		group(s);
		return;
	}
	if (!last || !*last || strchr("*+?{", *p) ||
	    (*p == '\\' && isalnum((unsigned char)*last))) {
		s->bad = true;
		return;
	}
	s->p = last + 1;
	put(s, s->n,
	    (struct step){ *p == '^'   ? STEP_BEGIN
			   : *p == '$' ? STEP_END
				       : STEP_BYTE,
			   p, 1, 1 });
}

static void repeated(struct steps *s)
{
	short from = s->n;
	atom(s);
	int n = s->n - from;
	char how = *s->p;
	if (how != '*' && how != '+' && how != '?')
		return;
	s->p++;
	if (how == '+') {
		either(s, s->n, -n, 1);
		return;
	}
	either(s, from, 1, n + (how == '*' ? 2 : 1));
	if (how == '*')
		either(s, s->n, -n - 1, -n - 1);
}

static void alternatives(struct steps *s)
{
	for (short from = s->n, end = -1;; from = s->n) {
		while (!s->bad && *s->p && *s->p != '|' && *s->p != ')')
			repeated(s);
		bool more = *s->p == '|';
		if (more)
			either(s, from, 1, s->n - from + 2);
		if (s->bad)
			return;
		if (end >= 0) /* of the one before */
			s->v[end].way = s->v[end].other = (short)(s->n - end);
		if (!more)
			return;
		s->p++;
		end = s->n;
		either(s, end, 1, 1);
	}
}

/* All where one is before byte `at` of the text without taking one more. */
static void reach(const struct steps *s, bool *is, short i, size_t at, size_t n)
{
	const struct step *t = &s->v[i];
	if (is[i])
		return;
	is[i] = true;
	if (t->kind == STEP_EITHER || (t->kind == STEP_BEGIN && at == 0) ||
	    (t->kind == STEP_END && at == n))
		reach(s, is, (short)(i + t->way), at, n);
	if (t->kind == STEP_EITHER)
		reach(s, is, (short)(i + t->other), at, n);
}

static bool found(const struct steps *s, const char *text, size_t n)
{
	bool is[2][STEPS] = { 0 };
	for (size_t at = 0; at <= n; at++) {
		bool *now = is[at % 2], *next = is[(at + 1) % 2];
		reach(s, now, 0, at, n);
		if (now[s->n - 1])
			return true;
		memset(next, false, sizeof(is[0]));
		for (short i = 0; at < n && i < s->n; i++)
			if (now[i] && s->v[i].kind == STEP_BYTE && is_one(s->v[i].p, text[at]))
				reach(s, next, (short)(i + 1), at + 1, n);
	}
	return false;
}

int pattern_found(const char *pattern, const char *text)
{
	struct steps s = { .p = pattern };
	alternatives(&s);
	put(&s, s.n, (struct step){ .kind = STEP_FOUND });
	return s.bad || *s.p ? -EINVAL : found(&s, text, strnlen(text, PATTERN_TEXT));
}

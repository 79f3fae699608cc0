/* cli.c - commands and options, described once. */
#include "base/cli.h"
#include "base/file.h"
#include "base/log.h"
#include "base/proc.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#define CLI_MEMORY ((size_t)16 << 20)
#define HELP_ASKED 1 /* a result of parsing: print the help, succeed */

/* One run of the parser over one command's words. */
struct parser {
	const struct command *c;
	const char *path; /* "coracle runtime create" */
	char *opts;
	struct strs words, args;
	size_t at;
	struct arena *a;
	struct err *e;
};

static int usage(struct parser *p, const char *what, const char *word)
{
	return refuse(p->e, EINVAL, "%s %s; see '%s --help'", what, word, p->path);
}

int size_parse(const char *s, int64_t *out)
{
	static const char letters[] = "bkmgtp";
	char *end;
	errno = 0;
	double n = strtod(s, &end);
	if (end == s || errno || strspn(s, "-0123456789.") != (size_t)(end - s))
		return -EINVAL;
	end += *end == ' ' && end[1]; /* "64 MB" */
	if (*end) {
		const char *unit = strchr(letters, *end | 0x20);
		if (!unit)
			return -EINVAL;
		for (long i = unit - letters; i > 0; i--)
			n *= 1024;
		end++;
		if ((*end | 0x20) == 'i')
			end++;
		if ((*end | 0x20) == 'b' && unit != letters)
			end++;
	}
	if (*end || n >= 9223372036854775807.0 || (n < 0 && n != -1))
		return -EINVAL;
	*out = (int64_t)n;
	return 0;
}

void size_format(uint64_t n, char *out, size_t size)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
	double v = (double)n;
	size_t u = 0;
	for (; v >= 1000 && u < 4; u++)
		v /= 1000;
	if (u)
		snprintf(out, size, "%.1f %s", v, units[u]);
	else
		snprintf(out, size, "%" PRIu64 " B", n);
}

static int word_add(struct parser *p, struct strs *l, const char *s)
{
	const char **to = LIST_ADD(p->a, l); /* few: copying is fine */
	if (!to)
		return fail(p->e, E2BIG, "option %s", s);
	*to = s;
	return 0;
}

static int set_number(struct parser *p, const struct opt *o, void *to, const char *value)
{
	char *end;
	errno = 0;
	long long n = 0;
	unsigned long long u = 0;
	bool natural = o->type == OPT_U64 || o->type == OPT_MAYBE_U64;
	int base = o->type == OPT_MAYBE_I64 || o->type == OPT_MAYBE_U64 ? 10 : 0;
	if (natural)
		u = strtoull(value, &end, base);
	else
		n = strtoll(value, &end, base);
	bool bad = !*value || *end || errno || (natural && *value == '-') ||
		   (o->type == OPT_INT && (n > INT32_MAX || n < INT32_MIN));
	if (bad)
		return refuse(p->e, EINVAL, "option --%s: '%s' is not a number in range", o->name,
			      value);
	if (o->type == OPT_INT)
		*(int *)to = (int)n;
	else if (o->type == OPT_I64)
		*(int64_t *)to = n;
	else if (o->type == OPT_MAYBE_I64)
		*(struct opt_i64 *)to = (struct opt_i64){ true, n };
	else if (o->type == OPT_MAYBE_U64)
		*(struct opt_u64 *)to = (struct opt_u64){ true, u };
	else
		*(uint64_t *)to = u;
	return 0;
}

static int set_size(struct parser *p, const struct opt *o, int64_t *to, const char *value)
{
	if (size_parse(value, to) < 0)
		return refuse(p->e, EINVAL, "option --%s: '%s' is not a size such as 64m", o->name,
			      value);
	return 0;
}

/* The words that Go knows. */
static int set_flag(struct parser *p, const struct opt *o, bool *to, const char *value)
{
	static const char *const words[][2] = {
		{ "false", "true" }, { "0", "1" },	  { "f", "t" },
		{ "F", "T" },	     { "False", "True" }, { "FALSE", "TRUE" },
	};
	*to = true;
	for (size_t i = 0; value && i < 2 * sizeof(words) / sizeof(words[0]); i++)
		if (!strcmp(value, words[i / 2][i % 2])) {
			*to = i % 2;
			return 0;
		}
	return !value ? 0
		      : refuse(p->e, EINVAL, "option --%s: '%s' is neither true nor false", o->name,
			       value);
}

static int set_value(struct parser *p, const struct opt *o, const char *value)
{
	void *to = p->opts + o->offset;
	switch (o->type) {
	case OPT_FLAG:
		return set_flag(p, o, to, value);
	case OPT_PATH:
		if (!*value)
			return refuse(p->e, EINVAL, "option --%s: '' is not a path", o->name);
		*(const char **)to = path_absolute(p->a, value);
		return *(const char **)to ? 0
					  : fail(p->e, errno, "option --%s: %s", o->name, value);
	case OPT_STR:
	case OPT_MAYBE_STR:
		*(const char **)to = *value || o->type == OPT_STR ? value : NULL;
		return 0;
	case OPT_LIST:
		return word_add(p, to, value);
	case OPT_SIZE:
		return set_size(p, o, to, value);
	case OPT_MAYBE_SIZE:
		((struct opt_i64 *)to)->set = *value;
		return *value ? set_size(p, o, &((struct opt_i64 *)to)->v, value) : 0;
	case OPT_MAYBE_I64:
	case OPT_MAYBE_U64:
		return *value ? set_number(p, o, to, value) : 0;
	case OPT_INT:
	case OPT_I64:
	case OPT_U64:
		return set_number(p, o, to, value);
	case OPT_ABSENT:
		break;
	}
	return usage(p, "unknown option", o->name);
}

/* One that is there, or one that is not and has its beginning of "NAME*". */
static const struct opt *opt_find(const struct command *c, const char *name, size_t n)
{
	const struct opt *absent = NULL;
	for (const struct opt *o = c->opts; o && o->name; o++) {
		size_t len = strlen(o->name);
		if (len == n && !strncmp(o->name, name, n))
			return o;
		if (o->name[len - 1] == '*' && n >= len - 1 && !strncmp(o->name, name, len - 1))
			absent = o;
	}
	return absent;
}

static const struct opt *opt_letter(const struct command *c, char letter)
{
	for (const struct opt *o = c->opts; o && o->name; o++)
		if (o->letter && o->letter == letter)
			return o;
	return NULL;
}

static int take_absent(struct parser *p, const struct opt *o, const char *name,
		       const char *attached)
{
	bool flag = *o->value == '=', on = false;
	const char *so = o->value + flag, *bar = strchr(so, '|'), *given = attached;
	size_t n = bar ? (size_t)(bar - so) : 0;
	if (flag && set_flag(p, o, &on, attached) < 0)
		return -p->e->code;
	if (flag)
		given = on ? "true" : "false";
	else if (!attached && p->at + 1 < p->words.n)
		given = p->words.v[p->at + 1];
	if (!n || !given || (*given && (strlen(given) != n || strncmp(given, so, n) != 0)))
		return refuse(p->e, EINVAL, "option --%.*s: %s", (int)strcspn(name, "="), name,
			      bar ? bar + 1 : so);
	p->at += !flag && !attached;
	return 0;
}

/* The value of an option that needs one: what is attached, or the next word. */
static int take_value(struct parser *p, const struct opt *o, const char *attached)
{
	const char *word = p->words.v[p->at];
	const char *name = strchr(o->name, '*') ? word + strspn(word, "-") : o->name;
	if (o->type == OPT_ABSENT)
		return take_absent(p, o, name, attached);
	if (attached || o->type == OPT_FLAG)
		return set_value(p, o, attached);
	if (p->at + 1 >= p->words.n)
		return usage(p, "no value for option", o->name);
	return set_value(p, o, p->words.v[++p->at]);
}

static int parse_letters(struct parser *p, const char *word)
{
	for (const char *s = word + 1; *s; s++) {
		const struct opt *o = opt_letter(p->c, *s);
		if (!o && *s == 'h' && !s[1])
			return HELP_ASKED;
		if (!o)
			return usage(p, "unknown option", word);
		if (o->type != OPT_FLAG) {
			const char *rest = s[1] == '=' ? s + 2 : s + 1;
			return take_value(p, o, *rest || s[1] == '=' ? rest : NULL);
		}
		if (s[1] == '=')
			return set_value(p, o, s + 2);
		set_value(p, o, NULL);
	}
	return 0;
}

static int parse_option(struct parser *p, const char *word)
{
	const char *name = word + (word[1] == '-' ? 2 : 1);
	size_t n = strcspn(name, "=");
	const struct opt *o = n == 1 && word[1] != '-' ? NULL : opt_find(p->c, name, n);
	if (n == 1 && word[1] == '-') /* to Go, --b is -b */
		o = opt_letter(p->c, *name);
	if (o)
		return take_value(p, o, name[n] ? name + n + 1 : NULL);
	if (!strcmp(name, "help") || (word[1] == '-' && !strcmp(name, "h")))
		return HELP_ASKED;
	if (word[1] == '-')
		return usage(p, "unknown option", word);
	return parse_letters(p, word);
}

static int parse_words(struct parser *p)
{
	bool any = p->c->max_args < 0 || p->c->sub;
	for (; p->at < p->words.n; p->at++) {
		const char *word = p->words.v[p->at];
		bool option = word[0] == '-' && word[1] && !(word[1] >= '0' && word[1] <= '9');
		int rc = 0;
		if (!strcmp(word, "--")) {
			p->at++;
			break;
		}
		if (option)
			rc = parse_option(p, word);
		else if (any)
			break;
		else
			rc = word_add(p, &p->args, word);
		if (rc)
			return rc;
	}
	for (; p->at < p->words.n; p->at++) {
		int rc = word_add(p, &p->args, p->words.v[p->at]);
		if (rc)
			return rc;
	}
	return 0;
}

static void help_options(const struct command *c, struct buf *out)
{
	for (const struct opt *o = c->opts; o && o->name; o++) {
		char left[80];
		if (!o->help)
			continue;
		snprintf(left, sizeof(left), "%c%c%s --%s%s%s", o->letter ? '-' : ' ',
			 o->letter ? o->letter : ' ', o->letter ? "," : " ", o->name,
			 o->value ? " " : "", o->value ? o->value : "");
		buf_printf(out, "  %-30s %s\n", left, o->help);
	}
}

void cli_help(const struct command *c, const char *path, struct buf *out)
{
	buf_printf(out, "%s - %s\n\nUsage: %s%s%s%s\n", path, c->help, path,
		   c->opts ? " [OPTIONS]" : "",
		   c->args  ? " "
		   : c->sub ? " COMMAND"
			    : "",
		   c->args ? c->args : "");
	if (c->more)
		buf_printf(out, "\n%s\n", c->more);
	if (c->sub)
		buf_str(out, "\nCommands:\n");
	for (const struct command *s = c->sub; s && s->name; s++)
		if (s->help)
			buf_printf(out, "  %-14s %s\n", s->name, s->help);
	if (c->opts)
		buf_str(out, "\nOptions:\n");
	help_options(c, out);
	if (c->sub)
		buf_printf(out, "\n'%s COMMAND --help' tells more about a command.\n", path);
}

int cli_print(const struct buf *out, struct err *e)
{
	bool lost = out->len && !proc_has_stdout();
	int rc = out->failed ? -ENOMEM : lost ? -EBADF : write_all(STDOUT_FILENO, out->p, out->len);
	return rc < 0 ? fail(e, rc, "write to stdout") : 0;
}

static int print_help(const struct command *c, const char *path, struct err *e)
{
	auto_buf out = { 0 };
	cli_help(c, path, &out);
	return cli_print(&out, e);
}

static const struct command *sub_find(const struct command *c, const char *name)
{
	for (const struct command *s = c->sub; s->name; s++)
		if (!strcmp(s->name, name))
			return s;
	return NULL;
}

static int dispatch(const struct command *c, const char *path, const struct call *parent,
		    struct strs words, struct err *e);

static int dispatch_sub(struct parser *p, const struct call *call)
{
	if (!p->args.n)
		return print_help(p->c, p->path, p->e);
	const char *name = p->args.v[0];
	const struct command *sub = sub_find(p->c, name);
	bool help = !sub && (!strcmp(name, "help") || !strcmp(name, "h"));
	if (help && p->args.n > 1)
		sub = sub_find(p->c, name = p->args.v[1]);
	else if (help)
		return print_help(p->c, p->path, p->e);
	if (!sub) {
		p->e->status = p->c->misuse;
		return usage(p, "unknown command", name);
	}
	char *path = arena_printf(p->a, "%s %s", p->path, sub->name);
	if (!path)
		return fail(p->e, ENOMEM, "%s", p->path);
	if (help)
		return print_help(sub, path, p->e);
	if (p->c->before) {
		int rc = p->c->before(call, p->e);
		if (rc < 0)
			return rc;
	}
	struct strs rest = { p->args.v + 1, p->args.n - 1 };
	return dispatch(sub, path, call, rest, p->e);
}

static int check_count(struct parser *p)
{
	const struct command *c = p->c;
	if (p->args.n < (size_t)c->min_args)
		return refuse(p->e, EINVAL, "too few arguments; usage: %s %s", p->path,
			      c->args ? c->args : "");
	if (c->max_args >= 0 && p->args.n > (size_t)c->max_args)
		return usage(p, "too many arguments, from", p->args.v[c->max_args]);
	return 0;
}

static int parse_and_run(const struct command *c, const char *path, const struct call *parent,
			 struct strs words, struct err *e)
{
	struct parser p = { .c = c, .path = path, .words = words, .a = parent->arena, .e = e };
	p.opts = arena_alloc(p.a, c->opts_size + 1);
	if (!p.opts)
		return fail(e, ENOMEM, "%s", path);
	if (c->defaults)
		memcpy(p.opts, c->defaults, c->opts_size);
	int rc = parse_words(&p);
	if (rc == HELP_ASKED)
		return print_help(c, path, e);
	if (rc == 0 && !c->sub)
		rc = check_count(&p);
	if (rc < 0) {
		e->status = c->sub ? 0 : c->misuse;
		return rc;
	}
	struct call call = { c, path, parent, p.opts, p.args, p.a, parent->argv };
	return c->sub && (p.args.n || !c->run) ? dispatch_sub(&p, &call) : c->run(&call, e);
}

static int dispatch(const struct command *c, const char *path, const struct call *parent,
		    struct strs words, struct err *e)
{
	int rc = parse_and_run(c, path, parent, words, e);
	/* What was said by printf, if anything: then, and only then, the stream is one of bytes. */
	bool lost = fwide(stdout, 0) && !proc_has_stdout();
	if (rc >= 0 && (lost || fflush(stdout) || ferror(stdout)))
		rc = refuse(e, EIO, "write to stdout: it is full, or closed");
	if (rc < 0 && !e->status)
		e->status = c->failure;
	return rc;
}

int cli_main(const struct command *c, int argc, char **argv)
{
	struct err e = { 0 };
	struct arena *a = arena_new(CLI_MEMORY); /* for as long as we live */
	if (!a) {
		log_error("out of memory");
		return 1;
	}
	const char **v = arena_array(a, (size_t)argc + 1, sizeof(*v));
	for (int i = 1; v && i < argc; i++)
		v[i - 1] = argv[i];
	struct call top = { .arena = a, .argv = argv };
	struct strs words = { v, argc > 0 ? (size_t)argc - 1 : 0 };
	int rc = v ? dispatch(c, c->name, &top, words, &e) : fail(&e, ENOMEM, "arguments");
	if (rc < 0)
		log_error("%s", e.msg);
	return rc >= 0 ? rc : e.status ? e.status : 1;
}

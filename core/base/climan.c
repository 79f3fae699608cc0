/* climan.c - manual pages and shell completion, from the tables of cli.h. */
#include "base/cli.h"

#include <ctype.h>
#include <string.h>

/* roff: no line may begin with a dot or quote, and a hyphen of an option is "\-". */
static void text(struct buf *out, const char *s)
{
	for (bool first = true; *s; s++) {
		if (first && (*s == '.' || *s == '\''))
			buf_str(out, "\\&");
		if (*s == '\\')
			buf_str(out, "\\e");
		else if (*s == '-')
			buf_str(out, "\\-");
		else
			buf_char(out, *s);
		first = *s == '\n';
	}
}

static void macro(struct buf *out, const char *name, const char *argument)
{
	buf_printf(out, ".%s ", name);
	text(out, argument);
	buf_char(out, '\n');
}

static void man_options(const struct command *c, struct buf *out)
{
	for (const struct opt *o = c->opts; o && o->name; o++) {
		if (!o->help)
			continue;
		buf_str(out, ".TP\n");
		if (o->letter)
			buf_printf(out, "\\fB\\-%c\\fR, ", o->letter);
		buf_str(out, "\\fB\\-\\-");
		text(out, o->name);
		buf_str(out, "\\fR");
		if (o->value)
			buf_printf(out, " \\fI%s\\fR", o->value);
		buf_char(out, '\n');
		text(out, o->help);
		buf_char(out, '\n');
	}
}

static void man_synopsis(const struct command *c, const char *path, struct buf *out)
{
	buf_str(out, "\\fB");
	text(out, path);
	buf_printf(out, "\\fR%s", c->opts ? " [\\fIOPTIONS\\fR]" : "");
	if (c->args) {
		buf_char(out, ' ');
		text(out, c->args);
	} else if (c->sub) {
		buf_str(out, " \\fICOMMAND\\fR");
	}
	buf_char(out, '\n');
}

static void man_command(const struct command *c, const char *path, struct buf *out)
{
	buf_str(out, ".SS ");
	man_synopsis(c, path, out);
	text(out, c->help);
	buf_str(out, ".\n");
	if (c->more) {
		buf_str(out, ".PP\n");
		text(out, c->more);
		buf_char(out, '\n');
	}
	man_options(c, out);
}

void cli_man(const struct command *c, const char *path, struct buf *out)
{
	char title[64] = "";
	for (size_t i = 0; path[i] && i + 1 < sizeof(title); i++)
		title[i] = path[i] == ' ' ? '-' : (char)toupper((unsigned char)path[i]);
	buf_printf(out, ".TH %s 1 \"\" \"Coracle %s\"\n.SH NAME\n", title, CORACLE_VERSION);
	text(out, path);
	buf_str(out, " \\- ");
	text(out, c->help);
	buf_str(out, "\n.SH SYNOPSIS\n");
	man_synopsis(c, path, out);
	if (c->more) {
		macro(out, "SH", "DESCRIPTION");
		text(out, c->more);
		buf_char(out, '\n');
	}
	if (c->opts)
		macro(out, "SH", "OPTIONS");
	man_options(c, out);
	if (c->sub)
		macro(out, "SH", "COMMANDS");
	for (const struct command *s = c->sub; s && s->name; s++)
		if (s->help)
			man_command(s, s->name, out);
}

static void words(const struct command *c, struct buf *out)
{
	for (const struct opt *o = c->opts; o && o->name; o++)
		if (o->help)
			buf_printf(out, "--%s ", o->name);
	for (const struct command *s = c->sub; s && s->name; s++)
		if (s->help)
			buf_printf(out, "%s ", s->name);
}

/* One case a command: what may follow it. */
static void completion_cases(const struct command *c, const char *path, struct buf *out)
{
	buf_printf(out, "\t'%s') words='", path);
	words(c, out);
	buf_str(out, "--help' ;;\n");
	for (const struct command *s = c->sub; s && s->name; s++) {
		auto_buf below = { 0 };
		if (!s->help)
			continue;
		buf_printf(&below, "%s %s", path, s->name);
		if (below.p)
			completion_cases(s, below.p, out);
	}
}

void cli_completion(const struct command *c, struct buf *out)
{
	buf_printf(out,
		   "# bash completion for %s: source this file, or put it into\n"
		   "# /usr/share/bash-completion/completions/%s\n"
		   "_%s() {\n"
		   "\tlocal path=%s words='' i word\n"
		   "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
		   "\t\tword=${COMP_WORDS[i]}\n"
		   "\t\tcase $word in -*) ;; *) path=\"$path $word\" ;; esac\n"
		   "\tdone\n"
		   "\tcase $path in\n",
		   c->name, c->name, c->name, c->name);
	completion_cases(c, c->name, out);
	buf_printf(out,
		   "\tesac\n"
		   "\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- "
		   "\"${COMP_WORDS[COMP_CWORD]}\")\n"
		   "}\n"
		   "complete -o default -F _%s %s\n",
		   c->name, c->name);
}

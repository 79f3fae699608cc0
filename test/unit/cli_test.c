/* cli_test.c - options and commands by tables. */
#include "tap.h"

#include "base/cli.h"
#include "base/log.h"

#include <unistd.h>

struct options {
	bool flag, other;
	const char *name;
	struct strs list;
	int count;
	int64_t size, wide;
	uint64_t huge;
	struct opt_i64 maybe_size, maybe;
	struct opt_u64 maybe_natural;
};

/* What the last command was called with. */
static struct {
	struct options o, parent;
	struct strs args;
	const char *command;
	int befores;
} seen;

static int run(const struct call *c, struct err *e)
{
	(void)e;
	seen.o = *(const struct options *)c->opts;
	seen.command = c->command->name;
	seen.args = c->args;
	if (c->parent && c->parent->opts)
		seen.parent = *(const struct options *)c->parent->opts;
	/* The arena goes with the call: keep what is looked at. */
	static char text[16][32];
	static const char *v[16];
	for (size_t i = 0; i < c->args.n && i < 15; i++) {
		snprintf(text[i], sizeof(text[i]), "%s", c->args.v[i]);
		v[i] = text[i];
	}
	ok(!c->args.v || !c->args.v[c->args.n]);
	seen.args.v = v;
	return 7;
}

static int refuse_all(const struct call *c, struct err *e)
{
	(void)c;
	return refuse(e, EPERM, "no");
}

static int before(const struct call *c, struct err *e)
{
	(void)c;
	(void)e;
	seen.befores++;
	return 0;
}

static const struct opt opts[] = {
	OPT(OPT_FLAG, options, flag, 'f', "flag", NULL, "a flag"),
	OPT(OPT_FLAG, options, other, 'o', "other", NULL, NULL),
	OPT(OPT_STR, options, name, 'n', "name", "NAME", "a name"),
	OPT(OPT_LIST, options, list, 'l', "list", "X", "a list"),
	OPT(OPT_INT, options, count, 'c', "count", "N", "a number"),
	OPT(OPT_SIZE, options, size, 'm', "memory", "SIZE", "a size"),
	OPT(OPT_I64, options, wide, 0, "wide", "N", "a number"),
	OPT(OPT_U64, options, huge, 0, "huge", "N", "a number"),
	OPT(OPT_MAYBE_SIZE, options, maybe_size, 0, "maybe-size", "SIZE", "a size"),
	OPT(OPT_MAYBE_I64, options, maybe, 0, "maybe", "N", "a number"),
	OPT(OPT_MAYBE_U64, options, maybe_natural, 0, "maybe-natural", "N", "a number"),
	{ 0 },
};
static const struct options start = { .count = 5 };
static const struct command plain = { .name = "plain",
				      .help = "does it",
				      .opts = opts,
				      .opts_size = sizeof(struct options),
				      .defaults = &start,
				      .min_args = 1,
				      .max_args = 2,
				      .run = run,
				      .args = "A [B]" };
static const struct command rest = { .name = "rest",
				     .help = "does it",
				     .opts = opts,
				     .opts_size = sizeof(struct options),
				     .max_args = -1,
				     .run = run };
static const struct command subs[] = {
	{ .name = "one",
	  .help = "first",
	  .opts = opts,
	  .opts_size = sizeof(struct options),
	  .max_args = -1,
	  .run = run },
	{ .name = "bad", .help = "fails", .run = refuse_all, .failure = 125 },
	{ 0 },
};
static const struct command top = { .name = "top",
				    .help = "has more",
				    .opts = opts,
				    .opts_size = sizeof(struct options),
				    .before = before,
				    .sub = subs };

/* Calls with words separated by spaces. */
static int call(const struct command *c, const char *line)
{
	static char text[256];
	char *v[32] = { (char[]){ "x" } };
	int n = 1;
	snprintf(text, sizeof(text), "%s", line);
	for (char *w = strtok(text, " "); w; w = strtok(NULL, " "))
		v[n++] = w;
	memset(&seen, 0, sizeof(seen));
	return cli_main(c, n, v);
}

static void every_form_of_an_option_is_understood(void)
{
	is_int(call(&plain, "--flag --name=a --list x -l y --count 3 arg"), 7);
	ok(seen.o.flag && !seen.o.other);
	is_str(seen.o.name, "a");
	is_int(seen.o.list.n, 2);
	is_int(seen.o.count, 3);
	is_str(seen.args.v[0], "arg");
	is_int(call(&plain, "-fo -nb -c=4 arg -m 64m"), 7);
	ok(seen.o.flag && seen.o.other);
	is_str(seen.o.name, "b");
	is_int(seen.o.count, 4);
	is_int(seen.o.size, 64 << 20);
	is_int(call(&plain, "-flag=false -name b --wide -3 --huge 18446744073709551615 a"), 7);
	ok(!seen.o.flag);
	is_int(seen.o.wide, -3);
	ok(seen.o.huge == UINT64_MAX);
}

static void go_s_spellings_are_understood(void)
{
	is_int(call(&plain, "--n b --f=T --other=TRUE a"), 7);
	ok(seen.o.flag && seen.o.other);
	is_str(seen.o.name, "b");
	is_int(call(&plain, "--f=False --other=0 a"), 7);
	ok(!seen.o.flag && !seen.o.other);
	is_int(call(&plain, "--f=yes a"), 1);
	is_int(call(&plain, "--x a"), 1);
	is_int(call(&plain, "--fo a"), 1);
}

static void defaults_hold_until_an_option_says_otherwise(void)
{
	is_int(call(&plain, "a"), 7);
	is_int(seen.o.count, 5);
}

static void an_option_may_tell_whether_it_was_given(void)
{
	is_int(call(&plain, "--maybe-size=64k --maybe 0 --maybe-natural 010 a"), 7);
	ok(seen.o.maybe_size.set && seen.o.maybe_size.v == 65536);
	ok(seen.o.maybe.set && !seen.o.maybe.v);
	ok(seen.o.maybe_natural.set && seen.o.maybe_natural.v == 10);
	is_int(call(&plain, "--maybe-size= --maybe= --maybe-natural= a"), 7);
	ok(!seen.o.maybe_size.set && !seen.o.maybe.set && !seen.o.maybe_natural.set);
	is_int(call(&plain, "--maybe-size -1 a"), 7);
	is_int(seen.o.maybe_size.v, -1);
	is_int(call(&plain, "--maybe-natural -1 a"), 1);
	is_int(call(&plain, "--maybe 0x10 a"), 1);
	is_int(call(&plain, "--maybe-size 1z a"), 1);
}

static void help_is_a_command_too(void)
{
	memset(&seen, 0, sizeof(seen));
	is_int(call(&top, "help"), 0);
	is_int(call(&top, "h"), 0);
	is_int(call(&top, "help one"), 0);
	ok(!seen.command);
	is_int(call(&top, "help nonsense"), 1);
}

static void two_dashes_end_the_options(void)
{
	is_int(call(&plain, "-- --flag"), 7);
	ok(!seen.o.flag);
	is_str(seen.args.v[0], "--flag");
	is_int(call(&plain, "- -1"), 7);
	is_str(seen.args.v[1], "-1");
}

static void a_commands_words_are_not_our_options(void)
{
	is_int(call(&rest, "-f sh -c --name"), 7);
	is_int(seen.args.n, 3);
	is_str(seen.args.v[1], "-c");
	ok(seen.o.flag && !seen.o.name);
}

static void wrong_usage_fails(void)
{
	is_int(call(&plain, "--none a"), 1);
	is_int(call(&plain, "-x a"), 1);
	is_int(call(&plain, "a b c"), 1);
	is_int(call(&plain, ""), 1);
	is_int(call(&plain, "a --name"), 1);
	is_int(call(&plain, "--count=x a"), 1);
	is_int(call(&plain, "--count=2147483648 a"), 1);
	is_int(call(&plain, "--huge=-1 a"), 1);
	is_int(call(&plain, "--flag=maybe a"), 1);
	is_int(call(&plain, "--memory=12x a"), 1);
	ok(!seen.command);
}

static void subcommands_see_their_parents_options(void)
{
	is_int(call(&top, "--name=root one -f cmd"), 7);
	is_str(seen.command, "one");
	is_str(seen.parent.name, "root");
	ok(seen.o.flag && !seen.o.name);
	is_int(seen.befores, 1);
	is_int(call(&top, "two"), 1);
	is_int(call(&top, "bad"), 125);
}

static void help_comes_from_the_tables(void)
{
	auto_buf out = { 0 };
	cli_help(&plain, "x plain", &out);
	has_str(out.p, "x plain - does it");
	has_str(out.p, "Usage: x plain [OPTIONS] A [B]");
	has_str(out.p, "-n, --name NAME");
	has_str(out.p, "    --wide N");
	ok(!strstr(out.p, "other"));
	buf_free(&out);
	cli_help(&top, "top", &out);
	has_str(out.p, "  one            first");
}

static void sizes_are_read_and_shown(void)
{
	static const struct {
		const char *text;
		int64_t bytes;
	} good[] = { { "4096", 4096 }, { "64m", 64 << 20 }, { "1GiB", 1 << 30 },
		     { "1.5k", 1536 }, { "-1", -1 },	    { "10b", 10 },
		     { "2KB", 2048 },  { "0", 0 },	    { "64 MB", 64 << 20 } };
	static const char *const bad[] = { "",	  "m",		 "12x", "1kib3", "--1",
					   "1e3", "9999999999g", "nan", "-2",	 "1bb",
					   "64 ", "-0.5",	 "-1k", "1  k" };
	char text[32];
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		int64_t n = 0;
		is_int(size_parse(good[i].text, &n), 0);
		is_int(n, good[i].bytes);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int64_t n;
		if (size_parse(bad[i], &n) != -EINVAL)
			TAP_FAIL("accepted: %s", bad[i]);
	}
	size_format(999, text, sizeof(text));
	is_str(text, "999 B");
	size_format(1536000, text, sizeof(text));
	is_str(text, "1.5 MB");
}

int main(void)
{
	log_open(&(struct log_options){ .quiet = true }, NULL);
	test(every_form_of_an_option_is_understood);
	test(go_s_spellings_are_understood);
	test(defaults_hold_until_an_option_says_otherwise);
	test(an_option_may_tell_whether_it_was_given);
	test(help_is_a_command_too);
	test(two_dashes_end_the_options);
	test(a_commands_words_are_not_our_options);
	test(wrong_usage_fails);
	test(subcommands_see_their_parents_options);
	test(help_comes_from_the_tables);
	test(sizes_are_read_and_shown);
	return done_testing();
}

/* toml_test.c - what TOML is read as, and what is none. */
#include "base/toml.h"
#include "tap.h"

#include <string.h>

static struct arena *arena;

static const struct toml *parsed(const char *text)
{
	struct err e = { 0 };
	struct toml *t = arena_alloc(arena, sizeof(*t));
	if (!t || toml_parse(text, strlen(text), arena, t, &e) < 0)
		TAP_FAIL("%s: %s", text, e.msg);
	return t;
}

static const char *refused(const char *text)
{
	static struct err e;
	struct toml t;
	e = (struct err){ 0 };
	if (toml_parse(text, strlen(text), arena, &t, &e) != -EINVAL)
		TAP_FAIL("%s: not refused", text);
	return e.msg;
}

static const char *string(const struct toml *t, const char *key)
{
	const struct toml *v = toml_get(t, key);
	return v && v->kind == TOML_STRING ? v->string : NULL;
}

static void values_of_all_kinds_are_read(void)
{
	const struct toml *t = parsed(
		"a = \"x\\t\\u00e9\\\\\" # comment\nb='raw\\n'\r\nc = -1_000\n"
		"d = 0xff\ne = true\nf = 1.5\ng = 1979-05-27T07:32:00Z\n"
		"\"quoted key\" = \"\"");
	is_str(string(t, "a"), "x\t\xc3\xa9\\");
	is_str(string(t, "b"), "raw\\n");
	is_int(toml_get(t, "c")->number, -1000);
	is_int(toml_get(t, "d")->number, 255);
	is_int(toml_get(t, "e")->flag, true);
	is_int(toml_get(t, "f")->kind, TOML_OTHER);
	is_str(toml_get(t, "g")->string, "1979-05-27T07:32:00Z");
	is_str(string(t, "quoted key"), "");
}

static void strings_may_have_lines(void)
{
	const struct toml *t = parsed(
		"a = \"\"\"\none\ntwo \\\n   three\"\"\"\"\nb = '''x\ny'''\n");
	is_str(string(t, "a"), "one\ntwo three\"");
	is_str(string(t, "b"), "x\ny");
}

static void tables_nest_and_keep_their_order(void)
{
	const struct toml *t = parsed(
		"server = \"s\"\n[host.\"https://b\"]\nca = ['x', [\"y\",\n# c\n"
		"'z',],]\n[host.\"https://a\".header]\nx = {y.z = 1, w = 2}\n"
		"[host.\"https://a\"]\nq = 1\n[[l]]\nn = 1\n[[l]]\nn = 2\n");
	const struct toml *host = toml_get(t, "host"), *b = host->first, *a = b->next;
	is_str(b->key, "https://b");
	is_str(a->key, "https://a");
	is_str(toml_get(b, "ca")->first->string, "x");
	is_str(toml_get(b, "ca")->last->last->string, "z");
	is_int(toml_get(toml_get(toml_get(toml_get(a, "header"), "x"), "y"), "z")->number, 1);
	is_int(toml_get(a, "q")->number, 1);
	is_int(toml_get(toml_get(t, "l")->last, "n")->number, 2);
}

static void what_is_no_toml_is_refused_with_its_line(void)
{
	static const char *const texts[] = {
		"a",
		"a =",
		"a = b",
		"a = 1 2",
		"a = \"x",
		"a = 'x\n'",
		"a = [1",
		"a = [1 2]",
		"a = {b = 1",
		"[a",
		"[a]]",
		"[[a]",
		"= 1",
		"a = \"\\q\"",
		"a = \"\\ud800\"",
		"a = 1\na = 2",
		"[a]\n[a]",
		"a = 1\n[a]",
		"a = 1\na.b = 2",
		"a = {b = 1}\n[a.c]",
		"a = [1]\n[[a]]",
		"a = \"\x01\"",
		"a.. = 1",
		"a = \"\\u12\"",
		"a = '''x",
	};
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		refused(texts[i]);
	is_str(refused("\n# x\nb = 1\n\na = 1 2"), "line 5: more on the line than belongs there");
}

static void depth_and_number_have_limits(void)
{
	struct err e = { 0 };
	struct toml t;
	char deep[200] = "a=";
	memset(deep + 2, '[', 100);
	is_int(toml_parse(deep, strlen(deep), arena, &t, &e), -E2BIG);
	is_int(toml_parse("a\0b", 3, arena, &t, &e), -EINVAL);
}

int main(void)
{
	arena = arena_new((size_t)16 << 20);
	test(values_of_all_kinds_are_read);
	test(strings_may_have_lines);
	test(tables_nest_and_keep_their_order);
	test(what_is_no_toml_is_refused_with_its_line);
	test(depth_and_number_have_limits);
	arena_free(arena);
	return done_testing();
}

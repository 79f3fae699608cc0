/* yaml_test.c - what YAML is read as, by a table and without one, and what is none. */
#include "base/arena.h"
#include "base/yaml.h"
#include "tap.h"

static const char *converted(const char *text, const struct json_field *table)
{
	static struct buf b = { .max = (size_t)4 << 20 };
	struct err e = { 0 };
	buf_free(&b);
	if (yaml_to_json(text, strlen(text), table, &b, &e) < 0)
		TAP_FAIL("%s: %s", text, e.msg);
	return b.p;
}

static const char *json(const char *text)
{
	return converted(text, NULL);
}

static const char *refused_bytes(const char *text, size_t n)
{
	static struct err e;
	auto_buf b = { 0 };
	e = (struct err){ 0 };
	if (yaml_to_json(text, n, NULL, &b, &e) != -EINVAL)
		TAP_FAIL("%s: not refused", text);
	return e.msg;
}

static const char *refused(const char *text)
{
	return refused_bytes(text, strlen(text));
}

static void mappings_and_lists_nest(void)
{
	is_str(json("---\na:\n  - x\n  - b: 1\n    c: two\nd: {e: [1, {f: g}], h: }\n...\n"),
	       "{\"a\":[\"x\",{\"b\":1,\"c\":\"two\"}],\"d\":{\"e\":[1,{\"f\":\"g\"}],"
	       "\"h\":null}}");
	is_str(json("a:\n- b\n-\n  - c\n"), "{\"a\":[\"b\",[\"c\"]]}");
	is_str(json("{}"), "{}");
	is_str(json("[]"), "[]");
	is_str(json("word"), "\"word\"");
	is_str(json("{\"a\": [1, true, null, \"x\\ty\\u00e9\"]}"),
	       "{\"a\":[1,true,null,\"x\\ty\xc3\xa9\"]}");
}

static void plain_scalars_are_those_of_the_core_schema(void)
{
	is_str(json("[~, null, NULL, nUll]"), "[null,null,null,\"nUll\"]");
	is_str(json("[true, False, TRUE, yes, on]"), "[true,false,true,\"yes\",\"on\"]");
	is_str(json("[0, 12, -7, +3, 438, 18446744073709551615, 99999999999999999999]"),
	       "[0,12,-7,3,438,18446744073709551615,99999999999999999999]");
	is_str(json("[0x1F, 0o17, 0644, 00, 0xffffffffffffffffff]"),
	       "[31,15,420,0,\"0xffffffffffffffffff\"]");
	is_str(json("[1.5, -2e3, 1.0E+2, .5, 1., 089, 0x, 0o8, 1_000, -, +, .inf, 0.6.0]"),
	       "[1.5,-2e3,1.0E+2,\".5\",\"1.\",\"089\",\"0x\",\"0o8\",\"1_000\",\"-\",\"+\","
	       "\".inf\",\"0.6.0\"]");
	is_str(json("12: a\n~: b\n"), "{\"12\":\"a\",\"~\":\"b\"}");
}

static void what_is_quoted_or_a_block_is_a_string(void)
{
	is_str(json("['0', \"true\", '', 'a''b', \"\\x41\"]"),
	       "[\"0\",\"true\",\"\",\"a'b\",\"A\"]");
	is_str(json("a: |\n  12\n  x\nb: >-\n  one\n  two\n"),
	       "{\"a\":\"12\\nx\\n\",\"b\":\"one two\"}");
}

struct thing {
	const char *name;
	int64_t number;
	struct strs words;
	struct pairs map;
	struct thing *inner;
	struct {
		struct thing *v;
		size_t n;
	} list;
};

static const struct json_field fields[] = {
	JSON(J_STR, thing, name, "name"),
	JSON(J_I64, thing, number, "number"),
	JSON(J_STRS, thing, words, "words"),
	JSON(J_PAIRS, thing, map, "map"),
	JSON_SUB(J_PTR, thing, inner, "inner", fields, thing),
	JSON_SUB(J_LIST, thing, list, "list", fields, thing),
	{ 0 },
};

static void where_a_string_is_wanted_a_plain_scalar_is_its_text(void)
{
	static const char text[] = "name: 0\nnumber: 0x10\nwords: [1, 0644, true]\n"
				   "map: {a: 1.50}\ninner: {name: true, number: 010}\n"
				   "list:\n- name: 007\n- {name: null, inner: {name: 1e3}}\n"
				   "unknown: {name: 1}\n";
	auto_arena *a = arena_new((size_t)1 << 20);
	struct thing t = { 0 };
	struct err e = { 0 };
	const char *j = converted(text, fields);
	if (!a || json_read(j, strlen(j), fields, &t, a, &e) < 0) {
		TAP_FAIL("%s: %s", j, e.msg);
		return;
	}
	is_str(t.name, "0");
	is_int(t.number, 16);
	is_str(t.words.v[1], "0644");
	is_str(t.words.v[2], "true");
	is_str(pairs_get(&t.map, "a"), "1.50");
	is_str(t.inner->name, "true");
	is_int(t.inner->number, 8);
	is_str(t.list.v[0].name, "007");
	is_str(t.list.v[1].name, NULL);
	is_str(t.list.v[1].inner->name, "1e3");
	has_str(j, "\"unknown\":{\"name\":1}");
}

static void what_is_not_read_is_refused_with_its_line(void)
{
	has_str(refused("a: &x 1\nb: *x\n"), "line 2: an alias");
	has_str(refused("a:\n  b: !!str 1\n"), "line 2: a tag");
	has_str(refused("a: ! x\n"), "line 1: a tag");
	has_str(refused("a: !x {}\n"), "line 1: a tag");
	has_str(refused("---\na: 1\n---\nb: 1\n"), "line 3: a second document");
	has_str(refused("a: 1\nb: 2\n\"a\": 3\n"), "line 3: the key 'a' is there twice");
	has_str(refused("x:\n- {b: 1, c: {b: 2}, b: 3}\n"), "line 2: the key 'b'");
	has_str(refused("? [a]\n: 1\n"), "line 1: a key that is");
	has_str(refused("x: 1\n? {a: b}\n: 1\n"), "line 2: a key that is");
	has_str(refused("<<: {a: 1}\n"), "line 1: a merge");
	has_str(refused(""), "line 1: there is nothing");
	has_str(refused("# only this\n"), "there is nothing");
	has_str(refused("a: \"\\0\"\n"), "line 1: a string has a NUL");
	/* the same key of another mapping is no second one */
	is_str(json("[{a: 1}, {a: {a: 2}}]"), "[{\"a\":1},{\"a\":{\"a\":2}}]");
}

static void what_is_no_yaml_is_refused_with_its_line(void)
{
	has_str(refused("a: 1\nb: [1, 2\n"), "line 3: not valid YAML: ");
	has_str(refused("a: 1\n b: 2\n"), "line 2: not valid YAML: ");
	has_str(refused("a:\n\t- b\n"), "line 2: not valid YAML: ");
	has_str(refused("a: 1\nb: \xff\n"), "line 2: not valid YAML: ");
	has_str(refused_bytes("a: 1\n\nb: \0\n", 11), "line 3: not valid YAML: ");
	has_str(refused("a: 'x\n"), "not valid YAML: ");
	has_str(refused_bytes("\xff\xfe"
			      "a\0",
			      4),
		"line 1: not valid YAML: ");
}

static void depth_and_keys_have_an_end(void)
{
	char text[80] = { 0 };
	memset(text, '[', 64);
	has_str(refused(text), "not valid YAML");
	text[64] = '[';
	has_str(refused(text), "more than 64 levels");
	auto_buf many = { 0 };
	for (int i = 0; i < 256; i++)
		buf_printf(&many, "k%d: %d\n", i, i);
	has_str(json(many.p), "\"k255\":255}");
	buf_str(&many, "one: more");
	has_str(refused(many.p), "line 257: more than 256 keys");
	auto_buf tags = { 0 };
	for (int i = 0; i < 1001; i++)
		buf_printf(&tags, "%%TAG !a%d! x\n", i);
	has_str(refused(tags.p), "more than 1000 %TAG");
}

int main(void)
{
	test(mappings_and_lists_nest);
	test(plain_scalars_are_those_of_the_core_schema);
	test(what_is_quoted_or_a_block_is_a_string);
	test(where_a_string_is_wanted_a_plain_scalar_is_its_text);
	test(what_is_not_read_is_refused_with_its_line);
	test(what_is_no_yaml_is_refused_with_its_line);
	test(depth_and_keys_have_an_end);
	return done_testing();
}

/* json_test.c - JSON to structs and back, by tables. */
#include "tap.h"

#include "base/json.h"

#include <time.h>

struct thing {
	const char *name;
	int64_t big;
	uint64_t huge;
	int small;
	uint32_t id;
	bool yes;
	struct opt_bool maybe;
	struct opt_i64 number;
	struct strs list;
	struct u32s ids;
	struct pairs map;
	struct thing *inner;
	struct {
		struct thing *v;
		size_t n;
	} things;
	const char *raw;
	struct timespec when;
};
struct keyed {
	const char *key;
	int n;
};
struct dict {
	struct {
		struct keyed *v;
		size_t n;
	} all;
	const char *must;
};

static const struct json_field fields[] = {
	JSON(J_STR, thing, name, "name"),
	JSON(J_I64, thing, big, "big"),
	JSON(J_U64, thing, huge, "huge"),
	JSON(J_INT, thing, small, "small"),
	JSON(J_U32, thing, id, "id"),
	JSON(J_BOOL, thing, yes, "yes"),
	JSON(J_OPT_BOOL, thing, maybe, "maybe"),
	JSON(J_OPT_I64, thing, number, "number"),
	JSON(J_STRS, thing, list, "list"),
	JSON(J_U32S, thing, ids, "ids"),
	JSON(J_PAIRS, thing, map, "map"),
	JSON_SUB(J_PTR, thing, inner, "inner", fields, thing),
	JSON_SUB(J_LIST, thing, things, "things", fields, thing),
	JSON(J_RAW, thing, raw, "raw"),
	JSON(J_TIME, thing, when, "when"),
	{ 0 },
};
static const struct json_field keyed_fields[] = {
	JSON_F(J_INT, keyed, n, "n", J_KEEP),
	{ 0 },
};
static const struct json_field dict_fields[] = {
	JSON_SUB(J_DICT, dict, all, "all", keyed_fields, keyed),
	JSON_F(J_STR, dict, must, "must", J_REQUIRED),
	{ 0 },
};

static struct err said;

static int read_thing(const char *text, struct arena *a, struct thing *out)
{
	char *t = arena_str(a, text);
	for (char *p = t; (p = strchr(p, '\''));)
		*p = '"';
	*out = (struct thing){ 0 };
	said = (struct err){ 0 };
	return json_read(t, strlen(t), fields, out, a, &said);
}

static const char *refusal(const char *text)
{
	auto_arena *a = arena_new(1 << 20);
	struct thing t;
	return read_thing(text, a, &t) == 0 ? "(accepted)" : said.msg;
}

static void every_type_is_read_and_written(void)
{
	static const char text[] =
		"{'name':'a\\\"\\\\\\n\\u00e9','big':-5,'huge':7,'small':-1,'id':4294967295,"
		"'yes':true,"
		"'maybe':false,'number':0,'list':['x',''],'ids':[1,2],'map':{'k':'v','':'e'},"
		"'inner':{'name':'i'},'things':[{'small':1},{}],'raw':{'any':[1,null]},"
		"'when':'2026-01-02T03:04:05.000000006Z'}";
	auto_arena *a = arena_new(1 << 20);
	auto_buf out = { 0 }, again = { 0 };
	struct thing t, u;
	is_int(read_thing(text, a, &t), 0);
	is_str(said.msg, "");
	is_str(t.name, "a\"\\\n\xc3\xa9");
	is_int(t.big, -5);
	is_int(t.id, 4294967295);
	ok(t.maybe.set && !t.maybe.v && t.number.set);
	is_str(t.list.v[1], "");
	ok(!t.list.v[2]);
	is_int(t.ids.v[1], 2);
	is_str(pairs_get(&t.map, ""), "e");
	is_str(t.inner->name, "i");
	is_int(t.things.n, 2);
	is_str(t.raw, "{\"any\":[1,null]}");
	is_int(t.when.tv_nsec, 6);
	json_write(&out, fields, &t, 0);
	is_int(read_thing(out.p, a, &u), 0);
	json_write(&again, fields, &u, 0);
	is_str(again.p, out.p);
	has_str(out.p, "\"name\":\"a\\\"\\\\\\n\xc3\xa9\"");
}

static void the_ends_of_the_numbers_hold(void)
{
	auto_arena *a = arena_new(1 << 20);
	struct thing t;
	is_int(read_thing("{'big':9223372036854775807,'huge':18446744073709551615}", a, &t), 0);
	ok(t.big == INT64_MAX && t.huge == UINT64_MAX);
	is_int(read_thing("{'big':-9223372036854775808,'huge':0}", a, &t), 0);
	ok(t.big == INT64_MIN);
	is_int(read_thing("{'big':9223372036854771712,'huge':18446744073709551614}", a, &t), 0);
	is_int(t.big, INT64_C(9223372036854771712));
	ok(t.huge == UINT64_MAX - 1);
	is_int(read_thing("{'big':-9007199254740993,'huge':9007199254740993}", a, &t), 0);
	is_int(t.big, INT64_C(-9007199254740993));
	is_int(t.huge, INT64_C(9007199254740993));
	is_int(read_thing("{'big':-1.5e1,'huge':-0,'id':4.0}", a, &t), 0);
	is_int(t.big, -15);
	is_int(t.id, 4);
	is_str(refusal("{'big':9223372036854775808}"), "big: out of range");
	is_str(refusal("{'big':-9223372036854775809}"), "big: out of range");
	is_str(refusal("{'huge':18446744073709551616}"), "huge: out of range");
	is_str(refusal("{'huge':1e20}"), "huge: out of range");
	is_str(refusal("{'huge':-1}"), "huge: out of range");
	is_str(refusal("{'small':2147483648}"), "small: out of range");
	is_str(refusal("{'id':4294967296}"), "id: out of range");
	is_str(refusal("{'id':1e400}"), "id: out of range");
	is_str(refusal("{'big':1.5}"), "big: expected a whole number");
}

static void what_is_kept_raw_keeps_its_long_numbers(void)
{
	static const char text[] = "[-12345678901234567890,{\"k\":9223372036854775807},"
				   "\"\\\"\",1]";
	auto_arena *a = arena_new(1 << 20);
	auto_buf doc = { 0 };
	struct thing t = { 0 };
	buf_printf(&doc, "{\"raw\":%s}", text);
	is_int(json_read(doc.p, doc.len, fields, &t, a, &said), 0);
	is_str(t.raw, text);
	is_int(read_thing("{'raw':12345678901234567890}", a, &t), 0);
	is_str(t.raw, "12345678901234567890");
}

static void long_numbers_are_whole_ones(void)
{
	static const char *const bad[] = {
		"1234567890123456-7", "12345678901234567-",  "-",
		"--1234567890123456", "-1234567890123456-1", "+1234567890123456",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char text[64];
		snprintf(text, sizeof(text), "{'other':%s}", bad[i]);
		has_str(refusal(text), "not valid JSON");
	}
	has_str(refusal("{1234567890123456:1}"), "not valid JSON");
	has_str(refusal("{'raw':{'a':[1,{-12345678901234567 \n:1}]}}"), "not valid JSON");
	has_str(refusal("{'big':'\xff"
			"1'}"),
		"not valid JSON");
	has_str(refusal("{'name':'\xff"
			"1'}"),
		"not valid JSON");
}

static void null_is_absent_and_unknown_names_are_ignored(void)
{
	auto_arena *a = arena_new(1 << 20);
	struct thing t;
	is_int(read_thing("{'name':null,'list':null,'inner':null,'what':{'x':[]}} \n", a, &t), 0);
	ok(!t.name && !t.list.n && !t.inner);
	/* After another of its name, whatever its case, it takes away what may be nothing. */
	is_int(read_thing("{'inner':{'id':1},'Inner':null,'list':['a'],'LIST':null,'map':{'a':'b'},"
			  "'map':null,'number':1,'NUMBER':null,'maybe':true,'Maybe':null,"
			  "'things':[{}],'Things':null,'name':'x','Name':null,'id':2,'ID':null}",
			  a, &t),
	       0);
	ok(!t.inner && !t.list.n && !t.map.n && !t.number.set && !t.maybe.set && !t.things.n);
	is_str(t.name, "x");
	is_int(t.id, 2);
	is_int(read_thing("{'Inner':null,'inner':{'id':1}}", a, &t), 0);
	ok(t.inner);
}

static void of_a_name_given_twice_the_last_counts(void)
{
	auto_arena *a = arena_new(1 << 20);
	struct thing t;
	is_int(read_thing("{'id':1,'id':2,'list':['a','b'],'list':['c'],'map':{'k':'1','k':'2'},"
			  "'inner':{'id':3,'small':4},'inner':{'id':5}}",
			  a, &t),
	       0);
	is_int(t.id, 2);
	is_int(t.list.n, 1);
	is_str(t.list.v[0], "c");
	is_str(pairs_get(&t.map, "k"), "2");
	is_int(t.inner->id, 5);
	is_int(t.inner->small, 4);
}

/* The programs that write what we read are Go's, which takes any case. */
static void the_case_of_a_name_does_not_count(void)
{
	auto_arena *a = arena_new(1 << 20);
	struct thing t;
	is_int(read_thing("{'NAME':'n','Inner':{'ID':3},'map':{'K':'1','k':'2'},'id':1,'Id':2}", a,
			  &t),
	       0);
	is_str(t.name, "n");
	is_int(t.inner->id, 3);
	is_int(t.id, 2);
	is_str(pairs_get(&t.map, "K"), "1");
	is_str(pairs_get(&t.map, "k"), "2");
}

static void strings_are_decoded(void)
{
	auto_arena *a = arena_new(1 << 20);
	struct thing t;
	is_int(read_thing("{'name':'\\\\\\/\\b\\f\\r\\t\\u0041\\u20ac\\ud83d\\ude00'}", a, &t), 0);
	is_str(t.name, "\\/\b\f\r\tA\xe2\x82\xac\xf0\x9f\x98\x80");
}

static void what_is_nearly_json_is_refused(void)
{
	static const char *const texts[] = {
		"",
		"{",
		"{'a'}",
		"{'a':1,}",
		"{a:1}",
		"{'a':+1}",
		"{'a':.5}",
		"{'a':1e}",
		"{'a':tru}",
		"{'a':[1,]}",
		"{'a':[1 2]}",
		"{'a':'\\x'}",
		"{'a':'\\u12g4'}",
		"{'a':'\n",
		"{'a':'\\u12",
		"[1}",
		"{'a':'\x01'}",
		"{'a':--1}",
		"{'a':NaN}",
		"{'a':nulll}",
		"{}{}",
	};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		has_str(refusal(texts[i]), "not valid JSON at line 1, column ");
	is_str(refusal("{'a':'tab\there'}"), "not valid JSON at line 1, column 10");
}

static void refusals_say_where(void)
{
	is_str(refusal("{'name':1}"), "name: expected a string");
	is_str(refusal("{'yes':1}"), "yes: expected true or false");
	is_str(refusal("{'list':['a',2]}"), "list[1]: expected a string");
	is_str(refusal("{'list':{}}"), "list: expected a list of strings");
	is_str(refusal("{'ids':[1,'2']}"), "ids[1]: expected a number");
	is_str(refusal("{'map':{'k':1}}"), "map.k: expected a string");
	is_str(refusal("{'inner':{'things':[{},{'id':'x'}]}}"),
	       "inner.things[1].id: expected a number");
	is_str(refusal("{'when':'soon'}"), "when: expected a time (RFC 3339)");
	is_str(refusal("{} x"), "not valid JSON at line 1, column 4");
	is_str(refusal("{}\n\n }"), "not valid JSON at line 3, column 2");
	is_str(refusal("{'a':}"), "not valid JSON at line 1, column 6");
	is_str(refusal("{'name':'a\\u0000b'}"), "a string has a NUL character in it");
	is_str(refusal("{'name':'a\\\\u0000b'}"), "(accepted)");
}

static void required_names_and_dicts(void)
{
	auto_arena *a = arena_new(1 << 20);
	struct dict d = { 0 };
	auto_buf out = { 0 };
	const char good[] = "{\"all\":{\"b\":{\"n\":2},\"a\":{\"n\":0}},\"must\":\"m\"}";
	is_int(json_read(good, strlen(good), dict_fields, &d, a, NULL), 0);
	is_int(d.all.n, 2);
	is_str(d.all.v[0].key, "b");
	json_write(&out, dict_fields, &d, 0);
	is_str(out.p, good);
	said = (struct err){ 0 };
	is_int(json_read("{}", 2, dict_fields, &d, a, &said), -EINVAL);
	is_str(said.msg, "must: missing");
	said = (struct err){ 0 };
	is_int(json_read("{\"must\":null}", 13, dict_fields, &d, a, &said), -EINVAL);
	is_str(said.msg, "must: missing");
}

static void depth_and_size_are_bounded(void)
{
	auto_arena *a = arena_new(1 << 20), *small = arena_new(1);
	auto_buf deep = { 0 }, wide = { 0 };
	struct thing t = { 0 };
	for (int i = 0; i < 100000; i++)
		buf_str(&deep, "{\"inner\":");
	is_int(json_read(deep.p, deep.len, fields, &t, a, &said), -EINVAL);
	is_str(said.msg, "more than 64 levels deep");
	buf_str(&wide, "{\"list\":[\"x\"");
	for (int i = 0; i < 2000; i++)
		buf_str(&wide, ",\"x\"");
	buf_str(&wide, "]}");
	is_int(json_read(wide.p, wide.len, fields, &t, a, NULL), 0);
	is_int(json_read(wide.p, wide.len, fields, &t, small, &said), -E2BIG);
}

static void the_text_need_not_end_with_nul(void)
{
	auto_arena *a = arena_new(1 << 20);
	struct thing t = { 0 };
	const char text[] = { '{', '"', 'i', 'd', '"', ':', '7', '}', 'x' };
	is_int(json_read(text, sizeof(text) - 1, fields, &t, a, NULL), 0);
	is_int(t.id, 7);
	is_int(json_read(text, sizeof(text), fields, &t, a, NULL), -EINVAL);
	is_int(json_read(text, 0, fields, &t, a, NULL), -EINVAL);
}

static void strings_are_escaped(void)
{
	auto_buf b = { 0 };
	json_string(&b, "\x01\x7f\xff\xc0\x80\xf0\x9f\x98\x80\0z\xc2\x9b", 13);
	is_str(b.p, "\"\\u0001\\u007f\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xf0\x9f\x98\x80\\u0000z"
		    "\\u009b\"");
}

static void indents_are_spaces_or_tabs(void)
{
	struct thing in = { .id = 1 }, t = { .inner = &in };
	auto_buf two = { 0 }, tabs = { 0 };
	json_write(&two, fields, &t, 2);
	is_str(two.p, "{\n  \"inner\": {\n    \"id\": 1\n  }\n}");
	json_write(&tabs, fields, &t, JSON_TABS);
	is_str(tabs.p, "{\n\t\"inner\": {\n\t\t\"id\": 1\n\t}\n}");
}

int main(void)
{
	test(every_type_is_read_and_written);
	test(the_ends_of_the_numbers_hold);
	test(what_is_kept_raw_keeps_its_long_numbers);
	test(long_numbers_are_whole_ones);
	test(null_is_absent_and_unknown_names_are_ignored);
	test(of_a_name_given_twice_the_last_counts);
	test(the_case_of_a_name_does_not_count);
	test(strings_are_decoded);
	test(what_is_nearly_json_is_refused);
	test(refusals_say_where);
	test(required_names_and_dicts);
	test(depth_and_size_are_bounded);
	test(the_text_need_not_end_with_nul);
	test(strings_are_escaped);
	test(indents_are_spaces_or_tabs);
	return done_testing();
}

/* yaml_fuzz.c - foreign bytes as YAML: what is accepted is JSON that can be read, by a table too,
 * and as YAML says the same again; what is not has a line. */
#include "base/yaml.h"
#include "thing.h"

#include <stdlib.h>
#include <string.h>

static bool begins(const char *s, const char *with)
{
	return !strncmp(s, with, strlen(with));
}

/* A whole document, of whatever type. */
static void readable(const struct buf *json, const struct json_field *table)
{
	auto_arena *a = arena_new((size_t)64 << 20);
	struct thing t = { 0 };
	struct err e = { 0 };
	if (a && !json->failed && json_read(json->p, json->len, table, &t, a, &e) == -EINVAL &&
	    (begins(e.msg, "not valid JSON") || begins(e.msg, "a string has") ||
	     begins(e.msg, "more than")))
		abort();
}

/* A character that ends a line in libyaml's YAML and not in JSON: U+0085, U+2028, U+2029. */
static bool has_break(const struct buf *json)
{
	return strstr(json->p, "\xc2\x85") || strstr(json->p, "\xe2\x80\xa8") ||
	       strstr(json->p, "\xe2\x80\xa9");
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const struct json_field none[] = { { 0 } };
	auto_buf plain = { 0 }, typed = { 0 }, again = { 0 };
	struct err e = { 0 };
	int rc = yaml_to_json((const char *)p, n, NULL, &plain, &e);
	if (rc < 0 && !begins(e.msg, "line "))
		abort();
	if (yaml_to_json((const char *)p, n, thing_fields, &typed, &e) != rc)
		abort();
	if (rc < 0)
		return 0;
	readable(&plain, none);
	readable(&typed, thing_fields);
	if (!has_break(&plain) && yaml_to_json(plain.p, plain.len, NULL, &again, &e) == 0 &&
	    (again.len != plain.len || memcmp(again.p, plain.p, plain.len) != 0))
		abort();
	return 0;
}

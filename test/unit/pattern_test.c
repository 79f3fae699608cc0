/* pattern_test.c - regular expressions: found as the C library finds them, or refused. */
#include "tap.h"

#include "base/pattern.h"

#include <errno.h>
#include <regex.h>

static const char *const texts[] = { "",
				     "a",
				     "b",
				     "ab",
				     "ba",
				     "aab",
				     "abab",
				     "web-1",
				     "web-22",
				     "db",
				     "a.b",
				     "a]",
				     "-",
				     "x^y",
				     "a+",
				     "(a)",
				     "aXb",
				     "_",
				     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac" };

static void what_the_c_library_finds_is_found(void)
{
	static const char *const patterns[] = {
		"a",
		"^a",
		"a$",
		"^a$",
		"^$",
		"",
		".",
		"a.b",
		"a\\.b",
		"a*",
		"^a*$",
		"^a+b?$",
		"ab|ba",
		"^(ab|b)*$",
		"^(ab)+$",
		"(a|b)c",
		"^web-[0-9]+$",
		"[^0-9a-z]",
		"[]a]",
		"[a-]",
		"[^]]",
		"^[a-c-]+$",
		"\\(a\\)",
		"x\\^y",
		"^(a*)*$",
		"^(a|aa)*$",
		"((a)|(b))+c",
		"^((a*)*)*b$",
		"(a+)+$",
		"b|^a",
		"^(web|db)",
		"a\\+",
		"(^a|b$)",
		"a()b",
		"}",
		"[[a]",
		"^(a|b|ab)$",
		"x|d|^$",
		"^(a|b|aX|-)*(_|b)?$",
		"^((a|b)|(ab|)|_)+$",
		"(|a)b+|-2",
	};
	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		regex_t re;
		is_int(regcomp(&re, patterns[i], REG_EXTENDED | REG_NOSUB), 0);
		for (size_t k = 0; k < sizeof(texts) / sizeof(texts[0]); k++) {
			int want = regexec(&re, texts[k], 0, NULL, 0) == 0;
			if (pattern_found(patterns[i], texts[k]) != want)
				TAP_FAIL("'%s' in '%s': not %d", patterns[i], texts[k], want);
		}
		regfree(&re);
	}
}

static void what_is_not_understood_is_refused(void)
{
	static const char *const bad[] = { "*",	     "a**", "+a", "(a",	 "a)",
					   "(a|*)",  "[a",  "[]", "[^]", "[[:alpha:]]",
					   "a{2}",   "\\w", "\\", "a\\", "((((((((( a)))))))))",
					   "[[.a.]]" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		for (size_t k = 0; k < sizeof(texts) / sizeof(texts[0]); k++)
			if (pattern_found(bad[i], texts[k]) != -EINVAL)
				TAP_FAIL("'%s' was not refused", bad[i]);
}

static void no_pattern_takes_for_ever(void)
{
	char text[PATTERN_TEXT + 1];
	memset(text, 'a', PATTERN_TEXT);
	text[PATTERN_TEXT] = 0;
	is_int(pattern_found("^((((a*)*a*)*a*)*|(a|aa|a?)+)*b$", text), 0);
	is_int(pattern_found("^((((a*)*a*)*a*)*|(a|aa|a?)+)*$", text), 1);
	is_int(pattern_found("^(a(.(.(.(.(.*x)?)*x|.)*x|.)*x|.)*x|a)*b$", text), 0);
	is_int(pattern_found("^((((((((a)*abb?a?)+|a|a)+a*a*b)*b)*ab)*|a)+a)*c$", text), 0);
	is_int(pattern_found("^((((((((ab|b)*a?|bb)*b?a|b)*b?)+ab)*b?a?)+a?ab|a)+|ab?b)*c$", text),
	       0);
}

static void a_pattern_may_be_so_long(void)
{
	char pattern[700];
	memset(pattern, 'a', sizeof(pattern));
	pattern[500] = 0;
	is_int(pattern_found(pattern, "a"), 0);
	pattern[500] = 'a';
	pattern[sizeof(pattern) - 1] = 0;
	is_int(pattern_found(pattern, "a"), -EINVAL);
	memset(pattern, '|', sizeof(pattern) - 1);
	is_int(pattern_found(pattern, "a"), -EINVAL);
	memset(pattern, '*', sizeof(pattern) - 1);
	for (size_t i = 0; i < sizeof(pattern) - 1; i += 2)
		pattern[i] = 'a';
	is_int(pattern_found(pattern, "a"), -EINVAL);
}

int main(void)
{
	test(what_the_c_library_finds_is_found);
	test(what_is_not_understood_is_refused);
	test(no_pattern_takes_for_ever);
	test(a_pattern_may_be_so_long);
	return done_testing();
}

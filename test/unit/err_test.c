/* err_test.c - an error's code and sentence. */
#include "tap.h"

#include "base/err.h"

static void a_failure_says_what_and_why(void)
{
	struct err e = { 0 };
	is_int(fail(&e, ENOENT, "open %s", "x"), -ENOENT);
	is_int(e.code, ENOENT);
	is_str(e.msg, "open x: No such file or directory");
	is_int(fail(&e, -EPERM, "y"), -EPERM);
	has_str(e.msg, "y: Operation not permitted");
}

static void a_refusal_says_only_its_sentence(void)
{
	struct err e = { 0 };
	is_int(refuse(&e, EINVAL, "no %d", 7), -EINVAL);
	is_str(e.msg, "no 7");
	is_int(e.code, EINVAL);
}

static void context_goes_before_and_keeps_the_code(void)
{
	struct err e = { 0 };
	refuse(&e, EEXIST, "inner");
	is_int(within(&e, "outer %s", "a"), -EEXIST);
	is_str(e.msg, "outer a: inner");
	struct err none = { 0 };
	is_int(within(&none, "outer"), -EIO);
}

static void nobody_to_tell_is_fine(void)
{
	is_int(fail(NULL, ENOENT, "x"), -ENOENT);
	is_int(refuse(NULL, -ENOENT, "x"), -ENOENT);
	is_int(within(NULL, "x"), -EIO);
}

static void a_long_message_is_cut_not_overrun(void)
{
	struct err e = { 0 };
	char big[4096];
	memset(big, 'a', sizeof(big) - 1);
	big[sizeof(big) - 1] = 0;
	fail(&e, ENOENT, "%s", big);
	is_int(strlen(e.msg), sizeof(e.msg) - 1);
	within(&e, "%s", big);
	is_int(strlen(e.msg), sizeof(e.msg) - 1);
}

static void names_cannot_speak_to_a_terminal(void)
{
	struct err e = { 0 };
	refuse(&e, EINVAL, "entry %s", "a\n\033[2Jb\x7f\xc3\xa9");
	is_str(e.msg, "entry a??[2Jb?\xc3\xa9");
	within(&e, "in\r");
	is_str(e.msg, "in?: entry a??[2Jb?\xc3\xa9");
	/* Of C1, as two bytes and as one; not what continues a character. */
	refuse(&e, EINVAL, "a\xc2\x9b\x32Jb\x9b\xc3\x9f\xe2\x82\xac\xf0\x9f\x99\x82\xc2\xa0\x85");
	is_str(e.msg, "a??2Jb?\xc3\x9f\xe2\x82\xac\xf0\x9f\x99\x82\xc2\xa0?");
	/* One that broke off has no more to come. */
	refuse(&e, EINVAL, "\xf0[\x9b\x32J");
	is_str(e.msg, "\xf0[?2J");
}

static void what_is_no_utf8_is_marked(void)
{
	static const char *const same[] = { "", "a", "\xc3\xa9t\xc3\xa9", "\xf0\x9f\x90\x9a",
					    "\xed\x9f\xbf" };
	static const struct {
		const char *from, *to;
	} changed[] = {
		{ "\xe9t\xe9", "?t?" }, /* Latin-1 */
		{ "x\xc3", "x?" },	/* cut */
		{ "\xf0\x9f\x90", "???" },
		{ "\xc0\xaf", "??" },		/* longer than it needs to be */
		{ "\xed\xa0\x80", "???" },	/* half of a pair */
		{ "\xf4\x90\x80\x80", "????" }, /* beyond the last */
		{ "\xff\xc3\xa9", "?\xc3\xa9" },
	};
	char text[16];
	for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++) {
		snprintf(text, sizeof(text), "%s", same[i]);
		text_utf8(text);
		is_str(text, same[i]);
	}
	for (size_t i = 0; i < sizeof(changed) / sizeof(*changed); i++) {
		snprintf(text, sizeof(text), "%s", changed[i].from);
		text_utf8(text);
		is_str(text, changed[i].to);
	}
}

int main(void)
{
	test(a_failure_says_what_and_why);
	test(a_refusal_says_only_its_sentence);
	test(context_goes_before_and_keeps_the_code);
	test(nobody_to_tell_is_fine);
	test(a_long_message_is_cut_not_overrun);
	test(names_cannot_speak_to_a_terminal);
	test(what_is_no_utf8_is_marked);
	return done_testing();
}

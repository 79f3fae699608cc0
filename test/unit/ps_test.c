/* ps_test.c - the output of ps(1), filtered. */
#include "tap.h"

#include "container/ps.h"

static struct err said;

static const char *filtered(const char *text, struct buf *out)
{
	static uint32_t v[] = { 7, 42 };
	const struct u32s pids = { v, 2 };
	char copy[512];
	snprintf(copy, sizeof(copy), "%s", text);
	said = (struct err){ 0 };
	buf_free(out);
	return ps_filter(copy, &pids, out, &said) < 0 ? said.msg : out->p;
}

static void lines_of_others_are_left_out(void)
{
	auto_buf out = { 0 };
	is_str(filtered("UID   PID CMD\nroot    7 a b\nroot   70 c\nx 42 PID\n", &out),
	       "UID   PID CMD\nroot    7 a b\nx 42 PID\n");
	is_str(filtered("  PID\n    7\n    8\n", &out), "  PID\n    7\n");
	is_str(filtered("PID PPID\n1 7\n", &out), "PID PPID\n");
}

static void what_is_no_output_of_ps_is_refused(void)
{
	auto_buf out = { 0 };
	has_str(filtered("", &out), "couldn't find PID field");
	has_str(filtered("PPID CMD\n1 x\n", &out), "couldn't find PID field");
	has_str(filtered("UID PID\nroot x\n", &out), "unable to get pid");
	has_str(filtered("UID PID\nroot\n", &out), "unable to get pid");
}

int main(void)
{
	test(lines_of_others_are_left_out);
	test(what_is_no_output_of_ps_is_refused);
	return done_testing();
}

/* credentials_test.c - which login belongs to which registry. */
#include "image/credentials.h"
#include "tap.h"

static struct arena *arena;
static struct err e;
static struct credentials found;

static const char *find(const char *text, const char *host, const char *name)
{
	e = (struct err){ 0 };
	return credentials_find(text, strlen(text), host, name, arena, &found, &e) < 0
		       ? "refused"
		       : found.basic;
}

static void tokens_are_found_beside_a_login_or_alone(void)
{
	is_str(find("{\"auths\":{\"h.x\":{\"auth\":\"YQ==\","
		    "\"identitytoken\":\"id\"}}}",
		    "h.x", "a"),
	       "YQ==");
	is_str(found.identity, "id");
	is_str(found.bearer, NULL);
	is_str(find("{\"auths\":{\"h.x\":{\"registrytoken\":\"tok\"},"
		    "\"h.x/b\":{\"identitytoken\":\"id\"}}}",
		    "h.x", "a"),
	       NULL);
	is_str(found.bearer, "tok");
	is_str(found.identity, NULL);
	is_str(find("{\"auths\":{\"h.x\":{\"identitytoken\":\"\"}}}", "h.x", "a"), NULL);
	ok(!credentials_any(&found));
}

static void a_host_is_found_however_it_is_written(void)
{
	is_str(find("{\"auths\":{\"h.x:5\":{\"auth\":\"YQ==\"}}}", "h.x:5", "a"), "YQ==");
	is_str(find("{\"auths\":{\"https://h.x:5\":{\"auth\":\"YQ==\"}}}", "h.x:5", "a"), "YQ==");
	is_str(find("{\"auths\":{\"https://h.x/v1/\":{\"auth\":\"YQ==\"}}}", "h.x", "a"), "YQ==");
	is_str(find("{\"auths\":{\"https://index.docker.io/v1/\":{\"auth\":\"YQ==\"}}}",
		    "docker.io", "library/a"),
	       "YQ==");
}

static void another_host_or_port_gets_nothing(void)
{
	static const char *const others[] = { "h.x", "h.x:50", "x:5", "h.x:5.evil", "H.X:5" };
	for (size_t i = 0; i < 5; i++)
		is_str(find("{\"auths\":{\"h.x:5\":{\"auth\":\"YQ==\"}}}", others[i], "a"), NULL);
}

static void the_longest_fitting_repository_wins(void)
{
	const char *text =
		"{\"auths\":{\"h.x\":{\"auth\":\"aaaa\"},\"h.x/team\":{\"auth\":\"bbbb\"},"
		"\"h.x/team/app\":{\"auth\":\"cccc\"}}}";
	is_str(find(text, "h.x", "other"), "aaaa");
	is_str(find(text, "h.x", "team/x"), "bbbb");
	is_str(find(text, "h.x", "team/app"), "cccc");
	is_str(find(text, "h.x", "teamwork"), "aaaa");
}

static void files_without_logins_are_no_error(void)
{
	is_str(find("{}", "h.x", "a"), NULL);
	is_str(find("{\"auths\":{\"h.x\":{}},\"credsStore\":\"x\"}", "h.x", "a"), NULL);
}

static void what_is_no_base64_is_refused(void)
{
	is_str(find("{\"auths\":{\"h.x\":{\"auth\":\"a b\\r\\nX: y\"}}}", "h.x", "a"), "refused");
	has_str(e.msg, "auths.h.x.auth: not base64");
}

static void credentials_are_encoded_with_their_padding(void)
{
	const char *out;
	is_int(credentials_encode("a:b", arena, &out, &e), 0);
	is_str(out, "YTpi");
	is_int(credentials_encode("user:secret", arena, &out, &e), 0);
	is_str(out, "dXNlcjpzZWNyZXQ=");
	is_int(credentials_encode("a:bc", arena, &out, &e), 0);
	is_str(out, "YTpiYw==");
	is_int(credentials_encode("no colon", arena, &out, &e), -EINVAL);
}

int main(void)
{
	arena = arena_new(1 << 20);
	test(tokens_are_found_beside_a_login_or_alone);
	test(a_host_is_found_however_it_is_written);
	test(another_host_or_port_gets_nothing);
	test(the_longest_fitting_repository_wins);
	test(files_without_logins_are_no_error);
	test(what_is_no_base64_is_refused);
	test(credentials_are_encoded_with_their_padding);
	arena_free(arena);
	return done_testing();
}

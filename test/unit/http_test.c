/* http_test.c - where requests may go, without sending any. */
#include "image/http.h"
#include "tap.h"

static struct err e;

static int get(const char *url, bool insecure)
{
	struct http *h;
	struct http_answer answer;
	struct source *body;
	e = (struct err){ 0 };
	if (http_new(&(struct http_options){ .insecure = insecure }, &h, &e) < 0)
		return -ENOMEM;
	int rc = http_get(h, &(struct http_request){ .url = url }, &answer, &body, &e);
	http_free(h);
	return rc;
}

static void loopback_is_known_by_name_and_number(void)
{
	static const char *const own[] = { "localhost",	   "LOCALHOST:5000", "127.0.0.1",
					   "127.1.2.3:80", "[::1]",	     "[::1]:5000" };
	static const char *const others[] = { "localhost.example",
					      "127.0.0.1.example",
					      "128.0.0.1",
					      "127.0.0",
					      "127.0.0.1x:5",
					      "[::2]",
					      "::1",
					      "[::1x]",
					      "" };
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (!host_is_loopback(own[i]))
			TAP_FAIL("%s is loopback", own[i]);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (host_is_loopback(others[i]))
			TAP_FAIL("%s is not loopback", others[i]);
}

static void a_pause_is_asked_for_in_seconds_or_by_a_date(void)
{
	const time_t now = 784111777;
	is_int(retry_after("7", now), 7);
	is_int(retry_after("99999999999999999999", now), RETRY_MAX);
	is_int(retry_after("Sun, 06 Nov 1994 08:49:42 GMT", now), 5);
	is_int(retry_after("Sun, 06 Nov 1994 08:49:32 GMT", now), 0);
	is_int(retry_after("Sun, 06 Nov 2994 08:49:32 GMT", now), RETRY_MAX);
	is_int(retry_after("soon", now), 0);
	is_int(retry_after("", now), 0);
}

static void plain_http_goes_to_this_machine_only(void)
{
	is_int(get("http://192.0.2.1/v2/", false), -EPERM);
	has_str(e.msg, "plain http is refused");
	is_int(get("http://127.0.0.1:1/v2/", false), -ECONNREFUSED);
	is_int(get("http://127.0.0.1@192.0.2.1/", false), -EPERM);
}

static void other_schemes_are_refused(void)
{
	is_int(get("file:///etc/passwd", true), -EINVAL);
	is_int(get("gopher://127.0.0.1/", true), -EINVAL);
	is_int(get("http://", true), -EINVAL);
	is_int(get("", true), -EINVAL);
}

static void a_query_is_escaped(void)
{
	auto_buf b = { 0 };
	http_escape(&b, "a b&c=\xc3\xa9/d:e");
	is_str(b.p, "a%20b%26c%3D%C3%A9/d:e");
}

int main(void)
{
	test(loopback_is_known_by_name_and_number);
	test(a_pause_is_asked_for_in_seconds_or_by_a_date);
	test(plain_http_goes_to_this_machine_only);
	test(other_schemes_are_refused);
	test(a_query_is_escaped);
	return done_testing();
}

/* helper_test.c - logins that other programs keep: those that answer, and those that should not be
 * waited for. */
#include "base/buf.h"
#include "base/file.h"
#include "image/helper.h"
#include "tap.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct arena *arena;
static struct err e;
static struct credentials got;
static char dir[] = "/tmp/helper_test.XXXXXX";

static const char *path_to(const char *name)
{
	return arena_printf(arena, "%s/docker-credential-%s", dir, name);
}

/* What a helper with that script gives; "refused" with e. */
static const char *ask(const char *script, int timeout_ms)
{
	const char *text = arena_printf(arena, "#!/bin/sh\n%s\n", script);
	struct err ignored;
	auto_close int d = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (file_swap(d, "docker-credential-x", text, strlen(text), 0755, &ignored) < 0)
		TAP_FAIL("write %s: %s", path_to("x"), ignored.msg);
	e = (struct err){ 0 };
	return helper_get("x", "h.x:5", timeout_ms, arena, &got, &e) < 0 ? "refused" : got.basic;
}

static void a_helper_is_told_the_server_and_gives_the_login(void)
{
	is_str(ask("[ $1 = get ] && [ \"$(cat)\" = h.x:5 ] && "
		   "echo '{\"ServerURL\":\"h.x:5\",\"Username\":\"user\",\"Secret\":\"secret\"}'",
		   10000),
	       "dXNlcjpzZWNyZXQ=");
	is_str(ask("echo '{\"Username\":\"user\",\"Secret\":\"secret\"}'", 10000),
	       "dXNlcjpzZWNyZXQ=");
}

static void a_helper_may_know_of_no_login(void)
{
	is_str(ask("echo credentials not found in native keychain; exit 1", 10000), NULL);
}

static void a_helper_that_fails_is_refused_with_its_words(void)
{
	is_str(ask("echo no keyring here; exit 3", 10000), "refused");
	has_str(e.msg, "docker-credential-x for h.x:5: it failed (status 3): no keyring here");
	is_str(ask("echo nonsense", 10000), "refused");
	has_str(e.msg, "JSON");
	is_str(ask("echo {}", 10000), "refused");
	has_str(e.msg, "no Username and Secret");
	is_str(ask("echo '{\"Username\":\"<token>\",\"Secret\":\"x\"}'", 10000), NULL);
	is_str(got.identity, "x");
}

static void a_helper_is_held_in_bounds(void)
{
	is_str(ask("exec cat /dev/zero", 10000), "refused");
	is_int(e.code, E2BIG);
	is_str(ask("exec sleep 100", 100), "refused");
	is_int(e.code, ETIMEDOUT);
	is_str(ask("exec >&-; exec sleep 100", 100), "refused");
	is_int(e.code, ETIMEDOUT);
}

static void only_a_name_is_run(void)
{
	static const char *const bad[] = { "", "../x", "a b", ".x", "a/b" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		is_int(helper_get(bad[i], "h.x", 1000, arena, &got, &e), -EINVAL);
	is_int(helper_get("none", "h.x", 1000, arena, &got, &e), -ENOENT);
	has_str(e.msg, "docker-credential-none for h.x: it is not in the PATH");
}

int main(void)
{
	struct err ignored;
	arena = arena_new(1 << 20);
	if (!mkdtemp(dir))
		return 1;
	setenv("PATH", arena_printf(arena, "%s:/usr/bin:/bin", dir), 1);
	test(a_helper_is_told_the_server_and_gives_the_login);
	test(a_helper_may_know_of_no_login);
	test(a_helper_that_fails_is_refused_with_its_words);
	test(a_helper_is_held_in_bounds);
	test(only_a_name_is_run);
	tree_remove(AT_FDCWD, dir, &ignored);
	arena_free(arena);
	return done_testing();
}

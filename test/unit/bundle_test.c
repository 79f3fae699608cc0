/* bundle_test.c - what is run in an image: its own configuration and the caller's wishes. */
#include "base/file.h"
#include "image/bundle.h"
#include "tap.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

static struct arena *arena;
static struct err e;
static int root = -1;
static struct spec *spec;

static struct strs list(const char *text)
{
	struct strs l = { arena_array(arena, strlen(text) + 1, sizeof(char *)), 0 };
	for (char *save = NULL, *s = strtok_r(arena_str(arena, text), " ", &save); s;
	     s = strtok_r(NULL, " ", &save))
		l.v[l.n++] = s;
	return l;
}

static struct image image(const char *entrypoint, const char *cmd, const char *env)
{
	struct image im = { .name = "h.x/a:1" };
	im.config.config.entrypoint = list(entrypoint);
	im.config.config.cmd = list(cmd);
	im.config.config.env = list(env);
	return im;
}

static const char *joined(const struct strs *l)
{
	static struct buf b;
	b.len = 0;
	buf_str(&b, "");
	for (size_t i = 0; i < l->n; i++)
		buf_printf(&b, "%s%s", i ? " " : "", l->v[i]);
	return b.p;
}

static int make(const struct image *im, const struct run_overrides *o)
{
	e = (struct err){ 0 };
	return image_spec(im, root, o, arena, &spec, &e);
}

static const char *args(const struct image *im, const struct run_overrides *o)
{
	return make(im, o) < 0 ? e.msg : joined(&spec->process->args);
}

static void entrypoint_and_cmd_are_put_together(void)
{
	struct image both = image("entry -x", "cmd a", ""), cmd = image("", "cmd a", "");
	is_str(args(&both, &(struct run_overrides){ 0 }), "entry -x cmd a");
	is_str(args(&cmd, &(struct run_overrides){ 0 }), "cmd a");
	is_str(args(&both, &(struct run_overrides){ .args = list("my own") }), "entry -x my own");
	is_str(args(&both, &(struct run_overrides){ .entrypoint = "sh" }), "sh");
	is_str(args(&both, &(struct run_overrides){ .entrypoint = "", .args = list("my own") }),
	       "my own");
	is_str(args(&both, &(struct run_overrides){ .entrypoint = "sh", .args = list("-c x") }),
	       "sh -c x");
	/* As ENTRYPOINT [""] in a Dockerfile takes one away. */
	cmd.config.config.entrypoint = (struct strs){ (const char *[]){ "" }, 1 };
	is_str(args(&cmd, &(struct run_overrides){ 0 }), "cmd a");
	is_str(args(&cmd, &(struct run_overrides){ .args = list("my own") }), "my own");
}

static void an_entrypoint_is_a_list_only_if_it_is_one(void)
{
	static const char *const texts[][2] = {
		{ "[\"a\", \"b c\"]", "a b c x" },
		{ " [\"a\"]\n", "a x" },
		{ "[\"\\u0061\"]", "a x" },
		{ "[]", "x" },
		{ "[\"\"]", "x" },
		{ "", "x" },
		/* A program of that name. */
		{ "[\"a\",1]", "[\"a\",1] x" },
		{ "[\"a\"", "[\"a\" x" },
		{ "[\"a\"]y", "[\"a\"]y x" },
		{ "[\"a\"],\"v\":[\"b\"]", "[\"a\"],\"v\":[\"b\"] x" },
		{ "\"a\"", "\"a\" x" },
		{ "null", "null x" },
		{ "{}", "{} x" },
	};
	struct image im = image("entry", "cmd", "");
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		is_str(args(&im, &(struct run_overrides){ .entrypoint = texts[i][0],
							  .args = list("x") }),
		       texts[i][1]);
}

static void an_image_that_says_nothing_needs_a_command(void)
{
	struct image none = image("", "", "");
	is_int(make(&none, &(struct run_overrides){ 0 }), -EINVAL);
	is_str(e.msg, "image h.x/a:1 does not say what to run: name a command after it");
	is_int(make(&(struct image){ 0 }, &(struct run_overrides){ 0 }), -EINVAL);
	is_str(e.msg, "image (none) does not say what to run: name a command after it");
	is_str(args(NULL, &(struct run_overrides){ .args = list("true") }), "true");
}

static const char *variable(const char *name)
{
	const struct strs *env = &spec->process->env;
	const char *value = NULL;
	for (size_t i = 0; i < env->n; i++)
		if (!strncmp(env->v[i], name, strlen(name)) && env->v[i][strlen(name)] == '=') {
			if (value)
				TAP_FAIL("%s is there twice", name);
			value = env->v[i] + strlen(name) + 1;
		}
	return value;
}

static void the_environment_is_the_images_then_the_callers(void)
{
	struct image im = image("", "x", "A=1 B=2 HOME=/own");
	setenv("BUNDLE_TEST", "from here", 1);
	is_int(make(&im, &(struct run_overrides){ .env = list("B=3 C=4 BUNDLE_TEST NOT_SET_AT_ALL"),
						  .terminal = true }),
	       0);
	is_str(variable("A"), "1");
	is_str(variable("B"), "3");
	is_str(variable("C"), "4");
	is_str(variable("HOME"), "/own");
	is_str(variable("BUNDLE_TEST"), "from here");
	is_str(variable("NOT_SET_AT_ALL"), NULL);
	is_str(variable("TERM"), "xterm");
	ok(strstr(variable("PATH"), "/bin"));
	is_int(make(&im, &(struct run_overrides){ .env = list("=x") }), -EINVAL);
}

static void users_are_those_of_the_image(void)
{
	struct image im = image("", "x", "");
	im.config.config.user = "worker";
	is_int(make(&im, &(struct run_overrides){ 0 }), 0);
	is_int(spec->process->user.uid, 1000);
	is_int(spec->process->user.gid, 1001);
	is_int(spec->process->user.additional_gids.n, 2);
	is_int((int)spec->process->user.additional_gids.v[0], 1001);
	is_str(variable("HOME"), "/tmp");
	is_int(make(&im, &(struct run_overrides){ .user = "7:8" }), 0);
	is_int(spec->process->user.uid, 7);
	is_int(spec->process->user.gid, 8);
	is_int(make(&im, &(struct run_overrides){ .user = "nobody-knows" }), -EINVAL);
	has_str(e.msg, "nobody-knows");
	is_int(make(&im, &(struct run_overrides){ .user = "4294967296" }), -EINVAL);
	is_int(make(&im, &(struct run_overrides){ .user = "-1" }), -EINVAL);
}

static void the_working_directory_is_absolute(void)
{
	struct image im = image("", "x", "");
	is_int(make(&im, &(struct run_overrides){ 0 }), 0);
	is_str(spec->process->cwd, "/");
	im.config.config.working_dir = "srv/app";
	is_int(make(&im, &(struct run_overrides){ 0 }), 0);
	is_str(spec->process->cwd, "/srv/app");
	is_int(make(&im, &(struct run_overrides){ .cwd = "/w" }), 0);
	is_str(spec->process->cwd, "/w");
	is_int(make(&im, &(struct run_overrides){ .cwd = "w" }), -EINVAL);
	im.config.config.working_dir = "/srv/../opt/./app/";
	is_int(make(&im, &(struct run_overrides){ 0 }), 0);
	is_str(spec->process->cwd, "/opt/app");
	is_int(make(&im, &(struct run_overrides){ .cwd = "/.." }), -EINVAL);
}

static void labels_decide_nothing(void)
{
	struct image im = image("", "x", ""), labelled = im;
	struct pair label[] = { { "containerd.io/restart.loguri", "binary:///bin/sh" },
				{ "io.cri-containerd.image", "managed" } };
	labelled.config.config.labels = (struct pairs){ label, 2 };
	auto_buf plain = { 0 }, with = { 0 };
	is_int(make(&im, &(struct run_overrides){ 0 }), 0);
	spec_write(spec, 0, &plain);
	is_int(make(&labelled, &(struct run_overrides){ 0 }), 0);
	spec_write(spec, 0, &with);
	is_str(with.p, plain.p);
}

int main(void)
{
	char place[] = "/tmp/bundle_test.XXXXXX";
	arena = arena_new((size_t)16 << 20);
	root = mkdtemp(place) ? open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	mkdirat(root, "etc", 0755);
	static const char users[] = "root:x:0:0:root:/root:/bin/sh\nworker:x:1000:1001::/tmp:\n";
	static const char groups[] = "root:x:0:\nextra:x:2000:other,worker\n";
	auto_close int etc = openat(root, "etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	file_replace(etc, "passwd", users, strlen(users), 0644, &e);
	file_replace(etc, "group", groups, strlen(groups), 0644, &e);
	test(entrypoint_and_cmd_are_put_together);
	test(an_entrypoint_is_a_list_only_if_it_is_one);
	test(an_image_that_says_nothing_needs_a_command);
	test(the_environment_is_the_images_then_the_callers);
	test(users_are_those_of_the_image);
	test(the_working_directory_is_absolute);
	test(labels_decide_nothing);
	close(root);
	tree_remove(AT_FDCWD, place, &e);
	arena_free(arena);
	return done_testing();
}

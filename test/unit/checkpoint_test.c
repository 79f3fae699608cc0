/* checkpoint_test.c - what CRIU is told of a container. */
#include "tap.h"

#include "base/buf.h"
#include "container/criuwork.h"

#include <stdlib.h>

#define MAPPING	       "[{\"containerID\":0,\"hostID\":0,\"size\":9}"
#define USER_NAMESPACE ",{\"type\":\"user\"}],\"uidMappings\":" MAPPING "],\"gidMappings\":" MAPPING

static struct cgroup_dir dirs[] = {
	{ .controllers = "", .path = "/sys/fs/cgroup/c1", .fd = -1, .door = -1 },
};
static const struct cgroup v2 = { .v2 = true, .v = dirs, .n = 1 };

static int told(struct criu_work *w, const char *place, const char *source, void *arg)
{
	(void)arg;
	return criuwork_external(w, "mnt[%s]:%s", place, source);
}

/* The mounts of a spec with these, and of a user namespace or not, as one text. */
static int mounts(const char *list, const char *namespaces, struct buf *out, struct err *e)
{
	auto_arena *a = arena_new(16 << 20);
	auto_buf text = { 0 };
	const struct spec *s = NULL;
	struct criu_work w = { .a = a };
	buf_printf(&text,
		   "{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"rootfs\"},\"process\":{"
		   "\"cwd\":\"/\",\"args\":[\"a\"]},\"mounts\":[%s],\"linux\":{\"namespaces\":["
		   "{\"type\":\"mount\"}%s]}}",
		   list, namespaces);
	int rc = spec_parse(text.p, text.len, a, &s, e);
	if (rc < 0)
		return rc;
	const struct plan_context c = { .spec = s, .id = "c1", .bundle = "/b", .cgroup = &v2 };
	criu_opts__init(&w.opts);
	rc = criuwork_mounts(&w, &c, told, NULL, e);
	for (size_t i = 0; i < w.opts.n_external; i++)
		buf_printf(out, "%s%s", i ? " " : "", w.opts.external[i]);
	return rc;
}

static void binds_and_cgroups_are_told_and_nothing_else(void)
{
	auto_buf out = { 0 };
	struct err e = { 0 };
	is_int(mounts("{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"},"
		      "{\"destination\":\"/t\",\"type\":\"tmpfs\",\"source\":\"tmpfs\"},"
		      "{\"destination\":\"/a//b/./c/\",\"type\":\"bind\",\"source\":\"/x\"},"
		      "{\"destination\":\"/r\",\"source\":\"data\",\"options\":[\"rbind\",\"ro\"]},"
		      "{\"destination\":\"/sys/fs/cgroup\",\"type\":\"cgroup\"}",
		      "", &out, &e),
	       0);
	is_str(out.p, "mnt[/a/b/c]:/x mnt[/r]:/b/data mnt[/sys/fs/cgroup]:/sys/fs/cgroup/c1");
}

static void devices_of_a_user_namespace_are_binds(void)
{
	auto_buf out = { 0 };
	struct err e = { 0 };
	is_int(mounts("{\"destination\":\"/dev\",\"type\":\"tmpfs\",\"source\":\"tmpfs\"}",
		      USER_NAMESPACE, &out, &e),
	       0);
	has_str(out.p, "mnt[/dev/null]:/dev/null");
	has_str(out.p, "mnt[/dev/tty]:/dev/tty");
	buf_free(&out);
	is_int(mounts("{\"destination\":\"/dev\",\"type\":\"tmpfs\",\"source\":\"tmpfs\"}", "",
		      &out, &e),
	       0);
	is_str(out.p, NULL);
}

static void mapped_ids_are_refused(void)
{
	auto_buf out = { 0 };
	struct err e = { 0 };
	ok(mounts("{\"destination\":\"/a\",\"source\":\"/x\",\"options\":[\"bind\"],"
		  "\"uidMappings\":[{\"containerID\":0,\"hostID\":1,\"size\":1}],"
		  "\"gidMappings\":[{\"containerID\":0,\"hostID\":1,\"size\":1}]}",
		  "", &out, &e) < 0);
	has_str(e.msg, "CRIU cannot map ids");
}

static void any_number_is_told_up_to_a_limit(void)
{
	auto_arena *a = arena_new(16 << 20);
	struct criu_work w = { .a = a };
	int n = 0;
	while (criuwork_external(&w, "mnt[/%d]:/%d", n, n) == 0)
		n++;
	is_int(n, 4096);
	is_str(w.opts.external[0], "mnt[/0]:/0");
	is_str(w.opts.external[4095], "mnt[/4095]:/4095");
}

static void words_of_the_command_line_are_understood(void)
{
	static const char *const words[] = { "soft", "full", "strict", "ignore" };
	enum cgroups_mode mode;
	struct err e = { 0 };
	for (int i = 0; i < 4; i++) {
		is_int(cgroups_mode_parse(words[i], &mode, &e), 0);
		is_int(mode, i);
	}
	is_int(cgroups_mode_parse(NULL, &mode, &e), 0);
	is_int(mode, CGROUPS_SOFT);
	ok(cgroups_mode_parse("none", &mode, &e) < 0);
	has_str(e.msg, "Invalid manage-cgroups-mode value 'none'");
	is_int(empty_namespace_check("network", &e), 0);
	is_int(empty_namespace_check(NULL, &e), 0);
	ok(empty_namespace_check("pid", &e) < 0);
}

int main(void)
{
	test(binds_and_cgroups_are_told_and_nothing_else);
	test(devices_of_a_user_namespace_are_binds);
	test(mapped_ids_are_refused);
	test(any_number_is_told_up_to_a_limit);
	test(words_of_the_command_line_are_understood);
	return done_testing();
}

/* ref_test.c - what is an image's name and what is none. */
#include "image/ref.h"
#include "tap.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct arena *arena;

static struct ref parsed(const char *text)
{
	struct ref r = { .kind = 99 };
	struct err e = { 0 };
	if (ref_parse(text, arena, &r, &e) < 0)
		TAP_FAIL("%s: %s", text, e.msg);
	return r;
}

static const char *refused(const char *text)
{
	static struct err e;
	struct ref r;
	e = (struct err){ 0 };
	int rc = ref_parse(text, arena, &r, &e);
	if (rc != -EINVAL)
		TAP_FAIL("%s: %d instead of EINVAL", text, rc);
	return e.msg;
}

static void a_whole_reference_has_host_name_tag_and_digest(void)
{
	struct ref r = parsed("docker://127.0.0.1:5000/team/app:v1@sha256:" HEX);
	is_int(r.kind, REF_REGISTRY);
	is_str(r.host, "127.0.0.1:5000");
	is_str(r.name, "team/app");
	is_str(r.tag, "v1");
	is_str(r.digest, "sha256:" HEX);
	is_str(ref_text(&r, arena), "127.0.0.1:5000/team/app:v1");
}

static void the_tag_is_latest_unless_a_digest_says_more(void)
{
	struct ref r = parsed("example.org/a");
	is_str(r.tag, "latest");
	r = parsed("example.org/a@sha256:" HEX);
	is_str(r.tag, NULL);
	is_str(ref_text(&r, arena), "example.org/a@sha256:" HEX);
}

static void the_first_part_is_a_host_only_with_dot_colon_or_localhost(void)
{
	is_int(parsed("busybox").kind, REF_SHORT);
	is_int(parsed("team/app:1").kind, REF_SHORT);
	is_str(parsed("team/app:1").host, NULL);
	is_str(parsed("localhost/app").host, "localhost");
	is_str(parsed("host:1/app").host, "host:1");
	is_str(parsed("[::1]:5000/app").host, "[::1]:5000");
	is_str(parsed("a.b-c.org/app").host, "a.b-c.org");
}

static void a_layout_is_a_directory_and_a_name(void)
{
	struct ref r = parsed("oci:/tmp/x y:v1");
	is_int(r.kind, REF_LAYOUT);
	is_str(r.name, "/tmp/x y");
	is_str(r.tag, "v1");
	is_str(parsed("oci:dir").tag, NULL);
	r = parsed("oci:dir:host:5000/app:1");
	is_str(r.tag, "host:5000/app:1");
	is_str(ref_text(&r, arena), "host:5000/app:1");
	r = parsed("oci:dir:app:1");
	is_str(ref_text(&r, arena), "app:1");
	r = parsed("oci:dir:team/app:1");
	is_str(ref_text(&r, arena), "team/app:1");
	r = parsed("oci:dir:oci:1");
	is_str(ref_text(&r, arena), "oci:dir:oci:1");
	r = parsed("oci:dir:team/app");
	is_str(ref_text(&r, arena), "oci:dir:team/app");
}

static void an_archive_is_a_file_and_a_name(void)
{
	struct ref r = parsed("oci-archive:/tmp/app.tar.gz:v1");
	is_int(r.kind, REF_OCI_ARCHIVE);
	is_str(r.name, "/tmp/app.tar.gz");
	is_str(r.tag, "v1");
	is_str(ref_text(&r, arena), "app:v1");
	r = parsed("docker-archive:x.tar:host:5000/app:1");
	is_int(r.kind, REF_DOCKER_ARCHIVE);
	is_str(ref_text(&r, arena), "host:5000/app:1");
	r = parsed("docker-archive:x.tar:app");
	is_str(ref_text(&r, arena), "app:latest");
	r = parsed("docker-archive:x.tgz");
	is_str(ref_text(&r, arena), "x:latest");
	r = parsed("oci-archive:X.tar:1");
	is_str(ref_text(&r, arena), "oci-archive:X.tar:1");
}

static void docker_io_is_as_people_write_it(void)
{
	struct ref r = parsed("docker.io/alpine:3");
	is_str(r.name, "library/alpine");
	is_str(ref_text(&r, arena), "docker.io/library/alpine:3");
	is_str(ref_host(&r), "registry-1.docker.io");
	r = parsed("index.docker.io/team/app");
	is_str(ref_text(&r, arena), "docker.io/team/app:latest");
	r = parsed("other.io/alpine");
	is_str(r.name, "alpine");
	is_str(ref_host(&r), "other.io");
	r = parsed("alpine");
	is_int(ref_qualify(&r, "unqualified-search-registries = ['docker.io']", arena,
			   &(struct err){ 0 }),
	       0);
	is_str(ref_text(&r, arena), "docker.io/library/alpine:latest");
}

static void bad_names_are_refused(void)
{
	static const char *const bad[] = {
		"",
		"docker://",
		"A",
		"a/",
		"/a",
		"a//b",
		"a..b",
		"-a",
		"a-",
		"a___b",
		"a.-b",
		"a:",
		"a:.x",
		"a:-x",
		"a b",
		"a@",
		"a:x:y",
		"h.:5/a",
		"h:0/a",
		"h:65536/a",
		"h:x/a",
		"[::1/a",
		"[]:5/a",
		"-h.x/a",
		"h.x/",
		"h.x/A",
		"a\n",
		"oci:",
		"oci:d:",
		"oci:d:a b",
		"h.x/../a",
		"..",
		"a/../b",
		"docker://docker://a",
		"oci",
		"oci@sha256:" HEX,
		"oci-archive:",
		"docker-archive::v1",
		"docker://docker-archive:v1",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refused(bad[i]);
}

static void only_sha256_and_sha512_are_digests(void)
{
	has_str(refused("a@sha384:" HEX HEX), "algorithm sha384 is not supported");
	has_str(refused("a@sha512:" HEX), "128 hex digits");
	has_str(refused("a@sha256:" HEX "0"), "64 hex digits");
	has_str(refused("a@sha256:ABCD"), "64 hex digits");
	has_str(refused("a@" HEX), "not a digest");
	has_str(refused("containers-storage:x"), "podman save --format oci-archive -o FILE");
	has_str(refused("docker-daemon:x:1"), "docker save -o FILE");
	has_str(refused("dir:/x"), "skopeo copy dir:");
	has_str(refused("https://h.x/a"), "HOST/NAME without https://");
	has_str(refused("http://h.x/a"), "HOST/NAME without http://");
}

static void lengths_have_limits(void)
{
	char text[REF_MAX + 2];
	memset(text, 'a', sizeof(text));
	text[REF_MAX + 1] = 0;
	has_str(refused(text), "longer than");
	text[NAME_MAX_OCI + 1] = 0;
	refused(text);
	text[NAME_MAX_OCI] = 0;
	parsed(text);
	memcpy(text, "x:", 2);
	text[2 + TAG_MAX] = 0;
	parsed(text);
	text[2 + TAG_MAX] = 'a';
	text[3 + TAG_MAX] = 0;
	refused(text);
}

static void a_short_name_gets_the_machines_registry(void)
{
	struct err e = { 0 };
	struct ref r = parsed("team/app:1");
	is_int(ref_qualify(&r,
			   "# x\n  unqualified-search-registries = [\n # no\n"
			   " \"reg.example\", \"b\"]\n",
			   arena, &e),
	       0);
	is_str(ref_text(&r, arena), "reg.example/team/app:1");
	r = parsed("app");
	is_int(ref_qualify(&r, "unqualified-search-registries=['h.x:1/mirror']", arena, &e), 0);
	is_str(r.host, "h.x:1");
	is_str(r.name, "mirror/app");
	r = parsed("h.x/app");
	is_int(ref_qualify(&r, "", arena, &e), 0);
	is_str(r.host, "h.x");
}

static void without_a_configured_registry_the_remedy_is_named(void)
{
	static const char *const none[] = { "", "unqualified-search-registries = []",
					    "[x]\nunqualified-search-registries = ['a.b']" };
	for (size_t i = 0; i < 3; i++) {
		struct err e = { 0 };
		struct ref r = parsed("app");
		is_int(ref_qualify(&r, none[i], arena, &e), -ENOENT);
		has_str(e.msg, "write HOST/app, or set unqualified-search-registries");
	}
}

int main(void)
{
	arena = arena_new(1 << 20);
	test(a_whole_reference_has_host_name_tag_and_digest);
	test(the_tag_is_latest_unless_a_digest_says_more);
	test(the_first_part_is_a_host_only_with_dot_colon_or_localhost);
	test(a_layout_is_a_directory_and_a_name);
	test(an_archive_is_a_file_and_a_name);
	test(docker_io_is_as_people_write_it);
	test(bad_names_are_refused);
	test(only_sha256_and_sha512_are_digests);
	test(lengths_have_limits);
	test(a_short_name_gets_the_machines_registry);
	test(without_a_configured_registry_the_remedy_is_named);
	arena_free(arena);
	return done_testing();
}

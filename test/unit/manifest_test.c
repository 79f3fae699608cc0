/* manifest_test.c - what the documents of an image may say. */
#include "image/manifest.h"
#include "tap.h"

#define D1 "sha256:1111111111111111111111111111111111111111111111111111111111111111"
#define D2 "sha256:2222222222222222222222222222222222222222222222222222222222222222"
#define D3 "sha256:3333333333333333333333333333333333333333333333333333333333333333"
#define D4 "sha256:4444444444444444444444444444444444444444444444444444444444444444"
#define CONFIG                                                                                    \
	"\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"digest\":\"" D1 \
	"\",\"size\":2}"
#define LAYER(type_, digest_) "{\"mediaType\":\"" type_ "\",\"digest\":\"" digest_ "\",\"size\":3}"
#define GZIP		      "application/vnd.oci.image.layer.v1.tar+gzip"
#define IN(os_, arch_, variant_, digest_)                                                         \
	"{\"mediaType\":\"" MEDIA_OCI_MANIFEST "\",\"digest\":\"" digest_ "\",\"size\":1,"        \
	"\"platform\":{\"os\":\"" os_ "\",\"architecture\":\"" arch_ "\",\"variant\":\"" variant_ \
	"\"}}"

static struct arena *arena;
static struct err e;

static int kind(const char *text, const char *type)
{
	e = (struct err){ 0 };
	return document_kind(text, strlen(text), type, &e);
}

static int manifest(const char *text, struct manifest *m)
{
	e = (struct err){ 0 };
	return manifest_parse(text, strlen(text), arena, m, &e);
}

static void a_manifest_gives_its_layers_in_order(void)
{
	struct manifest m;
	is_int(manifest("{\"schemaVersion\":2," CONFIG ",\"layers\":[" LAYER(GZIP, D2) "," LAYER(
				"application/vnd.docker.image.rootfs.diff.tar", D3) "]}",
			&m),
	       0);
	is_int(m.layers.n, 2);
	is_str(m.layers.v[0].digest, D2);
	is_int(m.layers.v[1].size, 3);
	is_str(m.config.digest, D1);
}

static void a_document_is_known_by_its_parts(void)
{
	is_int(kind("{\"manifests\":[]}", NULL), DOC_INDEX);
	is_int(kind("{" CONFIG ",\"layers\":[]}", NULL), DOC_MANIFEST);
	is_int(kind("{" CONFIG ",\"layers\":[]}", MEDIA_DOCKER_MANIFEST), DOC_MANIFEST);
	is_int(kind("{\"mediaType\":\"" MEDIA_OCI_INDEX "\",\"manifests\":[]}", "application/json"),
	       DOC_INDEX);
}

static void ambiguous_and_strange_documents_are_refused(void)
{
	is_int(kind("{\"manifests\":[]," CONFIG ",\"layers\":[]}", NULL), -EINVAL);
	has_str(e.msg, "ambiguous");
	is_int(kind("{\"manifests\":[],\"layers\":[]}", MEDIA_OCI_INDEX), -EINVAL);
	is_int(kind("{\"manifests\":[]}", MEDIA_OCI_MANIFEST), -EINVAL);
	has_str(e.msg, "does not fit its content");
	is_int(kind("{\"mediaType\":\"" MEDIA_OCI_MANIFEST "\",\"manifests\":[]}", NULL), -EINVAL);
	is_int(kind("{\"fsLayers\":[]}", NULL), -EINVAL);
	has_str(e.msg, "schema 1");
	is_int(kind("{}", NULL), -EINVAL);
	is_int(kind("[]", NULL), -EINVAL);
	is_int(kind("", NULL), -EINVAL);
}

static void what_is_no_container_image_is_refused_by_its_type(void)
{
	struct manifest m;
	is_int(manifest("{\"config\":{\"mediaType\":\"application/x.chart\",\"digest\":\"" D1
			"\",\"size\":2},\"layers\":[]}",
			&m),
	       -EINVAL);
	has_str(e.msg, "artifact of type application/x.chart");
	is_int(manifest("{" CONFIG ",\"layers\":[" LAYER("application/x-foreign", D2) "]}", &m),
	       -EINVAL);
	has_str(e.msg, "application/x-foreign");
}

static void bad_digests_and_sizes_are_refused(void)
{
	struct manifest m;
	is_int(manifest("{" CONFIG ",\"layers\":[" LAYER(GZIP, "sha256:12") "]}", &m), -EINVAL);
	is_int(manifest("{" CONFIG ",\"layers\":[" LAYER(GZIP, "md5:12") "]}", &m), -EINVAL);
	has_str(e.msg, "algorithm md5");
	is_int(manifest("{" CONFIG ",\"layers\":[{\"digest\":\"" D2
			"\",\"size\":-1,\"mediaType\":\"" GZIP "\"}]}",
			&m),
	       -EINVAL);
	is_int(manifest("{" CONFIG ",\"layers\":[{\"digest\":\"" D2 "\",\"mediaType\":\"" GZIP
			"\"}]}",
			&m),
	       -EINVAL);
	has_str(e.msg, "layers[0].size: missing");
	is_int(manifest("{" CONFIG ",\"layers\":null}", &m),
	       0); /* as Go writes a list that was never made */
}

static void too_many_layers_are_refused(void)
{
	struct manifest m;
	auto_buf b = { 0 };
	buf_str(&b, "{" CONFIG ",\"layers\":[");
	for (int i = 0; i <= LAYERS_MAX; i++)
		buf_printf(&b, "%s" LAYER(GZIP, D2), i ? "," : "");
	buf_str(&b, "]}");
	is_int(manifest(b.p, &m), -E2BIG);
}

static const char *chosen(const char *text, const char *platform)
{
	struct index ix;
	struct platform p;
	const struct descriptor *d;
	e = (struct err){ 0 };
	if (index_parse(text, strlen(text), arena, &ix, &e) < 0 ||
	    platform_parse(platform, arena, &p, &e) < 0 || index_choose(&ix, &p, &d, &e) < 0)
		return NULL;
	return d->digest;
}

static void the_best_variant_of_the_platform_is_chosen(void)
{
	const char *arm = "{\"manifests\":[" IN("linux", "arm", "v6", D1) "," IN(
		"linux", "arm", "v7", D2) "," IN("linux", "arm64", "v8", D3) "]}";
	is_str(chosen(arm, "linux/arm/v7"), D2);
	is_str(chosen(arm, "linux/arm/v6"), D1);
	is_str(chosen(arm, "linux/arm64"), D3);
	is_str(chosen(arm, "linux/aarch64"), D3);
	is_str(chosen(arm, "linux/arm/v5"), NULL);
	const char *intel = "{\"manifests\":[" IN("linux", "amd64", "v3",
						  D1) "," IN("linux", "amd64", "", D2) "]}";
	is_str(chosen(intel, "linux/amd64"), D2);
	is_str(chosen(intel, "linux/x86_64"), D2);
}

static void what_has_no_platform_is_for_who_has_nothing_better(void)
{
	static const char none[] = "{\"mediaType\":\"" MEDIA_OCI_MANIFEST "\",\"digest\":\"" D1
				   "\",\"size\":1}";
	const char *text = arena_printf(arena,
					"{\"manifests\":[%s," IN("linux", "arm64", "", D2) "," IN(
						"unknown", "unknown", "", D3) "]}",
					none);
	is_str(chosen(text, "linux/arm64"), D2);
	is_str(chosen(text, "linux/amd64"), D1);
	/* It says that it is no image. */
	is_str(chosen("{\"manifests\":[{\"mediaType\":\"" MEDIA_OCI_MANIFEST
		      "\",\"artifactType\":\"application/x\",\"digest\":\"" D1
		      "\",\"size\":1}," IN("linux", "arm64", "", D2) "]}",
		      "linux/amd64"),
	       NULL);
	has_str(e.msg, "only for: linux/arm64");
}

static void a_platform_is_read_as_containerd_reads_it(void)
{
	const char *both = "{\"manifests\":[" IN("linux", "amd64", "", D1) "," IN(
		"linux", "arm64", "v8", D2) "," IN("linux", "arm", "v6", D3) "," IN("linux", "arm",
										    "v7", D4) "]}";
	static const char *const said[][2] = {
		{ "Linux/AMD64", D1 },
		{ "linux/x86-64", D1 },
		{ "LINUX/X86_64", D1 },
		{ "linux/amd64/v1", D1 },
		{ "amd64", D1 },
		{ "x86_64", D1 },
		{ "linux/arm64/v8", D2 },
		{ "linux/arm64/8", D2 },
		{ "linux/AArch64/V8.0", D2 },
		{ "linux/arm64/v9", D2 },
		{ "arm64", D2 },
		{ "linux/arm", D4 },
		{ "linux/armhf", D4 },
		{ "linux/arm/7", D4 },
		{ "linux/arm/v8", D4 },
		{ "linux/armel", D3 },
		{ "linux/arm/V6", D3 },
		{ "linux/arm/v5", NULL },
		{ "linux/i386", NULL },
		{ "macos/arm64", NULL },
		{ "nonsense", NULL },
		{ "linux//v8", NULL },
		{ "/amd64", NULL },
		{ "linux/amd64/", NULL },
		{ "linux/a/b/c", NULL },
		{ "", NULL },
	};
	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++)
		is_str(chosen(both, said[i][0]), said[i][1]);
	is_str(chosen("{\"manifests\":[" IN("Linux", "x86_64", "", D1) "," IN(
			      "linux", "aarch64", "8", D2) "," IN("linux", "armhf", "", D3) "]}",
		      "linux/amd64"),
	       D1);
	is_str(chosen("{\"manifests\":[" IN("linux", "aarch64", "8", D2) "]}", "linux/arm64"), D2);
	is_str(chosen("{\"manifests\":[" IN("linux", "armhf", "", D3) "]}", "linux/arm/v7"), D3);
	is_str(chosen("{\"manifests\":[" IN("linux", "armhf", "", D3) "]}", "linux/arm/v6"), NULL);
	is_str(chosen("{\"manifests\":[" IN("darwin", "arm64", "", D3) "]}", "macOS/arm64"), D3);
}

static void a_platform_that_is_not_there_is_answered_with_those_that_are(void)
{
	is_str(chosen("{\"manifests\":[" IN("linux", "s390x", "", D1) "," IN("unknown", "unknown",
									     "", D2) "]}",
		      "linux/amd64"),
	       NULL);
	has_str(e.msg, "no image for linux/amd64 in it, only for: linux/s390x");
	is_str(chosen("{\"manifests\":[]}", "nonsense"), NULL);
	has_str(e.msg, "not a platform");
}

static void the_configuration_says_what_to_run(void)
{
	struct manifest m = { .layers.n = 1 };
	struct image_config c;
	const char *text =
		"{\"os\":\"linux\",\"architecture\":\"amd64\",\"config\":{\"User\":\"app\","
		"\"Env\":[\"A=1\"],"
		"\"Entrypoint\":null,\"Cmd\":[\"sh\"],\"Labels\":{\"a\":\"b\"},"
		"\"Volumes\":{\"/data\":{}}},"
		"\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" D1 "\"]}}";
	is_int(config_parse(text, strlen(text), &m, arena, &c, &e), 0);
	is_str(c.config.user, "app");
	is_str(c.config.cmd.v[0], "sh");
	is_int(c.config.entrypoint.n, 0);
	is_str(c.config.volumes.v[0].key, "/data");
	is_str(c.rootfs.diff_ids.v[0], D1);
	m.layers.n = 2;
	is_int(config_parse(text, strlen(text), &m, arena, &c, &e), -EINVAL);
	has_str(e.msg, "1 diff_ids for 2 layers");
}

int main(void)
{
	arena = arena_new(ARENA_IMAGE);
	test(a_manifest_gives_its_layers_in_order);
	test(a_document_is_known_by_its_parts);
	test(ambiguous_and_strange_documents_are_refused);
	test(what_is_no_container_image_is_refused_by_its_type);
	test(bad_digests_and_sizes_are_refused);
	test(too_many_layers_are_refused);
	test(the_best_variant_of_the_platform_is_chosen);
	test(what_has_no_platform_is_for_who_has_nothing_better);
	test(a_platform_is_read_as_containerd_reads_it);
	test(a_platform_that_is_not_there_is_answered_with_those_that_are);
	test(the_configuration_says_what_to_run);
	arena_free(arena);
	return done_testing();
}

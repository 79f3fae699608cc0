/* manifest.c - the documents of an image: index, manifest, configuration; and which platform is
 * ours. */
#include "image/manifest.h"
#include "image/ref.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct json_field platform_fields[] = {
	JSON(J_STR, platform, architecture, "architecture"),
	JSON(J_STR, platform, os, "os"),
	JSON(J_STR, platform, variant, "variant"),
	{ 0 },
};

static const struct json_field descriptor_fields[] = {
	JSON(J_STR, descriptor, media_type, "mediaType"),
	JSON_F(J_STR, descriptor, digest, "digest", J_REQUIRED),
	JSON_F(J_I64, descriptor, size, "size", J_REQUIRED | J_KEEP),
	JSON_SUB(J_PTR, descriptor, platform, "platform", platform_fields, platform),
	JSON(J_PAIRS, descriptor, annotations, "annotations"),
	JSON(J_STR, descriptor, artifact_type, "artifactType"),
	JSON(J_STRS, descriptor, urls, "urls"),
	{ 0 },
};

const struct json_field index_fields[] = {
	JSON_F(J_INT, index, schema_version, "schemaVersion", J_KEEP),
	JSON(J_STR, index, media_type, "mediaType"),
	{ .name = "manifests",
	  .type = J_LIST,
	  .flags = J_REQUIRED | J_KEEP,
	  .offset = offsetof(struct index, manifests),
	  .sub = descriptor_fields,
	  .size = sizeof(struct descriptor) },
	JSON(J_PAIRS, index, annotations, "annotations"),
	{ 0 },
};

static const struct json_field manifest_fields[] = {
	JSON_F(J_INT, manifest, schema_version, "schemaVersion", J_KEEP),
	JSON(J_STR, manifest, media_type, "mediaType"),
	{ .name = "config",
	  .type = J_STRUCT,
	  .flags = J_REQUIRED,
	  .offset = offsetof(struct manifest, config),
	  .sub = descriptor_fields },
	{ .name = "layers",
	  .type = J_LIST,
	  .flags = J_KEEP,
	  .offset = offsetof(struct manifest, layers),
	  .sub = descriptor_fields,
	  .size = sizeof(struct descriptor) },
	{ 0 },
};

static const struct json_field key_fields[] = { { 0 } };

static const struct json_field run_fields[] = {
	JSON(J_STR, image_config, config.user, "User"),
	JSON(J_STR, image_config, config.working_dir, "WorkingDir"),
	JSON(J_STR, image_config, config.stop_signal, "StopSignal"),
	JSON(J_STRS, image_config, config.env, "Env"),
	JSON(J_STRS, image_config, config.entrypoint, "Entrypoint"),
	JSON(J_STRS, image_config, config.cmd, "Cmd"),
	JSON(J_PAIRS, image_config, config.labels, "Labels"),
	JSON_SUB(J_DICT, image_config, config.exposed_ports, "ExposedPorts", key_fields,
		 config_key),
	JSON_SUB(J_DICT, image_config, config.volumes, "Volumes", key_fields, config_key),
	{ 0 },
};

static const struct json_field rootfs_fields[] = {
	JSON_F(J_STR, image_config, rootfs.type, "type", J_REQUIRED),
	JSON(J_STRS, image_config, rootfs.diff_ids, "diff_ids"),
	{ 0 },
};

/* Both parts lie in struct image_config itself: their tables' offsets are from its start. */
static const struct json_field config_fields[] = {
	JSON(J_STR, image_config, architecture, "architecture"),
	JSON(J_STR, image_config, os, "os"),
	JSON(J_STR, image_config, variant, "variant"),
	JSON(J_STR, image_config, created, "created"),
	{ .name = "config", .type = J_STRUCT, .sub = run_fields },
	{ .name = "rootfs", .type = J_STRUCT, .flags = J_REQUIRED, .sub = rootfs_fields },
	{ 0 },
};

/* Which parts a document has. */
struct parts {
	const char *media_type, *manifests, *layers, *config, *fs_layers;
};
static const struct json_field parts_fields[] = {
	JSON(J_STR, parts, media_type, "mediaType"), JSON(J_RAW, parts, manifests, "manifests"),
	JSON(J_RAW, parts, layers, "layers"),	     JSON(J_RAW, parts, config, "config"),
	JSON(J_RAW, parts, fs_layers, "fsLayers"),   { 0 },
};

static int kind_of_type(const char *type)
{
	if (!strcmp(type, MEDIA_OCI_INDEX) || !strcmp(type, MEDIA_DOCKER_LIST))
		return DOC_INDEX;
	if (!strcmp(type, MEDIA_OCI_MANIFEST) || !strcmp(type, MEDIA_DOCKER_MANIFEST))
		return DOC_MANIFEST;
	return 0;
}

static int kind_of_parts(const struct parts *p, struct err *e)
{
	if (p->fs_layers)
		return refuse(e, EINVAL,
			      "a manifest of the old schema 1, which has no trustworthy "
			      "digests; push the image again with a current tool");
	if (p->manifests && (p->layers || p->config))
		return refuse(e, EINVAL, "an ambiguous document: both an index and a manifest");
	if (p->manifests)
		return DOC_INDEX;
	if (p->config) /* some write null for no layers */
		return DOC_MANIFEST;
	return refuse(e, EINVAL, "neither an image index nor an image manifest");
}

int document_kind(const char *text, size_t len, const char *media_type, struct err *e)
{
	if (len > MANIFEST_MAX)
		return refuse(e, E2BIG, "larger than %zu bytes", MANIFEST_MAX);
	auto_arena *a = arena_new(8 * MANIFEST_MAX);
	if (!a)
		return fail(e, ENOMEM, "read a manifest");
	struct parts p = { 0 };
	int rc = json_read(text, len, parts_fields, &p, a, e);
	if (rc < 0)
		return rc;
	int kind = kind_of_parts(&p, e);
	if (kind < 0)
		return kind;
	const char *types[] = { media_type, p.media_type };
	for (int i = 0; i < 2; i++) {
		if (!types[i] || !*types[i] || (i == 0 && !kind_of_type(types[i])))
			continue; /* some registries send any type: then the content counts */
		if (kind_of_type(types[i]) != kind)
			return refuse(e, EINVAL, "its media type %.100s does not fit its content",
				      types[i]);
	}
	return kind;
}

static int check_descriptor(const struct descriptor *d, const char *what, struct err *e)
{
	if (digest_check(d->digest, e) < 0)
		return within(e, "%s", what);
	if (d->size < 0)
		return refuse(e, EINVAL, "%s %s: a size below zero", what, d->digest);
	if (!d->media_type || !*d->media_type)
		return refuse(e, EINVAL, "%s %s: no media type", what, d->digest);
	return 0;
}

int index_parse(const char *text, size_t len, struct arena *a, struct index *out, struct err *e)
{
	struct index ix = { 0 };
	if (len > MANIFEST_MAX)
		return refuse(e, E2BIG, "larger than %zu bytes", MANIFEST_MAX);
	int rc = json_read(text, len, index_fields, &ix, a, e);
	for (size_t i = 0; rc == 0 && i < ix.manifests.n; i++)
		rc = check_descriptor(&ix.manifests.v[i], "manifest", e);
	if (rc == 0)
		*out = ix;
	return rc;
}

int layer_packing(const char *type, struct err *e)
{
	static const struct {
		const char *type;
		enum packing packing;
	} known[] = {
		{ "application/vnd.oci.image.layer.v1.tar", PACK_NONE },
		{ "application/vnd.oci.image.layer.v1.tar+gzip", PACK_GZIP },
		{ "application/vnd.oci.image.layer.v1.tar+zstd", PACK_ZSTD },
		{ "application/vnd.oci.image.layer.nondistributable.v1.tar", PACK_NONE },
		{ "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", PACK_GZIP },
		{ "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", PACK_ZSTD },
		{ "application/vnd.docker.image.rootfs.diff.tar", PACK_NONE },
		{ "application/vnd.docker.image.rootfs.diff.tar.gzip", PACK_GZIP },
		{ "application/vnd.docker.image.rootfs.diff.tar.zstd", PACK_ZSTD },
	};
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!strcmp(known[i].type, type))
			return (int)known[i].packing;
	return refuse(e, EINVAL, "layers of type %.100s cannot be read", type);
}

int manifest_read(const char *text, size_t len, struct arena *a, struct manifest *out,
		  struct err *e)
{
	struct manifest m = { 0 };
	if (len > MANIFEST_MAX)
		return refuse(e, E2BIG, "larger than %zu bytes", MANIFEST_MAX);
	int rc = json_read(text, len, manifest_fields, &m, a, e);
	if (rc == 0)
		rc = check_descriptor(&m.config, "configuration", e);
	if (rc == 0 && m.layers.n > LAYERS_MAX)
		rc = refuse(e, E2BIG, "%zu layers, more than %d", m.layers.n, LAYERS_MAX);
	for (size_t i = 0; rc == 0 && i < m.layers.n; i++)
		rc = check_descriptor(&m.layers.v[i], "layer", e);
	if (rc == 0)
		*out = m;
	return rc;
}

int manifest_parse(const char *text, size_t len, struct arena *a, struct manifest *out,
		   struct err *e)
{
	struct manifest m;
	int rc = manifest_read(text, len, a, &m, e);
	if (rc < 0)
		return rc;
	if (strcmp(m.config.media_type, "application/vnd.oci.image.config.v1+json") &&
	    strcmp(m.config.media_type, "application/vnd.docker.container.image.v1+json"))
		return refuse(e, EINVAL,
			      "it is not a container image but an artifact of type %.100s",
			      m.config.media_type);
	if (m.config.size > (int64_t)MANIFEST_MAX)
		return refuse(e, E2BIG, "a configuration larger than %zu bytes", MANIFEST_MAX);
	for (size_t i = 0; i < m.layers.n; i++)
		if (layer_packing(m.layers.v[i].media_type, e) < 0)
			return -e->code;
	*out = m;
	return 0;
}

int config_parse(const char *text, size_t len, const struct manifest *m, struct arena *a,
		 struct image_config *out, struct err *e)
{
	struct image_config c = { 0 };
	if (len > MANIFEST_MAX)
		return refuse(e, E2BIG, "larger than %zu bytes", MANIFEST_MAX);
	int rc = json_read(text, len, config_fields, &c, a, e);
	if (rc < 0)
		return rc;
	if (strcmp(c.rootfs.type, "layers"))
		return refuse(e, EINVAL, "rootfs.type: %.40s is not \"layers\"", c.rootfs.type);
	if (c.rootfs.diff_ids.n != m->layers.n)
		return refuse(e, EINVAL, "%zu diff_ids for %zu layers", c.rootfs.diff_ids.n,
			      m->layers.n);
	for (size_t i = 0; i < c.rootfs.diff_ids.n; i++)
		if (digest_check(c.rootfs.diff_ids.v[i], e) < 0)
			return within(e, "rootfs.diff_ids[%zu]", i);
	if (c.os && !*c.os)
		c.os = NULL;
	if (c.architecture && !*c.architecture)
		c.architecture = NULL;
	*out = c;
	return 0;
}

struct platform platform_here(void)
{
#if defined(__x86_64__)
	return (struct platform){ .os = "linux", .architecture = "amd64" };
#elif defined(__aarch64__)
	return (struct platform){ .os = "linux", .architecture = "arm64", .variant = "v8" };
#elif defined(__arm__)
	return (struct platform){ .os = "linux", .architecture = "arm", .variant = "v7" };
#elif defined(__riscv)
	return (struct platform){ .os = "linux", .architecture = "riscv64" };
#else
	return (struct platform){ .os = "linux", .architecture = "unknown" };
#endif
}

/* As containerd has them, and what uname and others say. */
static const struct {
	const char *said, *name, *variant;
} architectures[] = {
	{ "amd64", "amd64", NULL },	{ "x86_64", "amd64", NULL },	{ "x86-64", "amd64", NULL },
	{ "386", "386", NULL },		{ "i386", "386", NULL },	{ "arm64", "arm64", NULL },
	{ "aarch64", "arm64", NULL },	{ "arm", "arm", NULL },		{ "armhf", "arm", "v7" },
	{ "armel", "arm", "v6" },	{ "riscv64", "riscv64", NULL }, { "s390x", "s390x", NULL },
	{ "ppc64le", "ppc64le", NULL },
};

static struct platform platform_normal(struct platform p)
{
	for (size_t i = 0; i < sizeof(architectures) / sizeof(architectures[0]); i++) {
		if (strcasecmp(p.architecture, architectures[i].said) != 0)
			continue;
		p.architecture = architectures[i].name;
		p.variant = architectures[i].variant ? architectures[i].variant : p.variant;
	}
	p.os = strcasecmp(p.os, "macos") ? p.os : "darwin";
	return p;
}

/* One word is an operating system on this machine's architecture, or the reverse. */
static bool platform_complete(struct platform *p)
{
	const struct platform here = platform_here();
	if (p->architecture)
		return *p->os && *p->architecture && (!p->variant || *p->variant);
	if (!strcmp(p->os, "linux") || !strcmp(p->os, "windows")) {
		p->architecture = here.architecture;
		return true;
	}
	p->architecture = p->os;
	p->os = here.os;
	for (size_t i = 0; i < sizeof(architectures) / sizeof(architectures[0]); i++)
		if (!strcmp(p->architecture, architectures[i].said))
			return true;
	return false;
}

int platform_parse(const char *text, struct arena *a, struct platform *out, struct err *e)
{
	char *part[4] = { 0 }, *s = arena_str(a, text);
	if (!s)
		return fail(e, E2BIG, "parse a platform");
	for (char *c = s; *c; c++)
		*c |= *c >= 'A' && *c <= 'Z' ? 0x20 : 0;
	for (int i = 0; s && i < 4; i++) {
		part[i] = s;
		s = strchr(s, '/');
		if (s)
			*s++ = 0;
	}
	struct platform p = { part[1], part[0], part[2] };
	if (part[3] || !platform_complete(&p))
		return refuse(e, EINVAL, "%.60s is not a platform (OS/ARCHITECTURE[/VARIANT])",
			      text);
	*out = platform_normal(p);
	return 0;
}

/* The number of a variant, of none the one that is meant; 0 for a word. */
static int variant_number(const struct platform *p)
{
	const char *v = p->variant ? p->variant : "";
	if (!*v)
		return !strcmp(p->architecture, "arm")	  ? 7
		       : strcmp(p->architecture, "arm64") ? 1
							  : 8;
	v += *v == 'v' || *v == 'V';
	return *v > '0' && *v <= '9' && (!v[1] || !strcmp(v + 1, ".0")) ? *v - '0' : 0;
}

int platform_fit(const struct platform *have, const struct platform *want)
{
	if (!have->os || !have->architecture)
		return 0;
	const struct platform h = platform_normal(*have), w = platform_normal(*want);
	if (strcasecmp(h.os, w.os) != 0 || strcasecmp(h.architecture, w.architecture) != 0)
		return 0;
	if (!h.variant || !*h.variant)
		return 20;
	int had = variant_number(&h), wanted = variant_number(&w);
	if (had == wanted && (had || !strcasecmp(h.variant, w.variant)))
		return 30;
	return had && had < wanted ? 1 + had : 0;
}

int index_choose(const struct index *ix, const struct platform *p, const struct descriptor **out,
		 struct err *e)
{
	const struct descriptor *best = NULL;
	auto_buf list = { .max = 512 };
	int most = 0;
	for (size_t i = 0; i < ix->manifests.n; i++) {
		const struct descriptor *d = &ix->manifests.v[i];
		int f = d->platform ? platform_fit(d->platform, p) : !d->artifact_type;
		if (f > most) {
			best = d;
			most = f;
		}
		if (d->platform && d->platform->os && strcmp(d->platform->os, "unknown"))
			buf_printf(&list, "%s%.20s/%.20s%s%.20s", list.len ? ", " : "",
				   d->platform->os,
				   d->platform->architecture ? d->platform->architecture : "?",
				   d->platform->variant ? "/" : "",
				   d->platform->variant ? d->platform->variant : "");
	}
	if (!best)
		return refuse(e, ENOENT, "no image for %s/%s in it, only for: %s", p->os,
			      p->architecture, list.len ? list.p : "nothing");
	*out = best;
	return 0;
}

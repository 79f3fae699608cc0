/* manifest.h - the documents of an image: index, manifest, configuration; and which platform is
 * ours. */
#ifndef IMAGE_MANIFEST_H
#define IMAGE_MANIFEST_H

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/list.h"

#include <stdbool.h>
#include <stdint.h>

#define MANIFEST_MAX ((size_t)4 << 20)	/* bytes of any of the three */
#define LAYERS_MAX   128		/* more than any overlay can stack in practice */
#define ARENA_IMAGE  ((size_t)64 << 20) /* room enough for one image's documents */

#define MEDIA_OCI_INDEX	      "application/vnd.oci.image.index.v1+json"
#define MEDIA_OCI_MANIFEST    "application/vnd.oci.image.manifest.v1+json"
#define MEDIA_DOCKER_LIST     "application/vnd.docker.distribution.manifest.list.v2+json"
#define MEDIA_DOCKER_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"

struct platform {
	const char *architecture, *os, *variant;
};

struct descriptor {
	const char *media_type, *digest;
	int64_t size;
	struct platform *platform; /* NULL: any */
	struct pairs annotations;
	const char *artifact_type;
	struct strs urls;
};
struct descriptors {
	struct descriptor *v;
	size_t n;
};

/* An index, a Docker manifest list, and the index.json of a layout. */
struct index {
	int schema_version;
	const char *media_type;
	struct descriptors manifests;
	struct pairs annotations;
};
extern const struct json_field index_fields[];

/* A manifest, OCI's or Docker's. */
struct manifest {
	int schema_version;
	const char *media_type;
	struct descriptor config;
	struct descriptors layers;
};

/* What an image says about how to run it. Labels are words for people, never orders for us. */
struct image_config {
	const char *architecture, *os, *variant;
	const char *created; /* as written: RFC 3339, or anything */
	struct {
		const char *user, *working_dir, *stop_signal;
		struct strs env, entrypoint, cmd;
		struct pairs labels;
		struct {
			struct config_key {
				const char *key;
			} *v;
			size_t n;
		} exposed_ports, volumes;
	} config;
	struct {
		const char *type;
		struct strs diff_ids;
	} rootfs;
};

enum document { DOC_INDEX = 1, DOC_MANIFEST };

/* What a document is, by its fields and by its media type (the one it was sent with, or NULL). A
 * document that is both, neither, or of a type we do not know is refused. */
int document_kind(const char *text, size_t len, const char *media_type, struct err *e);

int index_parse(const char *text, size_t len, struct arena *a, struct index *out, struct err *e);

/* Checks every descriptor: digest and size; at most LAYERS_MAX layers. */
int manifest_read(const char *text, size_t len, struct arena *a, struct manifest *out,
		  struct err *e);

/* That of an image: the types of its configuration and layers are known. */
int manifest_parse(const char *text, size_t len, struct arena *a, struct manifest *out,
		   struct err *e);

/* With as many diff ids as the manifest has layers. */
int config_parse(const char *text, size_t len, const struct manifest *m, struct arena *a,
		 struct image_config *out, struct err *e);

/* The platform of this machine. */
struct platform platform_here(void);

/* "linux/arm64/v8" to its parts, as containerd and docker read it: in any case, by other names of
 * an architecture, or one word of the two alone. */
int platform_parse(const char *text, struct arena *a, struct platform *out, struct err *e);

/* How well what is for one platform fits another, 0 for not at all: its own variant best, then
 * none, then an older one ("v6" on "v7"). */
int platform_fit(const struct platform *have, const struct platform *want);

/* The manifest in the index for that platform; the refusal lists those that there are. */
int index_choose(const struct index *ix, const struct platform *p, const struct descriptor **out,
		 struct err *e);

/* How a layer is packed. */
enum packing { PACK_NONE, PACK_GZIP, PACK_ZSTD };

/* From its media type; -EINVAL with the type's name for one that is not a layer we can read. */
int layer_packing(const char *media_type, struct err *e);

#endif

/* ref.h - the name of an image: where it is, what it is called, which one of that name. */
#ifndef IMAGE_REF_H
#define IMAGE_REF_H

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>

#define REF_MAX	     1024 /* bytes of a whole reference */
#define NAME_MAX_OCI 255  /* bytes of a repository name */
#define TAG_MAX	     128

enum ref_kind {
	REF_REGISTRY, /* docker://HOST[:PORT]/NAME[:TAG][@DIGEST], or the same without docker:// */
	REF_SHORT,    /* NAME[:TAG][@DIGEST] without a host: of the local store, or of the default
			 registry */
	REF_LAYOUT,   /* oci:DIR[:TAG] */
	REF_OCI_ARCHIVE,    /* oci-archive:FILE[:TAG], a layout in a tar file */
	REF_DOCKER_ARCHIVE, /* docker-archive:FILE[:NAME[:TAG]], what docker save writes */
};

struct ref {
	enum ref_kind kind;
	const char *host; /* "127.0.0.1:5000"; "docker.io" however it was written; NULL for a short
			     name and a layout */
	const char *name; /* "team/app"; the directory of a layout, the file of an archive */
	const char *
		tag; /* NULL when absent; "latest" is filled in for a name without tag and digest */
	const char *digest; /* "sha256:..." or "sha512:..."; NULL when absent */
};

/* Parses strictly what a person wrote: lower case names, no empty part, sizes as above, digests
 * by digest_check. -EINVAL with the reason. */
int ref_parse(const char *text, struct arena *a, struct ref *out, struct err *e);

/* Whether it is a layout or an archive, on disk. */
bool ref_is_place(const struct ref *r);

/* How the store calls it: HOST/NAME:TAG, HOST/NAME@DIGEST, NAME:TAG; for a layout or archive
 * the tag, if that is a whole name, else the last part of its path and the tag. NULL at the arena's
 * cap. */
const char *ref_text(const struct ref *r, struct arena *a);

/* The host that is spoken to: the registry's own, but docker.io has its images elsewhere. */
const char *ref_host(const struct ref *r);

/* Gives a short name its host: the first of the machine's unqualified-search-registries in conf
 * (the text of /etc/containers/registries.conf). -ENOENT when it names none. */
int ref_qualify(struct ref *r, const char *conf, struct arena *a, struct err *e);

/* The same, reading that file. */
int ref_qualify_here(struct ref *r, struct arena *a, struct err *e);

/* Whether s is "sha256:" and 64, or "sha512:" and 128 lower-case hex digits. Another algorithm is
 * refused by its name. */
int digest_check(const char *s, struct err *e);

#endif

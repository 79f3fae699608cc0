/* hosts.h - which hosts serve a registry, and how they are spoken to: certs.d directories. */
#ifndef IMAGE_HOSTS_H
#define IMAGE_HOSTS_H

#include "base/arena.h"
#include "base/err.h"
#include "image/http.h"

#include <stdbool.h>
#include <stddef.h>

#define HOSTS_MAX 16

struct host {
	const char
		*base; /* "https://HOST[/PATH]/v2"; NULL: to be found out, by the registry's name */
	bool resolve;  /* trusted to say which digest a tag has */
	bool pull;     /* has manifests and blobs by digest */
	bool referrers; /* and the lists of what refers to them */
	struct http_options http;
};

/* Mirrors in the order in which they are asked, and the registry itself as the last one. */
struct hosts {
	struct host v[HOSTS_MAX];
	size_t n;
};

/* What text, a hosts.toml in the directory dir, says for the registry. -EINVAL with the line or key
 * that is wrong. Keys that are not known are ignored, as containerd ignores them. */
int hosts_parse(const char *text, size_t len, const char *dir, struct arena *a, struct hosts *out,
		struct err *e);

/* Reads what certs has for HOST[:PORT]: CERTS/HOST:PORT or HOST_PORT_, else CERTS/_default; in it
 * hosts.toml, else *.crt to trust, and a NAME.cert with NAME.key to show. certs NULL: containerd's,
 * containers' and docker's directories below /etc, the first that has one. Nothing there is one
 * host: the registry itself. */
int hosts_here(const char *certs, const char *registry, struct arena *a, struct hosts *out,
	       struct err *e);

#endif
